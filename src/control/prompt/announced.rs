//! Prompts that were announced: a program about to start sudo gets a nonce to let it ask by.
//!
//! A nonce is answered once, and only below the process that announced it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use crate::policy::Said;
use crate::requester::{self, Requester};

/// What was announced.
#[derive(Default)]
pub(super) struct Announced {
    by_nonce: Mutex<HashMap<String, Announcement>>,
}

/// What sudo will ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::control) struct Plan {
    /// The names of the host on which it will ask.
    pub(in crate::control) hosts: Vec<String>,
    /// What is to be run.
    pub(in crate::control) command: Vec<String>,
    /// What the person has said for it, where the helper says nothing.
    pub(in crate::control) said: Said,
}

/// One prompt that will come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announcement {
    pub(super) plan: Plan,
    /// Whether it was answered before.
    pub(super) again: bool,
    pid: Option<u32>,
    started: Option<u64>,
}

/// Why an announced prompt is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum No {
    NotAnnounced,
    NotBelow,
}

impl Announced {
    /// Takes an announcement, and gives its nonce; `None` if too many wait already.
    pub(super) fn announce(&self, owner: &Requester, plan: Plan) -> Option<String> {
        let mut by_nonce = self.by_nonce();
        if by_nonce.len() >= MOST {
            by_nonce.retain(|_, known| known.owner_lives());
        }
        if by_nonce.len() >= MOST {
            return None;
        }
        let nonce = Uuid::new_v4().simple().to_string();
        let announcement = Announcement {
            plan,
            pid: owner.pid,
            started: owner.started,
            again: false,
        };
        by_nonce.insert(nonce.clone(), announcement);
        Some(nonce)
    }

    /// What was announced under `nonce`, for a helper at or below whoever announced it. From then
    /// on it counts as answered: whoever gets it `again` must not answer.
    pub(super) fn claim(&self, nonce: &str, helper: &Requester) -> Result<Announcement, No> {
        let mut by_nonce = self.by_nonce();
        let known = by_nonce.get_mut(nonce).ok_or(No::NotAnnounced)?;
        if !known.is_above(helper) {
            return Err(No::NotBelow);
        }
        let claimed = known.clone();
        known.again = true;
        Ok(claimed)
    }

    /// What was claimed was not answered after all.
    pub(super) fn release(&self, nonce: &str) {
        if let Some(known) = self.by_nonce().get_mut(nonce) {
            known.again = false;
        }
    }

    fn by_nonce(&self) -> MutexGuard<'_, HashMap<String, Announcement>> {
        self.by_nonce.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Announcement {
    fn is_above(&self, helper: &Requester) -> bool {
        let own = helper.pid.is_some() && helper.pid == self.pid && helper.started == self.started;
        let mut above = helper.ancestors.iter();
        own || above.any(|it| Some(it.pid) == self.pid && Some(it.started) == self.started)
    }

    fn owner_lives(&self) -> bool {
        let started = self.pid.and_then(requester::started);
        started.is_some() && started == self.started
    }
}

/// Far more than one person starts at a time; bounded, because announcing is free.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requester::Ancestor;

    fn plan(command: &[&str]) -> Plan {
        Plan {
            hosts: vec!["db01".to_owned()],
            command: command.iter().map(|&word| word.to_owned()).collect(),
            said: Said::default(),
        }
    }

    fn process(pid: u32, started: u64) -> Requester {
        Requester {
            pid: Some(pid),
            started: Some(started),
            ..Requester::default()
        }
    }

    fn below(pid: u32, started: u64) -> Requester {
        let owner = Ancestor {
            pid,
            started,
            name: "sudo".to_owned(),
        };
        Requester {
            ancestors: vec![owner],
            ..process(99, 9)
        }
    }

    #[test]
    fn an_announced_prompt_is_claimed_once_at_or_below_its_owner() {
        let announced = Announced::default();
        let nonce = announced.announce(&process(7, 1), plan(&["id"]));
        let nonce = nonce.unwrap();
        let claimed = announced.claim(&nonce, &below(7, 1)).unwrap();
        assert_eq!((claimed.plan, claimed.again), (plan(&["id"]), false));
        assert!(!claimed.again);
        assert!(announced.claim(&nonce, &below(7, 1)).unwrap().again);
        let nonce = announced.announce(&process(7, 1), plan(&[])).unwrap();
        assert!(announced.claim(&nonce, &process(7, 1)).is_ok());
    }

    #[test]
    fn what_was_not_answered_can_be_claimed_again() {
        let announced = Announced::default();
        let nonce = announced.announce(&process(7, 1), plan(&[])).unwrap();
        assert!(!announced.claim(&nonce, &process(7, 1)).unwrap().again);
        announced.release(&nonce);
        assert!(!announced.claim(&nonce, &process(7, 1)).unwrap().again);
        assert!(announced.claim(&nonce, &process(7, 1)).unwrap().again);
    }

    #[test]
    fn nobody_else_can_claim_it_and_nothing_is_spent_by_trying() {
        let announced = Announced::default();
        let nonce = announced.announce(&process(7, 1), plan(&[])).unwrap();
        for stranger in [
            below(8, 1),
            below(7, 2),
            process(7, 2),
            Requester::default(),
        ] {
            assert_eq!(announced.claim(&nonce, &stranger), Err(No::NotBelow));
        }
        assert_eq!(announced.claim("00", &process(7, 1)), Err(No::NotAnnounced));
        assert!(announced.claim(&nonce, &process(7, 1)).is_ok());
    }

    // Elsewhere nobody tells when a process started, so none is known to live.
    #[cfg(target_os = "linux")]
    #[test]
    fn announcements_of_the_dead_make_room_and_those_of_the_living_do_not() {
        let announced = Announced::default();
        let dead = process(u32::MAX, 1);
        for _ in 0..MOST {
            assert!(announced.announce(&dead, plan(&[])).is_some());
        }
        let me = Requester::of(Some(std::process::id()));
        for _ in 0..MOST {
            assert!(announced.announce(&me, plan(&[])).is_some());
        }
        assert_eq!(announced.announce(&me, plan(&[])), None);
    }
}
