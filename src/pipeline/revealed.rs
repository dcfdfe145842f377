//! Which passwords were shown, and which keys of certificates went into files: whoever saw one still
//! has it, so it is to be replaced.
//!
//! The audit record is the truth, and is read when the agent starts; this is what `status` tells.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;

use crate::catalog::{Credential, Part};
use crate::clock::Clock;
use crate::cloud::CorrelationId;
use crate::requester::Requester;

/// The passwords that were shown, and to whom last.
pub struct Revealed {
    clock: Arc<dyn Clock>,
    of: Mutex<BTreeMap<(String, String), Reveal>>,
}

/// A version of a password that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reveal {
    /// The password's name.
    pub credential: String,
    /// The version of its secret.
    pub version: String,
    /// The last time.
    pub at: Timestamp,
    /// Who got it.
    pub requester: String,
    /// How often.
    pub times: u32,
    /// The id in the audit record.
    pub id: String,
}

impl Revealed {
    /// Knows of nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            of: Mutex::default(),
        }
    }

    /// What was shown, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Reveal> {
        let mut all: Vec<Reveal> = self.of().values().cloned().collect();
        all.sort_by_key(|reveal| std::cmp::Reverse(reveal.at));
        all
    }

    pub(super) fn note(
        &self,
        id: CorrelationId,
        credential: &Credential,
        version: String,
        requester: &Requester,
    ) {
        self.add(Reveal {
            // A certain version is a version of the same password.
            credential: plain(credential.name.as_str()).to_owned(),
            version,
            at: self.clock.wall(),
            requester: requester.describe(),
            times: 1,
            id: id.to_string(),
        });
    }

    /// Takes what a record of before tells, oldest line first.
    pub fn recall(&self, lines: impl Iterator<Item = Value>) {
        let mut asked: BTreeMap<String, String> = BTreeMap::new();
        for line in lines {
            let text = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
            let certificate = text("part") == Part::Certificate.word();
            if text("end") != "reveal" || certificate {
                continue;
            }
            match text("event") {
                "asked" => {
                    let program = line.pointer("/requester/program").and_then(Value::as_str);
                    let program = program.unwrap_or_default();
                    asked.insert(text("id").to_owned(), program.to_owned());
                }
                "released" => self.add(Reveal {
                    credential: plain(text("credential")).to_owned(),
                    version: text("version").to_owned(),
                    at: text("time").parse().unwrap_or_default(),
                    requester: asked.remove(text("id")).unwrap_or_default(),
                    times: 1,
                    id: text("id").to_owned(),
                }),
                _ => {}
            }
        }
    }

    fn add(&self, new: Reveal) {
        let mut of = self.of();
        let same = (new.credential.clone(), new.version.clone());
        let times = of.get(&same).map_or(0, |known| known.times);
        let times = times.saturating_add(1);
        of.insert(same, Reveal { times, ..new });
    }

    fn of(&self) -> MutexGuard<'_, BTreeMap<(String, String), Reveal>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The configured name of a credential in whichever version.
fn plain(name: &str) -> &str {
    name.split_once('@').map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalog::testing::password;
    use crate::clock::manual::ManualClock;

    fn revealed() -> Revealed {
        Revealed::new(Arc::new(ManualClock::new()))
    }

    fn line(event: &str, id: &str, end: &str, at: &str) -> Value {
        json!({
            "event": event, "id": id, "end": end, "time": at, "credential": "db@previous",
            "version": "v1", "requester": {"program": "pimento"},
        })
    }

    #[test]
    fn a_record_of_before_tells_what_was_shown_how_often_and_to_whom() {
        let revealed = revealed();
        let lines = [
            line("asked", "1", "reveal", "2026-01-01T00:00:00Z"),
            line("released", "1", "reveal", "2026-01-01T00:00:01Z"),
            line("asked", "2", "reveal", "2026-01-02T00:00:00Z"),
            line("released", "2", "reveal", "2026-01-02T00:00:01Z"),
        ];
        revealed.recall(lines.into_iter());
        let all = revealed.all();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].credential.as_str(), all[0].times), ("db", 2));
        assert_eq!(
            (all[0].requester.as_str(), all[0].id.as_str()),
            ("pimento", "2")
        );
        assert_eq!(all[0].at, "2026-01-02T00:00:01Z".parse().unwrap());
    }

    #[test]
    fn a_key_that_went_into_a_file_counts_and_its_certificate_does_not() {
        let revealed = revealed();
        let part = |part: &str| {
            let mut line = line("released", part, "reveal", "2026-01-01T00:00:01Z");
            line["part"] = json!(part);
            line
        };
        revealed.recall([part("certificate")].into_iter());
        assert_eq!(revealed.all(), []);
        revealed.recall([part("key"), part("both")].into_iter());
        assert_eq!(revealed.all()[0].times, 2);
    }

    #[test]
    fn what_was_used_or_refused_was_not_shown() {
        let revealed = revealed();
        let lines = [
            line("released", "1", "give", "2026-01-01T00:00:01Z"),
            line("asked", "2", "reveal", "2026-01-01T00:00:00Z"),
            line("refused", "2", "reveal", "2026-01-01T00:00:01Z"),
        ];
        revealed.recall(lines.into_iter());
        assert_eq!(revealed.all(), []);
    }

    #[test]
    fn another_version_is_another_secret_and_the_newest_comes_first() {
        let revealed = revealed();
        let (id, asker) = (CorrelationId::new(), Requester::default());
        for version in ["v1", "v2", "v2"] {
            revealed.note(id, &password("db"), version.to_owned(), &asker);
        }
        let times: Vec<u32> = revealed.all().iter().map(|it| it.times).collect();
        assert_eq!(times.len(), 2);
        assert_eq!(times.iter().sum::<u32>(), 3);
    }
}
