//! What was asked for last, and what came of it: for whoever looks on.
//!
//! The audit record is the truth; this is a short memory of it that also has what is not answered
//! yet. What never happens here: a secret, a decision, or a list that grows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::cloud::CorrelationId;
use crate::policy::Ask;
use crate::prompt::purpose;
use crate::refusal::Refusal;
use crate::requester::Requester;

/// The last asks, oldest first.
pub struct Asks {
    clock: Arc<dyn Clock>,
    kept: Mutex<VecDeque<Asked>>,
    /// Tells whoever watches that there is a new one, or an answer.
    changed: watch::Sender<()>,
}

/// Something that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// The id in the audit record.
    pub id: CorrelationId,
    /// What was asked for.
    pub credential: String,
    /// To what end, in words.
    pub end: String,
    /// Who asks.
    pub requester: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of an ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Whoever asked hung up before the answer.
    Left,
    /// It is there for when it is needed.
    Prepared,
    /// It was refused, for the reason of that name.
    Refused(&'static str),
    /// It was used as asked.
    Released,
    /// It is not answered yet.
    Waiting,
}

impl Asks {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            kept: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// The last asks, newest first.
    #[must_use]
    pub fn last(&self) -> Vec<Asked> {
        self.kept().iter().rev().cloned().collect()
    }

    /// Tells when something is asked for or answered.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Takes a new ask; what is returned wants to know how it ends.
    pub(super) fn begin(&self, id: CorrelationId, ask: &Ask, requester: &Requester) -> Pending<'_> {
        self.keep(Asked {
            at: self.clock.wall(),
            id,
            credential: ask.credential.name.to_string(),
            end: purpose(&ask.end),
            requester: requester.describe(),
            outcome: Outcome::Waiting,
        });
        Pending { asks: self, id }
    }

    /// Takes what was refused before it could be judged.
    pub(super) fn turned_away(
        &self,
        id: CorrelationId,
        what: &str,
        requester: &Requester,
        refusal: &Refusal,
    ) {
        self.keep(Asked {
            at: self.clock.wall(),
            id,
            credential: what.to_owned(),
            end: String::new(),
            requester: requester.describe(),
            outcome: Outcome::Refused(refusal.code()),
        });
    }

    fn keep(&self, asked: Asked) {
        let mut kept = self.kept();
        if kept.len() == REMEMBERED {
            kept.pop_front();
        }
        kept.push_back(asked);
        drop(kept);
        self.changed.send_replace(());
    }

    fn ends(&self, id: CorrelationId, outcome: Outcome) {
        let mut kept = self.kept();
        // Mostly the newest. One that many others have pushed out is not missed.
        if let Some(asked) = kept.iter_mut().rev().find(|asked| asked.id == id)
            && asked.outcome == Outcome::Waiting
        {
            asked.outcome = outcome;
            drop(kept);
            self.changed.send_replace(());
        }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Asked>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An ask without an answer. Dropped without one, whoever asked has left.
pub(super) struct Pending<'a> {
    asks: &'a Asks,
    id: CorrelationId,
}

impl Pending<'_> {
    /// Passes `answer` on; a yes counts as `done`.
    pub(super) fn answered<T>(
        self,
        answer: Result<T, Refusal>,
        done: Outcome,
    ) -> Result<T, Refusal> {
        let refused = |refusal: &Refusal| Outcome::Refused(refusal.code());
        let outcome = answer.as_ref().map_or_else(refused, |_| done);
        self.asks.ends(self.id, outcome);
        answer
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.asks.ends(self.id, Outcome::Left);
    }
}

/// More than a screen has lines; bounded, because asking is free.
const REMEMBERED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::password;
    use crate::clock::manual::ManualClock;
    use crate::policy::{End, Said};

    fn asks() -> Asks {
        Asks::new(Arc::new(ManualClock::new()))
    }

    fn begin(asks: &Asks) -> Pending<'_> {
        let ask = Ask {
            credential: Arc::new(password("db")),
            end: End::Reveal,
            program: "sudo".to_owned(),
            said: Said::default(),
        };
        asks.begin(CorrelationId::new(), &ask, &Requester::default())
    }

    fn outcomes(asks: &Asks) -> Vec<Outcome> {
        asks.last().iter().map(|asked| asked.outcome).collect()
    }

    #[test]
    fn an_ask_is_shown_from_its_beginning_and_with_its_answer() {
        let asks = asks();
        let mut watch = asks.watch();
        let pending = begin(&asks);
        assert_eq!(outcomes(&asks), [Outcome::Waiting]);
        assert!(watch.has_changed().unwrap());
        watch.mark_unchanged();
        pending.answered(Ok(()), Outcome::Released).unwrap();
        assert_eq!(outcomes(&asks), [Outcome::Released]);
        assert!(watch.has_changed().unwrap());
    }

    #[test]
    fn a_refusal_is_shown_by_its_name_and_a_hangup_as_one() {
        let asks = asks();
        begin(&asks)
            .answered::<()>(Err(Refusal::Locked), Outcome::Released)
            .unwrap_err();
        drop(begin(&asks));
        let (id, asker) = (CorrelationId::new(), Requester::default());
        asks.turned_away(id, "a prompt", &asker, &Refusal::Locked);
        let refused = Outcome::Refused("locked");
        assert_eq!(outcomes(&asks), [refused, Outcome::Left, refused]);
    }

    #[test]
    fn however_many_ask_the_list_stays_short_and_an_old_answer_finds_nothing() {
        let asks = asks();
        let first = begin(&asks);
        for _ in 0..=REMEMBERED {
            begin(&asks).answered(Ok(()), Outcome::Prepared).unwrap();
        }
        first.answered(Ok(()), Outcome::Released).unwrap();
        assert_eq!(outcomes(&asks), [Outcome::Prepared; REMEMBERED]);
    }
}
