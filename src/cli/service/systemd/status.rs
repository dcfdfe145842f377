//! `pimento service status`: which unit starts the agent, and whether it answers.

use serde_json::json;

use super::confined::Confined;
use super::{Places, SERVICE, SOCKET, answer, answers, state};
use crate::cli::Failure;
use crate::cli::output::Output;
use crate::config::Paths;
use crate::refusal::ExitCode;

const NO_VARIABLE: &str = "none: programs ask pimento where you name it (`pimento service install \
                           --ssh-auth-sock`)";

pub(in crate::cli::service) async fn status(
    paths: &Paths,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let places = Places::of(paths);
    let found = match Confined::here() {
        Some(confined) => status_confined(&confined, paths, &places).await,
        None => status_own(&places).await?,
    };
    output.result(&found.text, &found.value);
    Ok(match found.active {
        true => ExitCode::Done,
        false => ExitCode::NoAgent,
    })
}

/// What `pimento service status` tells.
struct Found {
    text: String,
    value: serde_json::Value,
    /// Whether whoever asks reaches an agent.
    active: bool,
}

/// By whether it answers: the system's systemd need not tell a user about its units.
async fn status_confined(confined: &Confined, paths: &Paths, places: &Places) -> Found {
    let active = answers(paths).await;
    let agent = match active {
        true => "active".to_owned(),
        false => format!("does not answer: `systemctl status {}`", confined.name()),
    };
    let (unit, variable) = (confined.name(), places.told_variable());
    Found {
        text: format!(
            "unit      {unit} of the system\nagent     {agent}\nvariable  {}",
            variable.as_deref().unwrap_or(NO_VARIABLE)
        ),
        value: json!({ "unit": unit, "agent": agent, "variable": variable }),
        active,
    }
}

async fn status_own(places: &Places) -> Result<Found, Failure> {
    // The user's own wins, as it does for systemd; a masked one is a link.
    let own = Some(places.units.join(SOCKET));
    let own = own.filter(|file| file.symlink_metadata().is_ok_and(|it| it.is_file()));
    let unit = own.or_else(|| places.packaged.clone());
    let (socket, service) = (state(SOCKET).await?, state(SERVICE).await?);
    let enabled = answer(&["is-enabled", SOCKET]).await?;
    let variable = places.told_variable();
    let unit = unit.map(|it| it.display().to_string());
    let text = match &unit {
        None => "no service: the agent runs when you start it (`pimento agent`)\n\
                 install one: `pimento service install`"
            .to_owned(),
        Some(unit) => format!(
            "unit      {unit}\nsocket    {socket}, {enabled}\nagent     {service}\nvariable  {}",
            variable.as_deref().unwrap_or(NO_VARIABLE),
        ),
    };
    Ok(Found {
        text,
        active: socket == "active",
        value: json!({
            "unit": unit, "socket": socket, "enabled": enabled, "agent": service,
            "variable": variable,
        }),
    })
}
