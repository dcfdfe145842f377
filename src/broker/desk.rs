//! What others ask the user for: listed and decided, after a step-up where one is asked for.
//!
//! Enters: a tenant, a verdict. Leaves: what waits. What never happens here: a verdict of our own.

use std::sync::Arc;

use super::Broker;
use super::step_up::Errand;
use crate::catalog::Tenant;
use crate::cloud::{Approval, CorrelationId, Resource, Unwatched, Verdict};
use crate::refusal::Refusal;
use crate::requester::Requester;

impl Broker {
    /// What waits for the approval of whoever is signed in to `tenant`.
    ///
    /// # Errors
    /// Why it cannot be listed.
    pub async fn waiting(
        &self,
        tenant: &Arc<Tenant>,
        person: &Requester,
    ) -> Result<Vec<Approval>, Refusal> {
        let mut errand = errand(tenant, person);
        let (approvals, id) = (&self.cloud.approvals, errand.id);
        let work = || approvals.waiting(tenant, id);
        self.run_errand(&mut errand, Resource::Graph, work).await
    }

    /// Decides the request `approval`, with the approver's own words.
    ///
    /// # Errors
    /// Why it cannot be decided.
    pub async fn decide(
        &self,
        tenant: &Arc<Tenant>,
        person: &Requester,
        approval: &str,
        (verdict, reason): (Verdict, &str),
    ) -> Result<(), Refusal> {
        let mut errand = errand(tenant, person);
        let (approvals, id) = (&self.cloud.approvals, errand.id);
        let work = || approvals.decide(tenant, approval, verdict, reason, id);
        self.run_errand(&mut errand, Resource::Graph, work).await
    }
}

fn errand<'a>(tenant: &'a Arc<Tenant>, person: &'a Requester) -> Errand<'a> {
    Errand::new(tenant, person, CorrelationId::new(), &Unwatched)
}
