//! Reasons that a person gives: asked for once per window, whoever needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;

use super::Pipeline;
use crate::catalog::Name;
use crate::policy::Grant;
use crate::prompt::{Prompter, Question, Subject};
use crate::refusal::Refusal;
use crate::requester::Requester;

/// The reasons that are being asked for, or are in use for an opening.
#[derive(Default)]
pub struct Reasons {
    of: Mutex<HashMap<Name, Weak<Shared>>>,
}

/// An answer for everybody who holds this; if whoever asks goes away, the next one asks.
type Shared = OnceCell<Result<String, Refusal>>;

/// Keeps an answer for those who come while it is used.
pub(super) struct Held(#[expect(dead_code, reason = "it is held, not read")] Arc<Shared>);

impl Reasons {
    fn shared(&self, window: &Name) -> Arc<Shared> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = of.get(window).and_then(Weak::upgrade) {
            return shared;
        }
        of.retain(|_, shared| shared.strong_count() > 0);
        let shared = Arc::new(Shared::new());
        of.insert(window.clone(), Arc::downgrade(&shared));
        shared
    }
}

impl Pipeline {
    /// Asks for the reason of an opening that needs one, and has none.
    pub(super) async fn reasoned(
        &self,
        grant: Grant,
        requester: &Requester,
    ) -> Result<(Grant, Option<Held>), Refusal> {
        if grant.reason().is_some() || !self.broker.would_open(&grant) {
            return Ok((grant, None));
        }
        let window = &grant.credential().vault.window.name;
        let shared = self.reasons.shared(window);
        let asked = shared.get_or_init(|| ask(&*self.prompter, &grant, requester));
        let reason = asked.await.clone()?;
        Ok((grant.with_reason(reason), Some(Held(shared))))
    }
}

async fn ask(
    prompter: &dyn Prompter,
    grant: &Grant,
    requester: &Requester,
) -> Result<String, Refusal> {
    let credential = grant.credential();
    let window = credential.vault.window.name.clone();
    let needed = Refusal::ReasonNeeded {
        window: window.to_string(),
        what: "reason",
    };
    let question = Question::reason(window, Subject::of(credential), grant.end().clone());
    let reason = match prompter.text(&question, requester).await {
        Ok(text) => in_words(&text),
        // Giving it beforehand is always a way.
        Err(Refusal::Unasked { why, .. }) => {
            tracing::info!(%why, "the reason for a window could not be asked for");
            return Err(needed);
        }
        Err(refusal) => return Err(refusal),
    };
    if reason.is_empty() {
        return Err(needed);
    }
    Ok(reason)
}

/// What was typed, on one line.
fn in_words(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(plain).take(LONGEST).collect();
    text.trim().to_owned()
}

/// PIM shows no more to an approver.
const LONGEST: usize = 500;
