//! `pimento password`.

use zeroize::Zeroizing;

use super::clip::Clip;
use super::output::Output;
use super::person::Person;
use super::{Agent, Failure};
use crate::control::proto::password_event::Event;
use crate::control::proto::{self, PasswordEvent, PasswordRequest};
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

/// What to reveal.
#[derive(Clone)]
pub(super) struct Wanted {
    /// A name, or a reference.
    pub(super) name: String,
    pub(super) previous: bool,
}

/// Reveals a password: prints it, or puts it on the clipboard.
pub(super) async fn password(
    agent: Agent,
    output: &Output,
    wanted: Wanted,
    mut person: Person,
    clip: Option<Clip>,
) -> Result<ExitCode, Failure> {
    let released = reveal(&agent, output, &wanted, &mut person).await?;
    match clip {
        Some(clip) => clip.holds(output, released).await,
        None => print(output, released),
    }
}

/// Reveals a password.
pub(super) async fn reveal(
    agent: &Agent,
    output: &Output,
    wanted: &Wanted,
    person: &mut Person,
) -> Result<Released, Failure> {
    let call = |said| async {
        let request = PasswordRequest {
            name: wanted.name.clone(),
            previous: wanted.previous,
            said: Some(said),
        };
        let events = agent.clone().password(request).await?.into_inner();
        released(output, events).await
    };
    person.makes(output, call).await
}

/// A password that this process holds; wiped when dropped.
pub(super) struct Released {
    pub(super) password: Zeroizing<Vec<u8>>,
    /// What belongs to it.
    pub(super) facts: proto::Released,
}

/// Shows the progress, and takes the password.
pub(super) async fn released(
    output: &Output,
    mut events: tonic::Streaming<PasswordEvent>,
) -> Result<Released, Failure> {
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Stage(stage)) => output.progress(&stage),
            Some(Event::Notice(notice)) => output.hint(&format!("pimento: {notice}")),
            Some(Event::Released(mut facts)) => {
                output.progress_ends();
                for warning in &facts.warnings {
                    output.hint(&format!("pimento: {warning}"));
                }
                let password = Zeroizing::new(std::mem::take(&mut facts.password));
                return Ok(Released { password, facts });
            }
            None => {}
        }
    }
    Err(Failure::failed("the agent ended without an answer"))
}

/// Prints the password, alone on stdout.
pub(super) fn print(output: &Output, released: Released) -> Result<ExitCode, Failure> {
    let printed = output.secret(&released.password);
    printed.map_err(|error| Failure::failed(format!("nobody reads it: {error}")))?;
    Ok(ExitCode::Done)
}
