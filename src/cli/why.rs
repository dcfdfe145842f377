//! `pimento why`: the last refusals, by which rule, and what to do.

use serde_json::{Value, json};

use super::output::Output;
use super::paint::Paint;
use super::show::{plain, time};
use super::{Agent, Failure};
use crate::control::proto::{Refused, WhyReply, WhyRequest};
use crate::refusal::ExitCode;

pub(super) async fn why(mut agent: Agent, output: &Output, last: u32) -> Result<ExitCode, Failure> {
    let reply = agent.why(WhyRequest { last }).await?.into_inner();
    let values: Vec<Value> = reply.refused.iter().map(value).collect();
    output.result(&text(&reply, output.paint()), &json!(values));
    Ok(ExitCode::Done)
}

fn text(reply: &WhyReply, paint: Paint) -> String {
    if reply.refused.is_empty() {
        // Of what was before, the agent knows nothing; the record does.
        return format!(
            "nothing was refused since the agent started ({}); `pimento audit tail` tells what was \
             before",
            time(&reply.since)
        );
    }
    let blocks = reply.refused.iter().map(|one| block(one, paint));
    blocks.collect::<Vec<_>>().join("\n\n")
}

fn block(one: &Refused, paint: Paint) -> String {
    let refusal = one.refusal.clone().unwrap_or_default();
    let head = format!("{}  {}", time(&one.at), plain(&one.credential));
    let fields = [
        ("asked by", plain(&one.requester)),
        ("refused", plain(&refusal.message)),
        ("rule", refusal.code.clone()),
        ("do", plain(&refusal.advice)),
        ("id", one.id.clone()),
    ];
    let told = fields.iter().filter(|(_, text)| !text.is_empty());
    let lines = told.map(|(name, text)| format!("  {name:<8}  {text}"));
    let head = paint.heading(&head);
    [head]
        .into_iter()
        .chain(lines)
        .collect::<Vec<_>>()
        .join("\n")
}

/// One refusal, as `--json` tells it.
pub(super) fn value(one: &Refused) -> Value {
    let refusal = one.refusal.clone().unwrap_or_default();
    json!({
        "at": one.at, "id": one.id, "credential": one.credential, "requester": one.requester,
        "code": refusal.code, "message": refusal.message, "advice": refusal.advice,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::proto::Refusal;

    fn reply() -> WhyReply {
        WhyReply {
            since: "2026-01-02T03:04:05Z".to_owned(),
            refused: vec![Refused {
                at: "2026-01-02T03:04:06Z".to_owned(),
                credential: "web\u{1b}[2J".to_owned(),
                requester: "ssh (process 7)".to_owned(),
                refusal: Some(Refusal {
                    code: "binding".to_owned(),
                    message: "web was refused: no".to_owned(),
                    advice: "ask for it there".to_owned(),
                    ..Refusal::default()
                }),
                ..Refused::default()
            }],
        }
    }

    #[test]
    fn a_refusal_tells_its_rule_and_does_nothing_to_the_terminal() {
        let told = text(&reply(), Paint::plain());
        assert!(told.contains("web?[2J\n"), "{told}");
        assert!(told.contains("  rule      binding\n"), "{told}");
        assert!(told.contains("  do        ask for it there"), "{told}");
        assert!(!told.contains("  id"), "{told}");
    }

    #[test]
    fn nothing_refused_is_said_of_the_time_since_the_start_only() {
        let mut reply = reply();
        reply.refused.clear();
        let told = text(&reply, Paint::plain());
        let since = time(&reply.since);
        assert!(told.starts_with(&format!(
            "nothing was refused since the agent started ({since})"
        )));
        assert!(told.contains("audit tail"), "{told}");
    }
}
