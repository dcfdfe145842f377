//! What others ask for, and the user may decide.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::CorrelationId;
use crate::catalog::{Tenant, Ticket};
use crate::refusal::{Refusal, Service};

/// A request of somebody else's that waits for approval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// PIM's id of the request.
    pub id: String,
    /// Who asks: by name where PIM tells one, by id otherwise.
    pub who: String,
    /// For what, likewise.
    pub what: String,
    /// Why, in their own words.
    pub reason: String,
    /// The ticket, if any.
    pub ticket: Option<Ticket>,
    /// For how long, if PIM tells.
    pub duration: Option<SignedDuration>,
    /// When it was asked for, if PIM tells.
    pub asked: Option<Timestamp>,
}

/// What an approver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

impl Verdict {
    /// How both services write it (`reviewResult`).
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Deny => "Deny",
        }
    }
}

/// What an approver says to one request.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// Its id, as it is listed.
    pub request: &'a str,
    /// Yes or no.
    pub verdict: Verdict,
    /// The approver's own words.
    pub reason: &'a str,
}

/// Lists and decides what others ask for.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// What waits at one of PIM's two services for whoever is signed in to `tenant`.
    async fn waiting(
        &self,
        tenant: &Arc<Tenant>,
        service: Service,
        id: CorrelationId,
    ) -> Result<Vec<Approval>, Refusal>;

    /// Decides a request there.
    async fn decide(
        &self,
        tenant: &Arc<Tenant>,
        service: Service,
        decision: &Decision<'_>,
        id: CorrelationId,
    ) -> Result<(), Refusal>;
}
