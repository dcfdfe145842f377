//! `pimento open`, `close` and `lock`.

use std::pin::Pin;

use jiff::SignedDuration;
use serde_json::json;

use super::output::Output;
use super::person::Person;
use super::{Agent, Failure, connect, show};
use crate::config::Paths;
use crate::control::proto::open_event::Event;
use crate::control::proto::{
    CloseRequest, LockRequest, OpenEvent, OpenRequest, RehearseReply, Window,
};
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
    /// Only ask PIM what it would say, and what its policy wants; opens nothing
    #[arg(long)]
    dry_run: bool,
    /// More time, if it is open: it is ended and opened again, and between the two nothing can be used
    #[arg(long, conflicts_with = "dry_run")]
    extend: bool,
}

pub(super) async fn open(args: Args, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let request = OpenRequest {
        window: args.window,
        seconds: seconds(args.duration)?,
        said: None,
        extend: args.extend,
    };
    let mut person = Person::new(args.reason, args.ticket.as_deref(), output)?;
    let agent = connect(paths).await?;
    if args.dry_run {
        let call = |said| async {
            let said = Some(said);
            let request = OpenRequest {
                said,
                ..request.clone()
            };
            Ok(agent.clone().rehearse(request).await?.into_inner())
        };
        let reply = person.makes(output, call).await?;
        output.result(&rehearsed_text(&reply), &rehearsed_json(&reply));
        return Ok(ExitCode::Done);
    }
    let call = |said| async {
        let said = Some(said);
        let request = OpenRequest {
            said,
            ..request.clone()
        };
        let name = request.window.clone();
        let events = agent.clone().open(request).await?.into_inner();
        watched(output, &name, events).await
    };
    let window = person.makes(output, call).await?;
    let window = window.ok_or_else(|| Failure::failed("the agent ended without an answer"))?;
    output.result(&show::window_line(&window), &show::window_json(&window));
    Ok(ExitCode::Done)
}

fn rehearsed_text(reply: &RehearseReply) -> String {
    let mut lines = vec![match reply.exists {
        true => "PIM has it open already, or a request for it waits".to_owned(),
        false => "PIM would open it".to_owned(),
    }];
    if reply.longest > 0 {
        lines.push(format!("longest   {}", show::span(reply.longest)));
    }
    if !reply.needed.is_empty() {
        lines.push(format!("needs     {}", reply.needed.join(", ")));
    }
    if reply.second_factor {
        lines.push("sign-in   with a second factor".to_owned());
    }
    if !reply.context.is_empty() {
        lines.push(format!(
            "sign-in   that satisfies context {}",
            reply.context
        ));
    }
    if reply.approval {
        let by = match reply.approvers.as_slice() {
            [] => "somebody whom the policy does not name".to_owned(),
            approvers => approvers.join(" or "),
        };
        lines.push(format!("approval  by {by}"));
    }
    lines.join("\n")
}

fn rehearsed_json(reply: &RehearseReply) -> serde_json::Value {
    json!({
        "exists": reply.exists,
        "longest": Some(reply.longest).filter(|seconds| *seconds > 0),
        "needed": reply.needed,
        "second_factor": reply.second_factor,
        "context": Some(&reply.context).filter(|context| !context.is_empty()),
        "approval": reply.approval,
        "approvers": reply.approvers,
    })
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
        if let Some(window) = shown(output, event) {
            return Ok(Some(window));
        }
    }
    output.progress_ends();
    Ok(None)
}

/// The same; whoever stops watching while an approver is waited for is told what becomes of it.
async fn watched(
    output: &Output,
    window: &str,
    mut events: tonic::Streaming<OpenEvent>,
) -> Result<Option<Window>, Failure> {
    let mut request = String::new();
    // Until then Ctrl-C ends this process, as it does everywhere.
    let mut stopped: Pin<Box<dyn Future<Output = ()>>> = Box::pin(std::future::pending());
    loop {
        let event = tokio::select! {
            event = events.message() => event?,
            () = &mut stopped => return Err(left(window, &request)),
        };
        let Some(event) = event else { break };
        if request.is_empty() && !event.request.is_empty() {
            stopped = Box::pin(interrupted());
            // From here on, before anybody is told to wait.
            tokio::select! {
                biased;
                () = &mut stopped => return Err(left(window, &event.request)),
                () = std::future::ready(()) => {}
            }
        }
        request.clone_from(&event.request);
        if let Some(window) = shown(output, event) {
            return Ok(Some(window));
        }
    }
    output.progress_ends();
    Ok(None)
}

/// Shows one event; gives the window once it is open.
fn shown(output: &Output, event: OpenEvent) -> Option<Window> {
    match event.event? {
        Event::Stage(stage) => output.progress(&stage),
        Event::Notice(notice) => output.notice(&notice),
        Event::Opened(window) => {
            output.progress_ends();
            return Some(window);
        }
    }
    None
}

/// Returns at Ctrl-C.
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What becomes of an opening that nobody watches any more.
fn left(window: &str, request: &str) -> Failure {
    if request.is_empty() {
        return Failure::new(
            "not_usable_in_time",
            ExitCode::NotUsable,
            format!("window {window} is still being opened"),
            "`pimento status` shows how far it is",
        );
    }
    Failure::new(
        "awaiting_approval",
        ExitCode::AwaitingApproval,
        format!("the request for window {window} still waits for approval (request {request})"),
        &format!(
            "`pimento close {window}` takes it back; otherwise the window opens when it is approved"
        ),
    )
}

pub(super) async fn close(
    mut agent: Agent,
    output: &Output,
    window: String,
) -> Result<ExitCode, Failure> {
    let reply = agent.close(CloseRequest { window }).await?.into_inner();
    let told = [
        ("closed and wiped", &reply.closed),
        ("does not open any more", &reply.taken_back),
    ];
    let told = told.iter().filter(|(_, windows)| !windows.is_empty());
    let lines: Vec<String> = told
        .map(|(what, windows)| format!("{what}: {}", windows.join(", ")))
        .collect();
    let text = match lines.as_slice() {
        [] => "nothing was open".to_owned(),
        lines => lines.join("\n"),
    };
    let not_ended: Vec<&str> = reply
        .not_ended
        .iter()
        .map(|it| it.message.as_str())
        .collect();
    output.result(
        &text,
        &json!({
            "closed": reply.closed, "not_ended": not_ended, "taken_back": reply.taken_back,
        }),
    );
    for refusal in &reply.not_ended {
        output.hint(&format!("pimento: {}; {}", refusal.message, refusal.advice));
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
