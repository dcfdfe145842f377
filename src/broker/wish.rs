//! What an opening is to tell PIM.

use std::sync::Arc;

use jiff::SignedDuration;

use crate::catalog::{Reason, Ticket, WindowSpec};
use crate::cloud::{Activation, CorrelationId};
use crate::refusal::{Needed, Refusal};
use crate::requester::Requester;

/// What to tell PIM.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The justification; `None` if a person has to give one.
    pub reason: Option<String>,
    /// The ticket.
    pub ticket: Option<Ticket>,
    /// How long, if not as long as configured.
    pub duration: Option<SignedDuration>,
    /// Whether more time is wanted for a window that is open.
    pub extends: bool,
    /// Who may have to sign in again.
    pub person: Requester,
    /// Joins the logs.
    pub id: CorrelationId,
}

impl Wish {
    /// As the configuration says, `why` being the reason where a person need not give one.
    #[must_use]
    pub fn of(window: &WindowSpec, why: &str, person: &Requester) -> Self {
        Self {
            reason: match &window.reason {
                Reason::Ask => None,
                Reason::Template(_) => Some(format!("{why} ({})", window.name)),
            },
            ticket: window.ticket.clone(),
            duration: None,
            extends: false,
            person: person.clone(),
            id: CorrelationId::new(),
        }
    }

    /// What it asks of PIM.
    ///
    /// # Errors
    /// If a person has yet to say why.
    pub fn activation(self, window: &Arc<WindowSpec>) -> Result<Activation, Refusal> {
        let reason = self.reason.ok_or_else(|| Refusal::ReasonNeeded {
            window: window.name.to_string(),
            what: Needed::Reason,
            last: None,
        })?;
        Ok(Activation {
            window: Arc::clone(window),
            duration: self
                .duration
                .unwrap_or(window.duration)
                .min(WindowSpec::LONGEST),
            reason,
            ticket: self.ticket,
            after: None,
            id: self.id,
        })
    }
}
