//! `pimento status`, `keys` and `why`: what there is, for people and as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::output::Output;
use super::{Agent, Failure};
use crate::control::proto::window::State;
use crate::control::proto::{
    Credential, KeysRequest, Revealed, StatusReply, StatusRequest, WhyRequest, Window,
};
use crate::refusal::ExitCode;

pub(super) async fn status(
    mut agent: Agent,
    output: &Output,
    watch: bool,
) -> Result<ExitCode, Failure> {
    let mut shown = None;
    loop {
        let reply = agent.status(StatusRequest {}).await?.into_inner();
        warn_of_version(output, &reply);
        let (text, value) = (status_text(&reply), status_json(&reply));
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

fn status_text(reply: &StatusReply) -> String {
    let mut lines = Vec::new();
    for tenant in &reply.tenants {
        lines.push(match tenant.user_name.as_str() {
            "" => format!(
                "tenant  {}  not signed in (pimento login {})",
                tenant.name, tenant.name
            ),
            user => format!("tenant  {}  {user}", tenant.name),
        });
    }
    lines.extend(
        reply
            .windows
            .iter()
            .map(|window| format!("window  {}", window_line(window))),
    );
    for window in &reply.windows {
        lines.extend(window.held.iter().map(|held| {
            format!(
                "held    {}  version {} ({})",
                held.credential, held.version, window.name
            )
        }));
    }
    lines.extend(reply.revealed.iter().map(|it| {
        format!(
            "shown   {}  version {}, {} times, last at {} to {}",
            it.credential,
            it.version,
            it.times,
            time(&it.at),
            it.requester
        )
    }));
    if reply.added_keys > 0 {
        lines.push(format!("added   {} (ssh-add -l)", reply.added_keys));
    }
    if reply.locked {
        lines.push("locked  nothing is opened or used (pimento lock --off)".to_owned());
    }
    lines.push(format!("socket  {}", reply.agent_socket));
    lines.push(format!("audit   {}", reply.audit_file));
    lines.extend(
        reply
            .warnings
            .iter()
            .map(|warning| format!("warning {warning}")),
    );
    lines.join("\n")
}

/// One line for a window: closed, on its way, or open until when.
pub(super) fn window_line(window: &Window) -> String {
    match window.state() {
        State::Open => format!(
            "{}  open, {} left (until {})",
            window.name,
            span(window.seconds_left),
            time(&window.ends)
        ),
        State::Opening => format!("{}  opening: {}", window.name, window.stage),
        State::Closed | State::Unspecified => format!("{}  closed", window.name),
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

pub(super) fn span(seconds: u64) -> String {
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s:02} s"),
        (h, m, _) => format!("{h} h {m:02} min"),
    }
}

fn status_json(reply: &StatusReply) -> Value {
    let tenants: Vec<Value> = reply
        .tenants
        .iter()
        .map(|tenant| {
            let user = Some(&tenant.user_name).filter(|user| !user.is_empty());
            json!({"name": tenant.name, "user_name": user})
        })
        .collect();
    json!({
        "version": reply.version,
        "tenants": tenants,
        "windows": reply.windows.iter().map(window_json).collect::<Vec<_>>(),
        "locked": reply.locked,
        "added_keys": reply.added_keys,
        "agent_socket": reply.agent_socket,
        "audit_file": reply.audit_file,
        "warnings": reply.warnings,
        "revealed": reply.revealed.iter().map(revealed_json).collect::<Vec<_>>(),
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

pub(super) async fn why(mut agent: Agent, output: &Output, last: u32) -> Result<ExitCode, Failure> {
    let refused = agent.why(WhyRequest { last }).await?.into_inner().refused;
    let (mut lines, mut values) = (Vec::new(), Vec::new());
    for one in &refused {
        let refusal = one.refusal.clone().unwrap_or_default();
        lines.push(format!(
            "{}  {}\n  asked by {}\n  {}\n  {}",
            one.at, one.credential, one.requester, refusal.message, refusal.advice
        ));
        if !one.id.is_empty() {
            lines.push(format!("  id {}", one.id));
        }
        values.push(json!({
            "at": one.at, "id": one.id, "credential": one.credential, "requester": one.requester,
            "code": refusal.code, "message": refusal.message, "advice": refusal.advice,
        }));
    }
    if refused.is_empty() {
        lines.push("nothing was refused since the agent started".to_owned());
    }
    output.result(&lines.join("\n"), &json!(values));
    Ok(ExitCode::Done)
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
