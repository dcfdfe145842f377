//! A line of the record in words.

use serde_json::Value;

use super::super::paint::Paint;
use super::super::show::{plain, time};

/// One line for people: when, what happened, to what, to which end, by whom.
pub(super) fn words(line: &Value, paint: Paint) -> String {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let event = text("event");
    let word = format!("{:<10}", event.replace('_', " "));
    let word = match event {
        "refused" | "not_opened" => paint.bad(&word),
        "opened" | "released" | "stored" => paint.good(&word),
        "closed" | "opening" | "storing" => paint.warning(&word),
        _ => word,
    };
    let what = match (text("credential"), text("window")) {
        ("", "") => format!("key {}", text("key")),
        ("", window) => format!("window {window}"),
        (credential, _) => credential.to_owned(),
    };
    let parts = [what, said(line), asker(line)];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    format!(
        "{}  {word}  {}",
        time(text("time")),
        plain(&parts.join("  "))
    )
}

/// What is special to the event.
fn said(line: &Value) -> String {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("event") {
        "asked" | "signing" => end(line),
        "released" => match text("version") {
            "" => end(line),
            version => format!("{}, version {version}", end(line)),
        },
        "stored" => format!("as version {} in {}", text("version"), text("vault")),
        "storing" => format!("{} into {}", text("what"), text("vault")),
        "refused" | "not_opened" => format!("{}: {}", text("code"), text("why")),
        "opening" => format!("{:?}", text("reason")),
        "opened" => format!("until {}", time(text("ends"))),
        "certifying" => format!("for {}", listed(line, "principals")),
        "closed" => match listed(line, "wiped").as_str() {
            "" => text("why").to_owned(),
            wiped => format!("{}; wiped {wiped}", text("why")),
        },
        _ => String::new(),
    }
}

/// To what end something was asked for.
pub(super) fn end(line: &Value) -> String {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let account = match (text("user"), host(line)) {
        ("", host) => host,
        (user, host) if host.is_empty() => user.to_owned(),
        (user, host) => format!("{user}@{host}"),
    };
    match text("end") {
        "login" => format!("to log in as {account}"),
        "give" => {
            let command = listed(line, "command");
            let by = match command.as_str() {
                "" => String::new(),
                command => format!(", by: {command}"),
            };
            format!("to {} for {account}{by}", text("to"))
        }
        "prepare" => format!("to be there for {account}"),
        "reveal" => match text("part") {
            "" => "to be shown".to_owned(),
            part => format!("its {part} in a file"),
        },
        "sign-file" => format!("to sign a file ({})", text("namespace")),
        "sign-certificate" => "to sign a certificate".to_owned(),
        "certify-host" => format!("to certify the host {}", listed(line, "names")),
        "sign-unknown" => "to sign something unknown".to_owned(),
        other => other.to_owned(),
    }
}

fn host(line: &Value) -> String {
    let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    match (text("host"), text("host_key"), text("binding")) {
        ("", "", "") => String::new(),
        ("", "", binding) => format!("a host that is not proven (binding {binding})"),
        ("", key, _) => key.to_owned(),
        (host, _, _) => host.to_owned(),
    }
}

fn asker(line: &Value) -> String {
    let Some(requester) = line.get("requester") else {
        return String::new();
    };
    let program = requester.get("program").and_then(Value::as_str);
    let mut told = format!("by {}", program.unwrap_or("unknown program"));
    if let Some(pid) = requester.get("pid").and_then(Value::as_u64) {
        told.push_str(&format!(" (process {pid})"));
    }
    let above = requester.get("above").and_then(Value::as_array);
    let mut above: Vec<&str> = above
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    above.dedup();
    for name in above.into_iter().take(2) {
        told.push_str(&format!(" from {name}"));
    }
    told
}

/// The texts of a list, with commas; of a command, with spaces.
pub(super) fn listed(line: &Value, name: &str) -> String {
    let list = line.get(name).and_then(Value::as_array);
    let texts: Vec<&str> = list
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    texts.join(if name == "command" { " " } else { ", " })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(line: Value) -> String {
        let told = words(&line, Paint::plain());
        // The time is the reader's own.
        told.get(21..).unwrap_or_default().to_owned()
    }

    #[test]
    fn each_event_says_who_what_and_where() {
        let at = "2026-01-02T03:04:05Z";
        let asked = json!({
            "event": "asked", "time": at, "credential": "web", "window": "ops", "end": "login",
            "user": "root", "host": "web1", "requester": {
                "program": "ssh", "pid": 7, "above": ["bash", "bash", "tmux", "init"],
            },
        });
        assert_eq!(
            told(asked),
            "asked       web  to log in as root@web1  by ssh (process 7) from bash from tmux"
        );
        let opened = json!({"event": "opened", "time": at, "window": "ops", "ends": at});
        assert!(told(opened).starts_with("opened      window ops  until 2026-01-0"));
        let refused = json!({
            "event": "refused", "time": at, "credential": "web", "code": "binding", "why": "no",
        });
        assert_eq!(told(refused), "refused     web  binding: no");
        let signing = json!({
            "event": "signing", "time": at, "key": "SHA256:x", "end": "login", "user": "root",
            "binding": "none",
        });
        assert_eq!(
            told(signing),
            "signing     key SHA256:x  to log in as root@a host that is not proven (binding none)"
        );
    }

    #[test]
    fn what_a_program_wrote_does_nothing_to_the_terminal() {
        let line = json!({
            "event": "asked", "time": "t", "credential": "db\u{1b}[2J", "end": "give", "to": "sudo",
            "host": "h", "command": ["rm", "a\nb"],
        });
        let told = words(&line, Paint::plain());
        assert!(!told.contains(['\u{1b}', '\n']), "{told:?}");
    }
}
