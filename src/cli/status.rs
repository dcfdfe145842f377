//! `pimento status`: what is open and for how long, what waits, what was refused, what to know.

use std::time::Duration;

use serde_json::{Value, json};

use super::output::{Output, counted};
use super::paint::Paint;
use super::show::{plain, span, time_of_day, window_json};
use super::{Agent, Failure, why};
use crate::control::proto::asked::Outcome;
use crate::control::proto::window::State;
use crate::control::proto::{
    Asked, Configured, Refused, Revealed, StatusReply, StatusRequest, Window,
};
use crate::refusal::ExitCode;

/// Shows it once, or line by line again whenever something changes.
pub(super) async fn status(
    mut agent: Agent,
    output: &Output,
    watch: bool,
) -> Result<ExitCode, Failure> {
    let mut shown = None;
    loop {
        let reply = agent.status(StatusRequest {}).await?.into_inner();
        warn_of_version(output, &reply);
        let (text, value) = (text(&reply, output.paint()), value(&reply));
        if shown.as_ref() != Some(&text) {
            output.result(&text, &value);
            shown = Some(text);
        }
        if !watch {
            return Ok(ExitCode::Done);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn warn_of_version(output: &Output, reply: &StatusReply) {
    let own = env!("CARGO_PKG_VERSION");
    if reply.version != own {
        output.hint(&format!(
            "pimento: the agent is version {} and this command {own}; restart the agent",
            reply.version
        ));
    }
}

/// Whether `seconds` are few enough to say so; the agent's notice comes at the same time.
pub(super) const fn ends_soon(seconds: u64) -> bool {
    seconds <= 120
}

/// `3 keys, 1 password`, as they are configured.
pub(super) fn summed_up(configured: &Configured) -> String {
    let kinds = [
        (configured.keys, "key"),
        (configured.passwords, "password"),
        (configured.certificates, "certificate"),
    ];
    let mut parts: Vec<String> = kinds
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| counted(usize::try_from(*count).unwrap_or(usize::MAX), noun))
        .collect();
    match configured.authorities {
        0 => {}
        1 => parts.push("1 authority".to_owned()),
        count => parts.push(format!("{count} authorities")),
    }
    match parts.is_empty() {
        true => "nothing is configured".to_owned(),
        false => parts.join(", "),
    }
}

/// Rows under a heading.
struct Group {
    heading: &'static str,
    rows: Vec<Row>,
}

/// A name, which is padded to the longest of its group, and what is said of it.
struct Row(String, String);

fn text(reply: &StatusReply, paint: Paint) -> String {
    let groups = [
        Group::of(
            "Windows",
            reply.windows.iter().flat_map(|it| window(it, paint)),
        ),
        Group::of(
            "Signed in",
            reply.tenants.iter().map(|it| {
                Row(
                    it.name.clone(),
                    match it.user_name.as_str() {
                        "" => format!("nobody: `pimento login {}`", it.name),
                        user => plain(user),
                    },
                )
            }),
        ),
        Group::of("Credentials", credentials(reply).into_iter()),
        Group::of(
            "Passwords that were shown",
            reply.revealed.iter().map(revealed),
        ),
        Group::of(
            "Last refusals (`pimento why` tells more)",
            reply.refused.iter().flat_map(|it| refused(it, paint)),
        ),
        Group::of(
            "Warnings",
            reply.warnings.iter().flat_map(|it| warning(it, paint)),
        ),
        Group::of("Agent", agent(reply).into_iter()),
    ];
    let mut blocks: Vec<String> = Vec::new();
    if reply.locked {
        let told = "Locked: nothing is opened or used (`pimento lock --off`)";
        blocks.push(paint.bad(told));
    }
    let told = groups.iter().filter(|group| !group.rows.is_empty());
    blocks.extend(told.map(|group| group.text(paint)));
    blocks.join("\n\n")
}

impl Group {
    fn of(heading: &'static str, rows: impl Iterator<Item = Row>) -> Self {
        Self {
            heading,
            rows: rows.collect(),
        }
    }

    fn text(&self, paint: Paint) -> String {
        let names = self.rows.iter().map(|Row(name, _)| name.chars().count());
        let width = names.max().unwrap_or(0);
        let rows = self
            .rows
            .iter()
            .map(|Row(name, said)| format!("  {name:<width$}  {said}"));
        let rows = rows.map(|row| row.trim_end().to_owned());
        let heading = paint.heading(self.heading);
        [heading]
            .into_iter()
            .chain(rows)
            .collect::<Vec<_>>()
            .join("\n")
    }
}

/// A window: its state, and below it what is held or waited for.
fn window(window: &Window, paint: Paint) -> Vec<Row> {
    let name = window.name.clone();
    let below = |said: String| Row(String::new(), said);
    match window.state() {
        State::Open => {
            let left = format!("{} left", span(window.seconds_left));
            let left = match ends_soon(window.seconds_left) {
                true => paint.warning(&format!("{left}, ends soon")),
                false => left,
            };
            let until = time_of_day(&window.ends);
            let mut rows = vec![Row(
                name,
                format!("{}     {left} (until {until})", paint.good("open")),
            )];
            let held = window.held.iter().map(|held| {
                below(format!(
                    "         holds {}, version {}",
                    held.credential, held.version
                ))
            });
            rows.extend(held);
            rows
        }
        State::Opening => {
            let mut rows = vec![Row(
                name,
                format!("{}  {}", paint.warning("opening"), plain(&window.stage)),
            )];
            if !window.request.is_empty() {
                rows.push(below(format!(
                    "         request {}; `pimento close {}` takes it back",
                    window.request, window.name
                )));
            }
            rows
        }
        State::Closed | State::Unspecified => vec![Row(name, paint.faint("closed"))],
    }
}

fn credentials(reply: &StatusReply) -> Vec<Row> {
    let mut rows = Vec::new();
    if let Some(configured) = &reply.configured {
        rows.push(Row("configured".to_owned(), summed_up(configured)));
    }
    let held: usize = reply.windows.iter().map(|window| window.held.len()).sum();
    if held > 0 {
        rows.push(Row(
            "held".to_owned(),
            format!("{held} in memory, until their windows end"),
        ));
    }
    if reply.added_keys > 0 {
        let added = counted(
            usize::try_from(reply.added_keys).unwrap_or(usize::MAX),
            "key",
        );
        rows.push(Row(
            "added".to_owned(),
            format!("{added}, by clients (`ssh-add -l`)"),
        ));
    }
    rows
}

fn revealed(shown: &Revealed) -> Row {
    let times = counted(usize::try_from(shown.times).unwrap_or(usize::MAX), "time");
    let said = format!(
        "version {}, {times}, last {} to {}",
        shown.version,
        time_of_day(&shown.at),
        plain(&shown.requester)
    );
    Row(shown.credential.clone(), said)
}

fn refused(one: &Refused, paint: Paint) -> Vec<Row> {
    let refusal = one.refusal.clone().unwrap_or_default();
    let said = format!("{}  {}", paint.bad(&refusal.code), plain(&refusal.message));
    let mut rows = vec![Row(time_of_day(&one.at), said)];
    if !refusal.advice.is_empty() {
        rows.push(Row(String::new(), plain(&refusal.advice)));
    }
    rows
}

fn warning(text: &str, paint: Paint) -> Vec<Row> {
    let lines = text.lines().enumerate();
    let rows = lines.map(|(at, line)| match at {
        0 => Row(paint.warning("!"), plain(line.trim())),
        _ => Row(paint.warning(" "), plain(line.trim())),
    });
    rows.collect()
}

fn agent(reply: &StatusReply) -> Vec<Row> {
    let row = |name: &str, said: String| Row(name.to_owned(), said);
    let started = time_of_day(&reply.started);
    vec![
        row("version", format!("{}, started {started}", reply.version)),
        row("socket", reply.agent_socket.clone()),
        row("record", reply.audit_file.clone()),
    ]
}

fn value(reply: &StatusReply) -> Value {
    let tenants = reply.tenants.iter().map(|tenant| {
        let user = Some(&tenant.user_name).filter(|user| !user.is_empty());
        json!({"name": tenant.name, "user_name": user})
    });
    let configured = reply.configured.unwrap_or_default();
    json!({
        "version": reply.version,
        "started": reply.started,
        "tenants": tenants.collect::<Vec<_>>(),
        "windows": reply.windows.iter().map(window_json).collect::<Vec<_>>(),
        "locked": reply.locked,
        "added_keys": reply.added_keys,
        "configured": {
            "keys": configured.keys,
            "passwords": configured.passwords,
            "certificates": configured.certificates,
            "cas": configured.authorities,
        },
        "agent_socket": reply.agent_socket,
        "audit_file": reply.audit_file,
        "warnings": reply.warnings,
        "revealed": reply.revealed.iter().map(revealed_json).collect::<Vec<_>>(),
        "refused": reply.refused.iter().map(why::value).collect::<Vec<_>>(),
        "asked": reply.asked.iter().map(asked_json).collect::<Vec<_>>(),
    })
}

fn revealed_json(shown: &Revealed) -> Value {
    json!({
        "credential": shown.credential,
        "version": shown.version,
        "at": shown.at,
        "requester": shown.requester,
        "times": shown.times,
        "id": shown.id,
    })
}

fn asked_json(asked: &Asked) -> Value {
    json!({
        "at": asked.at,
        "id": asked.id,
        "credential": asked.credential,
        "end": asked.end,
        "requester": asked.requester,
        "outcome": outcome(asked.outcome()),
        "code": Some(&asked.code).filter(|code| !code.is_empty()),
    })
}

/// What came of an ask, in a word.
pub(super) const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Waiting => "waiting",
        Outcome::Released => "released",
        Outcome::Prepared => "prepared",
        Outcome::Refused => "refused",
        Outcome::Left | Outcome::Unspecified => "left",
    }
}

#[cfg(test)]
mod tests;
