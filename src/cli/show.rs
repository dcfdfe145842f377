//! `pimento keys`, and how windows and times are shown: for people and as JSON.

use ratatui::text::Span;
use serde_json::{Value, json};

use super::output::Output;
use super::{Agent, Failure};
use crate::clock::{Clock, SystemClock};
use crate::control::proto::window::State;
use crate::control::proto::{Credential, KeysRequest, Window};
use crate::inert::inert;
use crate::refusal::ExitCode;

/// One line for a window: closed, on its way, or open until when.
pub(super) fn window_line(window: &Window) -> String {
    format!("{}  {}", window.name, window_state(window))
}

/// The same without its name.
pub(super) fn window_state(window: &Window) -> String {
    match window.state() {
        State::Open => format!(
            "open, {} left (until {})",
            span(window.seconds_left),
            time(&window.ends)
        ),
        State::Opening => format!("opening: {}", plain(&window.stage)),
        State::Closed | State::Unspecified => "closed".to_owned(),
    }
}

/// A time of the API as the person's own clock shows it.
pub(super) fn time(text: &str) -> String {
    let Ok(time) = text.parse::<jiff::Timestamp>() else {
        return text.to_owned();
    };
    let here = time.to_zoned_datetime(jiff::tz::TimeZone::system());
    here.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The same without its date, where that is today's.
pub(super) fn time_of_day(text: &str) -> String {
    let whole = time(text);
    let today = time(&SystemClock.wall().to_string());
    match (whole.split_once(' '), today.split_once(' ')) {
        (Some((day, time)), Some((today, _))) if day == today => time.to_owned(),
        _ => whole,
    }
}

/// The same on one line.
pub(super) fn one_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    plain(&lines.join(": "))
}

/// What a program or somebody else wrote does nothing to this terminal.
pub(super) fn plain(text: &str) -> String {
    inert(text, '?')
}

/// The beginning of `text` that takes at most `width` cells of a terminal.
pub(super) fn beginning(text: &str, width: usize) -> &str {
    let ends = text.char_indices().map(|(at, c)| at + c.len_utf8());
    let fitting = ends
        .map(|end| text.get(..end).unwrap_or_default())
        .take_while(|it| Span::raw(*it).width() <= width);
    fitting.last().unwrap_or_default()
}

pub(super) fn span(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

pub(super) fn window_json(window: &Window) -> Value {
    let state = match window.state() {
        State::Open => "open",
        State::Opening => "opening",
        State::Closed | State::Unspecified => "closed",
    };
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let held = window.held.iter();
    let held = held.map(|it| json!({"credential": it.credential, "version": it.version}));
    json!({
        "name": window.name,
        "tenant": window.tenant,
        "state": state,
        "stage": given(&window.stage),
        "ends": given(&window.ends),
        "seconds_left": (state == "open").then_some(window.seconds_left),
        "held": held.collect::<Vec<_>>(),
        "id": given(&window.id),
        "request": given(&window.request),
        "approvers": window.approvers,
        "lasts": (state == "open").then_some(window.lasts),
    })
}

pub(super) async fn keys(mut agent: Agent, output: &Output) -> Result<ExitCode, Failure> {
    let credentials = agent.keys(KeysRequest {}).await?.into_inner().credentials;
    let lines: Vec<String> = credentials.iter().map(key_line).collect();
    let values: Vec<Value> = credentials.iter().map(key_json).collect();
    output.result(&lines.join("\n"), &json!(values));
    Ok(ExitCode::Done)
}

fn key_line(credential: &Credential) -> String {
    let what = match credential.kind.as_str() {
        "key" if !credential.authority.is_empty() => {
            let (authority, principals) = (&credential.authority, credential.principals.join(", "));
            format!("as {principals}, certified by {authority}")
        }
        "ca" | "key" => credential.fingerprint.clone(),
        "certificate" => "for TLS".to_owned(),
        _ if credential.user.is_empty() => String::new(),
        _ => format!("user {}", credential.user),
    };
    let hosts = match credential.hosts.as_slice() {
        [] => String::new(),
        hosts => format!("for {}", hosts.join(", ")),
    };
    let line = format!(
        "{:<9} {}  {what}  {hosts}  (window {}, vault {})",
        credential.kind, credential.name, credential.window, credential.vault
    );
    line.replace("    ", "  ")
}

fn key_json(credential: &Credential) -> Value {
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    json!({
        "name": credential.name,
        "kind": credential.kind,
        "window": credential.window,
        "vault": credential.vault,
        "public_key": given(&credential.public_key),
        "fingerprint": given(&credential.fingerprint),
        "hosts": credential.hosts,
        "user": given(&credential.user),
        "uses": credential.uses,
        "ca": given(&credential.authority),
        "principals": credential.principals,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_to_the_second_and_what_is_none_as_it_is() {
        assert_eq!(time("2026-01-02T03:04:05.678901234Z").len(), 19);
        assert_eq!(time("soon"), "soon");
    }
}
