//! One piece of work that any number of askers wait for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Wish;
use crate::cloud::{Stage, StageSink};
use crate::refusal::Refusal;
use crate::window::Since;

/// Work under way: how far it is, and how it ended.
pub(super) struct Flight {
    /// Whether it ends the window first, to open it for longer.
    pub(super) extends: bool,
    asked: Mutex<Asked>,
    state: watch::Sender<State>,
    /// Tells those who watch all windows, if it is an opening.
    seen: Option<watch::Sender<()>>,
}

/// What was last asked for, by whoever asked after the last closing.
struct Asked {
    since: Since,
    /// What they want PIM to be told, if they were not the first.
    wish: Option<Wish>,
}

#[derive(Clone)]
struct State {
    stage: Stage,
    /// What is to be known besides; a stage may be over before anybody looks.
    notices: Vec<Stage>,
    outcome: Option<Result<(), Refusal>>,
}

impl Flight {
    pub(super) fn new(since: Since) -> Self {
        Self {
            extends: false,
            asked: Mutex::new(Asked { since, wish: None }),
            state: watch::Sender::new(State {
                stage: Stage::Starting,
                notices: Vec::new(),
                outcome: None,
            }),
            seen: None,
        }
    }

    /// That of an opening, which tells `seen` how far it is.
    pub(super) fn of(wish: &Wish, since: Since, seen: watch::Sender<()>) -> Self {
        Self {
            extends: wish.extends,
            seen: Some(seen),
            ..Self::new(since)
        }
    }

    /// How things stood when somebody last asked for it.
    pub(super) fn since(&self) -> Since {
        self.asked().since
    }

    /// Somebody joins who asked when things stood like this: what was closed before is wanted again.
    pub(super) fn joined(&self, since: Since, wish: &Wish) {
        let mut asked = self.asked();
        let latest = asked.since.latest(since);
        if latest != asked.since {
            *asked = Asked {
                since: latest,
                wish: Some(wish.clone()),
            };
        }
    }

    /// What to ask for again, if somebody has joined after what was asked for at `since` was closed.
    pub(super) fn anew(&self, since: Since) -> Option<Wish> {
        let asked = self.asked();
        (asked.since != since).then(|| asked.wish.clone()).flatten()
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stage(&self) -> Stage {
        self.state.borrow().stage.clone()
    }

    /// Ends the flight; everybody who waits gets this outcome.
    pub(super) fn land(&self, outcome: Result<(), Refusal>) {
        self.state.send_modify(|state| {
            if outcome.is_ok() {
                state.stage = Stage::Ready;
            }
            state.outcome = Some(outcome);
        });
    }

    /// Waits for the end, and passes on every stage seen meanwhile.
    pub(super) async fn landed(&self, stages: &dyn StageSink) -> Result<(), Refusal> {
        let mut state = self.state.subscribe();
        let (mut told, mut noted) = (Stage::Starting, 0);
        loop {
            let now = state.borrow_and_update().clone();
            for notice in now.notices.iter().skip(noted) {
                stages.reached(notice.clone());
            }
            noted = now.notices.len();
            if now.stage != told {
                told = now.stage.clone();
                stages.reached(now.stage);
            }
            if let Some(outcome) = now.outcome {
                return outcome;
            }
            if state.changed().await.is_err() {
                // The sender lives in `self`; this cannot be reached while `self` is borrowed.
                return Err(Refusal::Unsupported("the opening was abandoned".to_owned()));
            }
        }
    }
}

impl StageSink for Flight {
    fn reached(&self, stage: Stage) {
        self.state.send_modify(|state| match stage.is_notice() {
            true => state.notices.push(stage),
            false => state.stage = stage,
        });
        if let Some(seen) = &self.seen {
            seen.send_replace(());
        }
    }
}
