//! `pimento approvals`: what others ask for, and the user's verdict.

use serde_json::{Value, json};

use super::output::Output;
use super::show::{plain, span, time};
use super::{Agent, Failure};
use crate::control::proto::{Approval, ApprovalsRequest, DecideRequest};
use crate::refusal::ExitCode;

/// Whose requests, and what to say to them.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    verdict: Option<Said>,
    /// The tenant; may be left out if there is one only
    #[arg(long, global = true)]
    tenant: Option<String>,
}

/// What to say to a request.
#[derive(Debug, clap::Subcommand)]
enum Said {
    /// Let somebody in
    Approve(One),
    /// Turn somebody away
    Deny(One),
}

#[derive(Debug, clap::Args)]
struct One {
    /// The request, as `pimento approvals` lists it
    id: String,
    /// Why; whoever asked and the record of PIM get to see it
    #[arg(long)]
    reason: String,
}

pub(super) async fn run(
    args: Args,
    mut agent: Agent,
    output: &Output,
) -> Result<ExitCode, Failure> {
    let tenant = args.tenant.unwrap_or_default();
    let (one, approve) = match args.verdict {
        None => return list(agent, output, tenant).await,
        Some(Said::Approve(one)) => (one, true),
        Some(Said::Deny(one)) => (one, false),
    };
    let request = DecideRequest {
        tenant,
        id: one.id.clone(),
        approve,
        reason: one.reason,
    };
    let _decided = agent.decide(request).await?;
    let word = if approve { "approved" } else { "denied" };
    output.result(
        &format!("{word} {}", one.id),
        &json!({"id": one.id, "approved": approve}),
    );
    Ok(ExitCode::Done)
}

async fn list(mut agent: Agent, output: &Output, tenant: String) -> Result<ExitCode, Failure> {
    let reply = agent.approvals(ApprovalsRequest { tenant }).await?;
    let waiting = reply.into_inner().approvals;
    let lines: Vec<String> = waiting.iter().map(lines).collect();
    let text = match lines.as_slice() {
        [] => "nothing waits for your approval".to_owned(),
        lines => lines.join("\n"),
    };
    let values: Vec<Value> = waiting.iter().map(value).collect();
    output.result(&text, &json!(values));
    Ok(ExitCode::Done)
}

fn lines(one: &Approval) -> String {
    let mut text = format!(
        "{}  {} asks to be {}",
        one.id,
        plain(&one.who),
        plain(&one.what)
    );
    if one.seconds > 0 {
        text.push_str(&format!(" for {}", span(one.seconds)));
    }
    if !one.asked.is_empty() {
        text.push_str(&format!(" (since {})", time(&one.asked)));
    }
    text.push_str(&format!("\n  why: {}", plain(&one.reason)));
    if !one.ticket.is_empty() {
        text.push_str(&format!("\n  ticket: {}", plain(&one.ticket)));
    }
    text
}

fn value(one: &Approval) -> Value {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    json!({
        "id": one.id,
        "who": one.who,
        "what": one.what,
        "reason": one.reason,
        "ticket": given(&one.ticket),
        "seconds": Some(one.seconds).filter(|seconds| *seconds > 0),
        "asked": given(&one.asked),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_wrote_does_nothing_to_the_terminal() {
        let one = Approval {
            id: "r1".to_owned(),
            who: "mia\u{1b}[2J".to_owned(),
            what: "member of PIM".to_owned(),
            reason: "line\nbreak \u{202e}turned\u{2069}".to_owned(),
            seconds: 3600,
            ..Approval::default()
        };
        let told = lines(&one);
        assert_eq!(
            told,
            "r1  mia?[2J asks to be member of PIM for 1 h 00 min\n  why: line?break ?turned?"
        );
    }
}
