//! `pimento open`, `close` and `lock`.

use jiff::SignedDuration;
use serde_json::json;

use super::output::Output;
use super::person::Person;
use super::{Agent, Failure, connect, show};
use crate::config::Paths;
use crate::control::proto::open_event::Event;
use crate::control::proto::{CloseRequest, LockRequest, OpenEvent, OpenRequest, Window};
use crate::refusal::ExitCode;

/// What to open.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The window
    window: String,
    /// The justification that PIM records
    #[arg(long)]
    reason: Option<String>,
    /// The ticket that PIM records
    #[arg(long, value_name = "SYSTEM:NUMBER")]
    ticket: Option<String>,
    /// For how long, such as 30m
    #[arg(long, value_name = "SPAN")]
    duration: Option<SignedDuration>,
}

pub(super) async fn open(args: Args, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let request = OpenRequest {
        window: args.window,
        seconds: seconds(args.duration)?,
        said: None,
    };
    let mut person = Person::new(args.reason, args.ticket.as_deref(), output)?;
    let agent = connect(paths).await?;
    let call = |said| async {
        let said = Some(said);
        let request = OpenRequest {
            said,
            ..request.clone()
        };
        let events = agent.clone().open(request).await?.into_inner();
        opened(output, events).await
    };
    let window = person.makes(output, call).await?;
    let window = window.ok_or_else(|| Failure::failed("the agent ended without an answer"))?;
    output.result(&show::window_line(&window), &show::window_json(&window));
    Ok(ExitCode::Done)
}

/// How long to ask for; 0: as configured.
fn seconds(duration: Option<SignedDuration>) -> Result<u64, Failure> {
    let usage = |text: &str, advice: &str| Failure::new("usage", ExitCode::Usage, text, advice);
    match duration {
        None => Ok(0),
        Some(duration) => u64::try_from(duration.as_secs())
            .ok()
            .filter(|seconds| *seconds > 0)
            .ok_or_else(|| {
                usage(
                    "the duration is not a span of time",
                    "for example --duration 30m",
                )
            }),
    }
}

/// Shows the progress; `None` if nothing had to be opened.
pub(super) async fn opened(
    output: &Output,
    mut events: tonic::Streaming<OpenEvent>,
) -> Result<Option<Window>, Failure> {
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Stage(stage)) => output.progress(&stage),
            Some(Event::Opened(window)) => {
                output.progress_ends();
                return Ok(Some(window));
            }
            None => {}
        }
    }
    output.progress_ends();
    Ok(None)
}

pub(super) async fn close(
    mut agent: Agent,
    output: &Output,
    window: String,
) -> Result<ExitCode, Failure> {
    let reply = agent.close(CloseRequest { window }).await?.into_inner();
    let text = match reply.closed.as_slice() {
        [] => "nothing was open".to_owned(),
        closed => format!("closed and wiped: {}", closed.join(", ")),
    };
    let not_ended: Vec<&str> = reply
        .not_ended
        .iter()
        .map(|it| it.message.as_str())
        .collect();
    output.result(
        &text,
        &json!({"closed": reply.closed, "not_ended": not_ended}),
    );
    for refusal in &reply.not_ended {
        output.hint(&format!("pimento: {}", refusal.message));
    }
    Ok(if reply.not_ended.is_empty() {
        ExitCode::Done
    } else {
        ExitCode::Partly
    })
}

pub(super) async fn lock(
    mut agent: Agent,
    output: &Output,
    off: bool,
) -> Result<ExitCode, Failure> {
    let reply = agent.lock(LockRequest { locked: !off }).await?.into_inner();
    let text = match off {
        true => "unlocked".to_owned(),
        false => format!("locked; windows wiped: {}", reply.closed),
    };
    output.result(&text, &json!({"locked": !off, "closed": reply.closed}));
    Ok(ExitCode::Done)
}
