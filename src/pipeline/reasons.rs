//! Reasons and tickets that a person gives: asked for once per window, whoever needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::OnceCell;

use super::Pipeline;
use crate::catalog::{Name, Reason, Ticket};
use crate::cloud::CorrelationId;
use crate::inert::inert;
use crate::policy::Grant;
use crate::prompt::{Matter, Prompter, Question, Subject};
use crate::refusal::{Needed, Refusal};
use crate::requester::Requester;

/// What is being asked for, or is in use for an opening; and what was said before.
#[derive(Default)]
pub struct Reasons {
    of: Mutex<HashMap<(Name, Needed), Weak<Shared>>>,
    /// Whether the policy of a window wants a ticket: it seldom changes, and PIM has the last word.
    tickets: Mutex<HashMap<Name, bool>>,
    /// The last reason by host; by window where no host is known.
    last: Mutex<HashMap<String, String>>,
}

/// An answer for everybody who holds this; if whoever asks goes away, the next one asks.
type Shared = OnceCell<Result<String, Refusal>>;

/// Keeps answers for those who come while they are used.
#[derive(Default)]
pub(super) struct Held(Vec<Arc<Shared>>);

impl Held {
    fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }
}

impl Reasons {
    fn shared(&self, window: &Name, what: Needed) -> Arc<Shared> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = (window.clone(), what);
        if let Some(shared) = of.get(&wanted).and_then(Weak::upgrade) {
            return shared;
        }
        of.retain(|_, shared| shared.strong_count() > 0);
        let shared = Arc::new(Shared::new());
        of.insert(wanted, Arc::downgrade(&shared));
        shared
    }

    /// The last reason that a person gave for the same host, or else for the same window.
    #[must_use]
    pub fn last(&self, host: Option<&str>, window: &Name) -> Option<String> {
        let last = self.remembered();
        let found = host.and_then(|host| last.get(host));
        found.or_else(|| last.get(window.as_str())).cloned()
    }

    /// Remembers what a person gave, to propose it the next time.
    pub fn remember(&self, host: Option<&str>, window: &Name, reason: &str) {
        let mut last = self.remembered();
        if last.len() >= REMEMBERED {
            last.clear();
        }
        for of in host.into_iter().chain([window.as_str()]) {
            last.insert(of.to_owned(), reason.to_owned());
        }
    }

    fn tickets(&self) -> MutexGuard<'_, HashMap<Name, bool>> {
        self.tickets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remembered(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// Asks for the reason of an opening that needs one, and has none.
    pub(super) async fn reasoned(
        &self,
        id: CorrelationId,
        grant: Grant,
        requester: &Requester,
    ) -> Result<(Grant, Held), Refusal> {
        if !self.broker.would_open(&grant) {
            return Ok((grant, Held::default()));
        }
        let ask = grant.credential().vault.window.reason == Reason::Ask;
        if ask && grant.ticket().is_none() && self.wants_ticket(&grant, id).await {
            // Both are asked for before PIM is, which would refuse the one without the other.
            let (grant, held) = self.reason_asked(grant, requester).await?;
            let (grant, ticket) = self.asked(Needed::Ticket, grant, requester).await?;
            return Ok((grant, held.and(ticket)));
        }
        self.reason_asked(grant, requester).await
    }

    /// Whether the policy of the grant's window wants a ticket.
    async fn wants_ticket(&self, grant: &Grant, id: CorrelationId) -> bool {
        let window = &grant.credential().vault.window;
        if let Some(known) = self.reasons.tickets().get(&window.name) {
            return *known;
        }
        // What could not be read is not remembered: the next opening reads it again.
        let Some(demands) = self.broker.demands(window, id).await else {
            return false;
        };
        let mut tickets = self.reasons.tickets();
        tickets.insert(window.name.clone(), demands.ticket);
        demands.ticket
    }

    async fn reason_asked(
        &self,
        grant: Grant,
        requester: &Requester,
    ) -> Result<(Grant, Held), Refusal> {
        if grant.reason().is_none() {
            return self.asked(Needed::Reason, grant, requester).await;
        }
        if let Some(reason) = grant.said_reason() {
            let window = &grant.credential().vault.window.name;
            self.reasons
                .remember(grant.host().as_deref(), window, reason);
        }
        Ok((grant, Held::default()))
    }

    /// Asks a person for `what`; or lets the client ask, if that is what it wants.
    pub(super) async fn asked(
        &self,
        what: Needed,
        grant: Grant,
        requester: &Requester,
    ) -> Result<(Grant, Held), Refusal> {
        let window = grant.credential().vault.window.name.clone();
        let host = grant.host();
        let last = (what == Needed::Reason)
            .then(|| self.reasons.last(host.as_deref(), &window))
            .flatten();
        let needed = Refusal::ReasonNeeded {
            window: window.to_string(),
            what,
            last: last.clone(),
        };
        if grant.client_asks() {
            return Err(needed);
        }
        let matter = match what {
            Needed::Reason => Matter::Reason {
                window: window.clone(),
                last: last.clone(),
            },
            Needed::Ticket => Matter::Ticket {
                window: window.clone(),
            },
        };
        let question = Question {
            matter,
            subject: Subject::of(grant.credential()),
            end: grant.end().clone(),
        };
        let shared = self.reasons.shared(&window, what);
        let answer = shared.get_or_init(|| ask(&*self.prompter, &question, requester, &needed));
        let text = answer.await.clone()?;
        let held = Held(vec![shared]);
        match (what, last) {
            (Needed::Ticket, _) => {
                let ticket = Ticket::parse(&text).ok_or(needed)?;
                Ok((grant.with_ticket(ticket), held))
            }
            (Needed::Reason, Some(last)) if text == AS_BEFORE => {
                Ok((grant.with_reason(last), held))
            }
            (Needed::Reason, _) => {
                self.reasons.remember(host.as_deref(), &window, &text);
                Ok((grant.with_reason(text), held))
            }
        }
    }
}

async fn ask(
    prompter: &dyn Prompter,
    question: &Question,
    requester: &Requester,
    needed: &Refusal,
) -> Result<String, Refusal> {
    let text = match prompter.text(question, requester).await {
        Ok(text) => in_words(&text),
        // Giving it beforehand is always a way.
        Err(Refusal::Unasked { why, .. }) => {
            tracing::info!(%why, "what a window needs could not be asked for");
            return Err(needed.clone());
        }
        Err(refusal) => return Err(refusal),
    };
    if text.is_empty() {
        return Err(needed.clone());
    }
    Ok(text)
}

/// What was typed, on one line.
fn in_words(text: &str) -> String {
    let text: String = text.chars().take(LONGEST).collect();
    inert(&text, ' ').trim().to_owned()
}

/// What a person types to give the last reason again.
const AS_BEFORE: &str = "=";

/// PIM shows no more to an approver.
const LONGEST: usize = 500;

/// Hosts whose last reason is remembered; bounded, because asking is free.
const REMEMBERED: usize = 1024;
