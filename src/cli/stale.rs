//! `pimento status --stale`: what is to be replaced soon.

use serde_json::{Value, json};

use super::output::Output;
use super::{Agent, Failure};
use crate::control::proto::aged::State;
use crate::control::proto::{Aged, StaleRequest};
use crate::refusal::ExitCode;

/// Shows what is due, and what nothing is known of; with `--json` everything.
pub(super) async fn show(mut agent: Agent, output: &Output) -> Result<ExitCode, Failure> {
    let all = agent.stale(StaleRequest {}).await?.into_inner().credentials;
    let told = |it: &&Aged| it.state() != State::Fresh;
    let lines: Vec<String> = all.iter().filter(told).map(line).collect();
    let text = match lines.as_slice() {
        [] => "nothing expires soon or is older than it should be".to_owned(),
        lines => lines.join("\n"),
    };
    let values: Vec<Value> = all.iter().map(value).collect();
    output.result(&text, &json!(values));
    if all.iter().any(|it| it.state() == State::Unknown) {
        output.hint(
            "pimento: ages are known of what was read; `pimento doctor` looks at all that an open \
             window shows",
        );
    }
    let due = |it: &Aged| matches!(it.state(), State::Due | State::Expired);
    Ok(match all.iter().any(due) {
        true => ExitCode::Partly,
        false => ExitCode::Done,
    })
}

fn line(aged: &Aged) -> String {
    format!(
        "{:<8} {}: {}",
        word(aged.state()),
        aged.credential,
        aged.reason
    )
}

fn value(aged: &Aged) -> Value {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    json!({
        "credential": aged.credential,
        "state": word(aged.state()),
        "reason": aged.reason,
        "expires": given(&aged.expires),
        "created": given(&aged.created),
        "seen": given(&aged.seen),
    })
}

const fn word(state: State) -> &'static str {
    match state {
        State::Fresh => "fresh",
        State::Due => "due",
        State::Expired => "expired",
        State::Unknown | State::Unspecified => "unknown",
    }
}
