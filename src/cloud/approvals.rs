//! What others ask for, and the user may decide.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};

use super::CorrelationId;
use crate::catalog::{Tenant, Ticket};
use crate::refusal::Refusal;

/// A request of somebody else's that waits for approval.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// Lists and decides what others ask for.
#[async_trait]
pub trait Approvals: Send + Sync {
    /// What waits for the approval of whoever is signed in to `tenant`.
    async fn waiting(
        &self,
        tenant: &Arc<Tenant>,
        id: CorrelationId,
    ) -> Result<Vec<Approval>, Refusal>;

    /// Decides the request `approval`, with the approver's own words.
    async fn decide(
        &self,
        tenant: &Arc<Tenant>,
        approval: &str,
        verdict: Verdict,
        reason: &str,
        id: CorrelationId,
    ) -> Result<(), Refusal>;
}
