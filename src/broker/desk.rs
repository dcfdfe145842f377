//! What others ask the user for: listed and decided, after a step-up where one is asked for.
//!
//! Enters: a tenant, a verdict. Leaves: what waits. What never happens here: a verdict of our own.

use std::sync::Arc;

use super::Broker;
use super::step_up::Errand;
use crate::catalog::Tenant;
use crate::cloud::{Approval, CorrelationId, Decision, Resource, Unwatched};
use crate::refusal::{Refusal, Service};
use crate::requester::Requester;

impl Broker {
    /// What waits at `services` for the approval of whoever is signed in to `tenant`.
    ///
    /// # Errors
    /// Why it cannot be listed.
    pub async fn waiting(
        &self,
        tenant: &Arc<Tenant>,
        services: &[Service],
        person: &Requester,
    ) -> Result<Vec<Approval>, Refusal> {
        let mut errand = errand(tenant, person);
        let (approvals, id) = (&self.cloud.approvals, errand.id);
        let mut waiting = Vec::new();
        for service in services {
            let work = || approvals.waiting(tenant, *service, id);
            let found = self.run_errand(&mut errand, Resource::through(*service), work);
            waiting.extend(found.await?);
        }
        Ok(waiting)
    }

    /// Decides a request at whichever of `services` knows it.
    ///
    /// # Errors
    /// Why it cannot be decided.
    pub async fn decide(
        &self,
        tenant: &Arc<Tenant>,
        services: &[Service],
        person: &Requester,
        decision: &Decision<'_>,
    ) -> Result<(), Refusal> {
        let mut errand = errand(tenant, person);
        let (approvals, id) = (&self.cloud.approvals, errand.id);
        let mut outcome = Err(Refusal::NoMatch {
            kind: "request",
            name: decision.request.to_owned(),
            nearest: None,
        });
        for service in services {
            let work = || approvals.decide(tenant, *service, decision, id);
            outcome = self
                .run_errand(&mut errand, Resource::through(*service), work)
                .await;
            if !matches!(outcome, Err(Refusal::NoMatch { .. })) {
                break;
            }
        }
        outcome
    }
}

fn errand<'a>(tenant: &'a Arc<Tenant>, person: &'a Requester) -> Errand<'a> {
    Errand::new(tenant, person, CorrelationId::new(), &Unwatched)
}
