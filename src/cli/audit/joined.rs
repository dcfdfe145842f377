//! The lines of a record that belong together, as one.
//!
//! An ask and its answer share an id, and so do the opening and the end of a window. Enters: lines,
//! oldest first. Leaves: a row as soon as it is whole. What never happens here: the record in memory
//! as a whole; what has no end within two days is given out without one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::line::{end, listed};

/// The columns of a row, in their order.
pub(super) const COLUMNS: [&str; 29] = [
    "began",
    "ended",
    "kind",
    "outcome",
    "credential",
    "window",
    "end",
    "user",
    "host",
    "host_key",
    "forwarded",
    "to",
    "command",
    "program",
    "executable",
    "pid",
    "called_as",
    "above",
    "confirmed",
    "reason",
    "code",
    "why",
    "ends",
    "pim_request",
    "vault",
    "object",
    "version",
    "id",
    "lines",
];

/// One row: what happened from its beginning to its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    fields: Map<String, Value>,
    lines: Vec<u64>,
}

/// What still waits for its end.
#[derive(Default)]
pub(super) struct Joined {
    /// By id and kind: an ask has the id of the window that it opens.
    waiting: BTreeMap<(String, &'static str), Row>,
    /// When the oldest was last looked for.
    looked: Option<Timestamp>,
}

impl Joined {
    /// Takes the next line, and gives the rows that are whole by it.
    pub(super) fn take(&mut self, line: &Value) -> Vec<Row> {
        let mut rows = self.outdated(line);
        rows.extend(self.joined(line));
        rows
    }

    /// What has no end, oldest first.
    pub(super) fn rest(self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.waiting.into_values().collect();
        rows.sort_by_key(|row| row.lines.first().copied());
        rows
    }

    fn joined(&mut self, line: &Value) -> Option<Row> {
        let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
        let event = text("event");
        let kind = kind(event, line);
        let key = (text("id").to_owned(), kind);
        let known = self.waiting.remove(&key);
        let is_known = known.is_some();
        let mut row = known.unwrap_or_else(|| Row::begun(line, kind));
        row.add(line);
        let outcome = match event {
            "asked" | "storing" | "opening" | "opened" | "confirmed" => {
                row.set("outcome", waiting(event, line));
                self.waiting.insert(key, row);
                return None;
            }
            // Its line stood already when it failed: what was signed or read may have left.
            "refused" if !is_known && line.get("requester").is_none() => "failed after its release",
            "not_opened" => "not opened",
            other => other,
        };
        row.set("outcome", outcome);
        row.set("ended", text("time"));
        Some(row)
    }

    /// What is so old that no end will come.
    fn outdated(&mut self, line: &Value) -> Vec<Row> {
        let now = line.get("time").and_then(Value::as_str);
        let Some(now) = now.and_then(|now| now.parse::<Timestamp>().ok()) else {
            return Vec::new();
        };
        let looked = *self.looked.get_or_insert(now);
        if now.duration_since(looked) < LOOK {
            return Vec::new();
        }
        self.looked = Some(now);
        let old = |row: &Row| {
            let began = row.began().parse::<Timestamp>();
            began.is_ok_and(|began| now.duration_since(began) > LONGEST)
        };
        let keys = self.waiting.iter().filter(|(_, row)| old(row));
        let keys: Vec<_> = keys.map(|(key, _)| key.clone()).collect();
        let mut rows: Vec<Row> = keys
            .iter()
            .filter_map(|key| self.waiting.remove(key))
            .collect();
        rows.sort_by_key(|row| row.lines.first().copied());
        rows
    }
}

/// What kind of row a line belongs to.
fn kind(event: &str, line: &Value) -> &'static str {
    match event {
        "opening" | "opened" | "not_opened" | "closed" => "window",
        "storing" | "stored" => "store",
        "signing" => "added key",
        "certifying" => "certificate",
        "inspecting" => "inspection",
        _ if line.get("end").is_some() || line.get("credential").is_some() => "use",
        _ => "other",
    }
}

/// What is to be said if nothing else comes.
fn waiting(event: &str, line: &Value) -> &'static str {
    match event {
        "opened" => "open",
        "opening" => "opening",
        // Nothing leaves, so there is no line of it.
        _ if line.get("end") == Some(&json!("prepare")) => "prepared or left",
        _ => "without an answer",
    }
}

impl Row {
    fn begun(line: &Value, kind: &str) -> Self {
        let mut row = Self::default();
        row.set("kind", kind);
        row.copy(line, "time", "began");
        row.copy(line, "id", "id");
        row
    }

