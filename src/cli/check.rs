//! `pimento check`: what a login would be given, without making it.
//!
//! ssh is asked what it makes of the host, and the agent what its rules say. What never happens here:
//! an opening, or a question to a person.

use serde_json::{Value, json};

use super::output::Output;
use super::paint::Paint;
use super::show::{span, window_json, window_state};
use super::sudo::host::Host;
use super::{Failure, connect};
use crate::config::Paths;
use crate::control::proto::window::State;
use crate::control::proto::{CheckReply, CheckRequest, Checked, Window};
use crate::refusal::ExitCode;

/// The login to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The host, as ssh knows it
    #[arg(value_name = "[USER@]HOST")]
    destination: String,
    /// The program that would ask, by its name or file [default: ssh]
    #[arg(long = "as", value_name = "PROGRAM")]
    program: Option<String>,
    /// An option for ssh, as its -o takes it
    #[arg(long = "option", short = 'o', value_name = "OPTION")]
    options: Vec<String>,
}

/// Shows what would be given, and why not; ends with 4 if nothing is configured for that login, and
/// with 6 if everything would be refused.
pub(super) async fn check(args: Args, paths: &Paths, output: &Output) -> Result<ExitCode, Failure> {
    let host = Host::resolve(&args.destination, &args.options).await?;
    let request = CheckRequest {
        hosts: host.names(),
        user: host.user().to_owned(),
        program: args.program.unwrap_or_default(),
        port: host.port(),
    };
    let account = format!("{}@{}", host.user(), host.names().join(" or "));
    let mut agent = connect(paths).await?;
    let reply = agent.check(request).await?.into_inner();
    if reply.credentials.is_empty() {
        return Err(nothing(&account, &reply));
    }
    output.result(
        &text(&account, &reply, output.paint()),
        &value(&account, &reply),
    );
    let serves = reply.credentials.iter().any(|it| it.refused.is_none());
    let opens = reply.credentials.iter().filter(|it| it.refused.is_none());
    let state = |it: &Checked| it.window.as_ref().map(Window::state);
    if opens.clone().any(|it| state(it) != Some(State::Open)) {
        output.hint(
            "pimento: what PIM's policy wants besides, PIM alone can tell: `pimento open WINDOW \
             --dry-run`",
        );
    }
    Ok(match serves {
        true => ExitCode::Done,
        false => ExitCode::Policy,
    })
}

fn nothing(account: &str, reply: &CheckReply) -> Failure {
    let near = reply.nearest.join(", ");
    let advice = match near.as_str() {
        "" => "`pimento keys` lists what is configured, and for which hosts".to_owned(),
        near => format!("the configuration has {near}; `pimento keys` lists everything"),
    };
    Failure::new(
        "no_match",
        ExitCode::NoMatch,
        format!(
            "no key or password that {} could ask for is configured for {account}",
            reply.program
        ),
        &advice,
    )
}

fn text(account: &str, reply: &CheckReply, paint: Paint) -> String {
    let mut lines = vec![paint.heading(&format!("{account}, asked for by {}", reply.program))];
    for one in &reply.credentials {
        lines.extend(block(one, paint));
    }
    lines.join("\n")
}

fn block(one: &Checked, paint: Paint) -> Vec<String> {
    let what = format!("{} {}  {}", one.kind, one.credential, one.end);
    let mut fields: Vec<(&str, String)> = Vec::new();
    let head = match &one.refused {
        None => {
            fields.push(("because", one.allowed.clone()));
            format!("{}  {what}", paint.good("yes"))
        }
        Some(refusal) => {
            fields.push(("refused", format!("{} ({})", refusal.message, refusal.code)));
            if !refusal.advice.is_empty() {
                fields.push(("do", refusal.advice.clone()));
            }
            format!("{}   {what}", paint.bad("no"))
        }
    };
    if let Some(window) = one.window.as_ref().filter(|_| one.refused.is_none()) {
        fields.push(("window", window_state(window)));
        if window.state() == State::Closed {
            fields.push(("opening", opening(one)));
        }
    }
    if one.confirm {
        fields.push(("asks", "you to confirm each use".to_owned()));
    }
    fields.extend(one.notes.iter().map(|note| ("note", note.clone())));
    let fields = fields
        .iter()
        .map(|(name, text)| format!("     {name:<8} {text}"));
    [head].into_iter().chain(fields).collect()
}

/// What opening the window would ask of PIM and of the person.
fn opening(one: &Checked) -> String {
    let reason = match one.reason.as_str() {
        "" => "asks you for a reason".to_owned(),
        reason => format!("tells PIM {reason:?}"),
    };
    let ticket = match one.ticket.as_str() {
        "" => String::new(),
        ticket => format!(", ticket {ticket}"),
    };
    format!("{reason}{ticket}, for {}", span(one.seconds))
}

fn value(account: &str, reply: &CheckReply) -> Value {
    let one = |one: &Checked| {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let refused = one.refused.as_ref().map(|refusal| {
            json!({"code": refusal.code, "message": refusal.message, "advice": refusal.advice})
        });
        json!({
            "credential": one.credential,
            "kind": one.kind,
            "end": one.end,
            "allowed": refused.is_none(),
            "rule": given(&one.allowed),
            "refused": refused,
            "window": one.window.as_ref().map(window_json),
            "reason": given(&one.reason),
            "ticket": given(&one.ticket),
            "seconds": one.seconds,
            "confirm": one.confirm,
            "notes": one.notes,
        })
    };
    let credentials: Vec<Value> = reply.credentials.iter().map(one).collect();
    json!({"account": account, "program": reply.program, "credentials": credentials})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::proto::Refusal;

    fn checked() -> Checked {
        Checked {
            credential: "web".to_owned(),
            kind: "key".to_owned(),
            end: "to log in as root@web1".to_owned(),
            allowed: "its `uses` include login".to_owned(),
            window: Some(Window {
                name: "ops".to_owned(),
                state: State::Closed.into(),
                ..Window::default()
            }),
            seconds: 3600,
            ..Checked::default()
        }
    }

    #[test]
    fn what_would_be_given_tells_what_its_opening_asks() {
        let mut one = checked();
        one.confirm = true;
        let lines = block(&one, Paint::plain()).join("\n");
        assert!(
            lines.starts_with("yes  key web  to log in as root@web1\n"),
            "{lines}"
        );
        assert!(
            lines.contains("opening  asks you for a reason, for 1 h 00 min"),
            "{lines}"
        );
        assert!(lines.contains("asks     you to confirm"), "{lines}");
        one.reason = "ssh to root".to_owned();
        one.ticket = "SNOW:1".to_owned();
        assert_eq!(
            opening(&one),
            "tells PIM \"ssh to root\", ticket SNOW:1, for 1 h 00 min"
        );
    }

    #[test]
    fn what_would_be_refused_tells_the_rule_and_what_to_do_and_no_window() {
        let mut one = checked();
        one.refused = Some(Refusal {
            code: "policy".to_owned(),
            message: "web was refused: no".to_owned(),
            advice: "add it".to_owned(),
            ..Refusal::default()
        });
        let lines = block(&one, Paint::plain());
        assert_eq!(
            lines,
            [
                "no   key web  to log in as root@web1",
                "     refused  web was refused: no (policy)",
                "     do       add it",
            ]
        );
    }
}
