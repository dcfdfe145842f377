//! One piece of work that any number of askers wait for.

use std::collections::HashMap;

use tokio::sync::watch;

use super::Wish;
use crate::catalog::Name;
use crate::clock::Moment;
use crate::cloud::{Stage, StageSink};
use crate::refusal::Refusal;

/// Work under way: how far it is, and how it ended.
pub(super) struct Flight {
    /// Whether it ends the window first, to open it for longer.
    pub(super) extends: bool,
    state: watch::Sender<State>,
    /// Tells those who watch all windows, if it is an opening.
    seen: Option<watch::Sender<()>>,
}

#[derive(Clone)]
struct State {
    stage: Stage,
    /// What is to be known besides; a stage may be over before anybody looks.
    notices: Vec<Stage>,
    outcome: Option<Result<(), Refusal>>,
}

impl Flight {
    pub(super) fn new() -> Self {
        Self {
            extends: false,
            state: watch::Sender::new(State {
                stage: Stage::Starting,
                notices: Vec::new(),
                outcome: None,
            }),
            seen: None,
        }
    }

    /// That of an opening, which tells `seen` how far it is.
    pub(super) fn of(wish: &Wish, seen: watch::Sender<()>) -> Self {
        Self {
            extends: wish.extends,
            seen: Some(seen),
            ..Self::new()
        }
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

/// Refusals that are given again for a while without asking the cloud, or each retry of `ssh`
/// would be another request to PIM.
#[derive(Default)]
pub(super) struct Refused(HashMap<Name, (Moment, Refusal)>);

impl Refused {
    /// Gives the refusal of `name` again, if it is recent.
    pub(super) fn again(&self, name: &Name, now: Moment) -> Result<(), Refusal> {
        match self.0.get(name) {
            Some((until, refusal)) if now < *until => Err(refusal.clone()),
            _ => Ok(()),
        }
    }

    /// Forgets what a sign-in to `tenant` may have mended.
    pub(super) fn signed_in(&mut self, tenant: &Name) {
        let of_it = |refusal: &Refusal| match refusal {
            Refusal::StepUpFailed { tenant: of, .. } => of == tenant.as_str(),
            _ => false,
        };
        self.0.retain(|_, (_, refusal)| !of_it(refusal));
    }

    /// Remembers how `name` ended at `now`.
    pub(super) fn ended(&mut self, name: &Name, outcome: &Result<(), Refusal>, now: Moment) {
        match outcome {
            Ok(()) => {
                self.0.remove(name);
            }
            Err(refusal) => {
                let until = now.after(refusal.remembered());
                self.0.insert(name.clone(), (until, refusal.clone()));
            }
        }
    }
}
