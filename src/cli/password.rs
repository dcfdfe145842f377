//! `pimento password`.

use zeroize::Zeroizing;

use super::output::Output;
use super::{Agent, Failure};
use crate::control::proto::password_event::Event;
use crate::control::proto::{PasswordEvent, PasswordRequest};
use crate::refusal::ExitCode;

/// Refuses a terminal, before anything is opened for it.
pub(super) fn may_print(output: &Output, reveal: bool) -> Result<(), Failure> {
    if output.is_terminal() && !reveal {
        return Err(Failure::new(
            "terminal",
            ExitCode::Usage,
            "the password would stay on this terminal's screen",
            "send it to a program's standard input, or add --reveal to see it",
        ));
    }
    Ok(())
}

pub(super) async fn password(
    mut agent: Agent,
    output: &Output,
    name: String,
    reason: String,
) -> Result<ExitCode, Failure> {
    let events = agent
        .password(PasswordRequest { name, reason })
        .await?
        .into_inner();
    print(output, events).await
}

/// Shows the progress, then prints the password.
pub(super) async fn print(
    output: &Output,
    mut events: tonic::Streaming<PasswordEvent>,
) -> Result<ExitCode, Failure> {
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Stage(stage)) => output.progress(&stage),
            Some(Event::Password(password)) => {
                let password = Zeroizing::new(password);
                output.progress_ends();
                let printed = output.secret(&password);
                printed.map_err(|error| Failure::failed(format!("nobody reads it: {error}")))?;
                return Ok(ExitCode::Done);
            }
            None => {}
        }
    }
    Err(Failure::failed("the agent ended without an answer"))
}