    /// When it began.
    pub(super) fn began(&self) -> &str {
        self.fields
            .get("began")
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// A cell, as text.
    pub(super) fn text(&self, column: &str) -> String {
        match (column, self.fields.get(column)) {
            ("lines", _) => {
                let lines: Vec<String> = self.lines.iter().map(u64::to_string).collect();
                lines.join(" ")
            }
            (_, None | Some(Value::Null)) => String::new(),
            (_, Some(Value::String(text))) => text.clone(),
            (_, Some(other)) => other.to_string(),
        }
    }

    /// The whole of it; what is not known is null.
    pub(super) fn json(&self) -> Value {
        let cell = |name: &&str| match *name {
            "lines" => json!(self.lines),
            name => self.fields.get(name).cloned().unwrap_or_default(),
        };
        COLUMNS
            .iter()
            .map(|name| ((*name).to_owned(), cell(name)))
            .collect()
    }

    fn add(&mut self, line: &Value) {
        self.lines.extend(line.get("seq").and_then(Value::as_u64));
        for name in SAME {
            self.copy(line, name, name);
        }
        for object in ["secret", "key", "certificate"] {
            self.copy(line, object, "object");
        }
        if line.get("end").is_some() {
            self.set("end", end(line).as_str());
        }
        for (name, column) in [
            ("command", "command"),
            ("principals", "to"),
            ("names", "host"),
        ] {
            match listed(line, name).as_str() {
                "" => {}
                text => self.set(column, text),
            }
        }
        if line.get("event") == Some(&json!("confirmed")) {
            self.fields.insert("confirmed".to_owned(), true.into());
        }
        if let Some(requester) = line.get("requester") {
            self.copy(requester, "program", "program");
            self.copy(requester, "executable", "executable");
            self.copy(requester, "pid", "pid");
            self.copy(requester, "command", "called_as");
            self.set("above", listed(requester, "above").as_str());
        }
    }

    fn copy(&mut self, line: &Value, name: &str, column: &str) {
        if let Some(value) = line
            .get(name)
            .filter(|value| !value.is_null() && !value.is_array())
        {
            self.fields.insert(column.to_owned(), value.clone());
        }
    }

    fn set(&mut self, column: &str, text: &str) {
        self.fields.insert(column.to_owned(), text.into());
    }
}

/// The fields that keep their names.
const SAME: [&str; 14] = [
    "credential",
    "window",
    "user",
    "host",
    "host_key",
    "forwarded",
    "to",
    "reason",
    "code",
    "why",
    "ends",
    "pim_request",
    "vault",
    "version",
];

/// Longer than any window and any answer.
const LONGEST: SignedDuration = SignedDuration::from_hours(48);

/// How often to look for what is older.
const LOOK: SignedDuration = SignedDuration::from_hours(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &str, id: &str, seq: u64, more: Value) -> Value {
        let mut line = json!({
            "event": event, "id": id, "seq": seq, "time": format!("2026-01-01T00:00:0{seq}Z"),
        });
        let fields = line.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        line
    }

    fn login(event: &str, seq: u64) -> Value {
        let more = json!({
            "credential": "web", "window": "ops", "end": "login", "user": "root", "host": "web1",
        });
        line(event, "a", seq, more)
    }

    #[test]
    fn an_ask_and_its_answer_are_one_row_and_its_window_another() {
        let mut joined = Joined::default();
        let window = json!({"window": "ops", "reason": "INC-1"});
        assert_eq!(joined.take(&login("asked", 1)), []);
        assert_eq!(joined.take(&line("opening", "a", 2, window)), []);
        assert_eq!(
            joined.take(&line("opened", "a", 3, json!({"ends": "E"}))),
            []
        );
        let rows = joined.take(&login("released", 4));
        assert_eq!(rows.len(), 1);
        let told = |row: &Row| ["kind", "outcome", "end", "lines"].map(|it| row.text(it));
        assert_eq!(
            told(&rows[0]),
            ["use", "released", "to log in as root@web1", "1 4"]
        );
        let rows = joined.take(&line("closed", "a", 5, json!({"why": "ended"})));
        assert_eq!(told(&rows[0]), ["window", "closed", "", "2 3 5"]);
        assert_eq!(rows[0].text("reason"), "INC-1");
        assert_eq!(joined.rest(), []);
    }

    #[test]
    fn what_was_refused_left_or_failed_late_is_told_apart() {
        let mut joined = Joined::default();
        let refused = json!({"credential": "web", "code": "policy", "why": "no"});
        joined.take(&login("asked", 1));
        let rows = joined.take(&line("refused", "a", 2, refused.clone()));
        assert_eq!(
            (rows[0].text("outcome"), rows[0].text("code")),
            ("refused".to_owned(), "policy".to_owned())
        );
        let rows = joined.take(&line("refused", "b", 3, refused.clone()));
        assert_eq!(rows[0].text("outcome"), "failed after its release");
        let mut away = line("refused", "c", 4, refused);
        away["requester"] = json!({"program": "sudo"});
        let rows = joined.take(&away);
        assert_eq!(
            (rows[0].text("outcome"), rows[0].text("program")),
            ("refused".to_owned(), "sudo".to_owned())
        );
        joined.take(&login("asked", 5));
        assert_eq!(joined.rest()[0].text("outcome"), "without an answer");
    }

    #[test]
    fn what_has_no_end_is_given_out_after_two_days_and_not_kept() {
        let mut joined = Joined::default();
        joined.take(&login("asked", 1));
        let mut later = line("opening", "z", 2, json!({"window": "ops"}));
        later["time"] = json!("2026-01-04T00:00:00Z");
        let rows = joined.take(&later);
        assert_eq!(rows.len(), 1);
        assert_eq!(joined.waiting.len(), 1);
    }

    #[test]
    fn a_row_has_every_column_and_no_other() {
        let row = Row::begun(&login("asked", 1), "use");
        let json = row.json();
        assert_eq!(json.as_object().unwrap().len(), COLUMNS.len());
        assert_eq!(json["outcome"], Value::Null);
    }
}
