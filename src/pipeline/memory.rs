//! The last refusals: the agent protocol can only say "no", `pimento why` says the rest.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::catalog::Credential;
use crate::clock::Clock;
use crate::cloud::CorrelationId;
use crate::refusal::Refusal;
use crate::requester::Requester;

/// The last refusals, newest last.
pub struct Memory {
    clock: Arc<dyn Clock>,
    since: Timestamp,
    refused: Mutex<VecDeque<Refused>>,
}

/// One refusal, and who met it.
#[derive(Clone, Debug)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// The id in the audit record, Graph and Key Vault; `None` if nothing was asked for.
    pub id: Option<CorrelationId>,
    /// What was asked for.
    pub credential: String,
    /// Who asked, where that was looked at.
    pub requester: String,
    /// Why not.
    pub refusal: Refusal,
}

impl Memory {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            since: clock.wall(),
            clock,
            refused: Mutex::new(VecDeque::new()),
        }
    }

    /// Since when refusals are remembered; those of before are in the audit record alone.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.since
    }

    /// The last `count` refusals, newest first.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<Refused> {
        self.refused().iter().rev().take(count).cloned().collect()
    }

    pub(super) fn remember(
        &self,
        id: CorrelationId,
        credential: &Credential,
        requester: &Requester,
        refusal: &Refusal,
    ) {
        self.turned_away(id, credential.name.as_str(), requester, refusal);
    }

    /// The same for what is no credential of the configuration.
    pub(super) fn turned_away(
        &self,
        id: CorrelationId,
        what: &str,
        requester: &Requester,
        refusal: &Refusal,
    ) {
        self.keep(Refused {
            at: self.clock.wall(),
            id: Some(id),
            credential: what.to_owned(),
            requester: requester.describe(),
            refusal: refusal.clone(),
        });
    }

    /// Remembers that a client was shown no key at all, and `why`.
    ///
    /// No key was refused, so there is no record of it; and who lists is not looked at, because
    /// listing waits for nothing.
    pub fn withheld(&self, why: String) {
        let credential = "every key".to_owned();
        let refusal = Refusal::Binding {
            credential: credential.clone(),
            why: format!("none was listed, because {why}"),
        };
        self.keep(Refused {
            at: self.clock.wall(),
            id: None,
            credential,
            requester: "a program that listed the keys".to_owned(),
            refusal,
        });
    }

    fn keep(&self, new: Refused) {
        let mut refused = self.refused();
        if new.id.is_none() {
            // Listing is common where no key is for: it must not push out what was refused.
            refused.retain(|it| it.id.is_some() || it.refusal != new.refusal);
            let listings = refused.iter().filter(|it| it.id.is_none()).count();
            if listings == LISTINGS_REMEMBERED {
                drop_first(&mut refused, |it| it.id.is_none());
            }
        } else if refused.iter().filter(|it| it.id.is_some()).count() == REMEMBERED {
            drop_first(&mut refused, |it| it.id.is_some());
        }
        refused.push_back(new);
    }

    fn refused(&self) -> MutexGuard<'_, VecDeque<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn drop_first(refused: &mut VecDeque<Refused>, which: impl Fn(&Refused) -> bool) {
    if let Some(first) = refused.iter().position(which) {
        refused.remove(first);
    }
}

/// Listings that came out empty, besides; one for each reason.
const LISTINGS_REMEMBERED: usize = 10;

/// Enough to look back over a morning; bounded, because asking is free.
const REMEMBERED: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::key;
    use crate::clock::manual::ManualClock;

    fn memory() -> Memory {
        Memory::new(Arc::new(ManualClock::new()))
    }

    fn refuse(memory: &Memory) {
        let refusal = Refusal::Locked;
        memory.remember(
            CorrelationId::new(),
            &key("web"),
            &Requester::default(),
            &refusal,
        );
    }

    #[test]
    fn listings_never_push_out_what_was_refused() {
        let memory = memory();
        refuse(&memory);
        for number in 0..1000 {
            memory.withheld(format!("the host is {number}"));
        }
        let all = memory.last(usize::MAX);
        assert_eq!(all.len(), LISTINGS_REMEMBERED + 1);
        assert_eq!(all.last().unwrap().refusal, Refusal::Locked);
    }

    #[test]
    fn a_listing_that_is_repeated_is_remembered_once_and_as_the_newest() {
        let memory = memory();
        memory.withheld("a".to_owned());
        memory.withheld("b".to_owned());
        refuse(&memory);
        memory.withheld("a".to_owned());
        let told: Vec<String> = memory
            .last(9)
            .iter()
            .map(|it| it.refusal.to_string())
            .collect();
        assert_eq!(
            told,
            [
                "every key was refused: none was listed, because a".to_owned(),
                Refusal::Locked.to_string(),
                "every key was refused: none was listed, because b".to_owned(),
            ]
        );
    }

    #[test]
    fn the_oldest_refusal_leaves_when_there_are_too_many() {
        let memory = memory();
        memory.withheld("a".to_owned());
        (0..=REMEMBERED).for_each(|_| refuse(&memory));
        let all = memory.last(usize::MAX);
        assert_eq!(all.len(), REMEMBERED + 1);
        assert_eq!(all.last().unwrap().id, None);
    }
}
