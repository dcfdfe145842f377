//! `pimento open`, `close` and `lock`.

use jiff::SignedDuration;
use serde_json::json;

use super::output::Output;
use super::{Agent, Failure, show};
use crate::control::proto::open_event::Event;
use crate::control::proto::{CloseRequest, LockRequest, OpenRequest};
use crate::refusal::ExitCode;

pub(super) fn request(
    window: String,
    reason: Option<String>,
    ticket: Option<&str>,
    duration: Option<SignedDuration>,
) -> Result<OpenRequest, Failure> {
    let usage = |text: &str, advice: &str| Failure::new("usage", ExitCode::Usage, text, advice);
    let (ticket_system, ticket_number) = match ticket.map(|ticket| ticket.split_once(':')) {
        None => (String::new(), String::new()),
        Some(Some((system, number))) if !system.is_empty() && !number.is_empty() => {
            (system.to_owned(), number.to_owned())
        }
        Some(_) => {
            return Err(usage(
                "the ticket is not SYSTEM:NUMBER",
                "for example --ticket ServiceNow:CHG0042",
            ));
        }
    };
    let seconds = match duration {
        None => 0,
        Some(duration) => u64::try_from(duration.as_secs())
            .ok()
            .filter(|seconds| *seconds > 0)
            .ok_or_else(|| {
                usage(
                    "the duration is not a span of time",
                    "for example --duration 30m",
                )
            })?,
    };
    let reason = reason.unwrap_or_default();
    Ok(OpenRequest {
        window,
        reason,
        ticket_system,
        ticket_number,
        seconds,
    })
}

pub(super) async fn open(
    mut agent: Agent,
    output: &Output,
    request: OpenRequest,
) -> Result<ExitCode, Failure> {
    let mut events = agent.open(request).await?.into_inner();
    while let Some(event) = events.message().await? {
        match event.event {
            Some(Event::Stage(stage)) => output.progress(&stage),
            Some(Event::Opened(window)) => {
                output.progress_ends();
                output.result(&show::window_line(&window), &show::window_json(&window));
                return Ok(ExitCode::Done);
            }
            None => {}
        }
    }
    Err(Failure::failed(
        "the agent ended the opening without an answer",
    ))
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
