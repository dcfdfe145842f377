//! What is done again after a step-up: once, with the token that it gave.
//!
//! Enters: work that a service refused for want of more than the sign-in has shown. Leaves: its
//! outcome. What never happens here: a second step-up for one piece of work.

use std::sync::Arc;

use super::Broker;
use crate::catalog::{Tenant, VaultObject};
use crate::cloud::{
    AccessToken, Activated, Activation, CorrelationId, Resource, StageSink, StepUp,
};
use crate::refusal::Refusal;
use crate::requester::Requester;

/// One piece of work, for which a person may be asked to step up.
pub(super) struct Errand<'a> {
    pub(super) tenant: &'a Arc<Tenant>,
    pub(super) person: &'a Requester,
    pub(super) id: CorrelationId,
    pub(super) stages: &'a dyn StageSink,
    /// The role on a vault that does for it.
    pub(super) role: &'static str,
    stepped_up: bool,
}

impl<'a> Errand<'a> {
    pub(super) fn new(
        tenant: &'a Arc<Tenant>,
        person: &'a Requester,
        id: CorrelationId,
        stages: &'a dyn StageSink,
    ) -> Self {
        Self {
            tenant,
            person,
            id,
            stages,
            role: "Key Vault Secrets User",
            stepped_up: false,
        }
    }

    /// The same errand, for one more piece of work.
    pub(super) const fn again(&self) -> Self {
        Self {
            stepped_up: false,
            ..*self
        }
    }

    /// The same, to write secrets.
    pub(super) const fn writing(mut self) -> Self {
        self.role = super::store::OFFICER;
        self
    }

    /// The same, to use `object`.
    pub(super) const fn using(mut self, object: &VaultObject) -> Self {
        self.role = object.role();
        self
    }
}

impl Broker {
    /// Activates; once more after a step-up, if one is asked for.
    pub(super) async fn activate(
        &self,
        activation: &Activation,
        person: &Requester,
        stages: &dyn StageSink,
    ) -> Result<Activated, Refusal> {
        let tenant = &activation.window.tenant;
        let mut errand = Errand::new(tenant, person, activation.id, stages);
        let resource = Resource::of(&activation.window.target);
        self.run_errand(&mut errand, resource, || {
            self.cloud.pim.activate(activation, stages)
        })
        .await
    }

    /// Does `work`; once more after a step-up, if one is asked for.
    pub(super) async fn run_errand<T, F>(
        &self,
        errand: &mut Errand<'_>,
        resource: Resource,
        work: impl Fn() -> F + Send,
    ) -> Result<T, Refusal>
    where
        T: Send,
        F: Future<Output = Result<T, Refusal>> + Send,
    {
        loop {
            match work().await {
                // The token is kept with the sign-in, and the next request carries it.
                Err(refusal) => drop(self.step_up(errand, refusal, resource).await?),
                done => return done,
            }
        }
    }

    /// Has the person do what `refusal` asks for, if it asks for that and has not before.
    pub(super) async fn step_up(
        &self,
        errand: &mut Errand<'_>,
        refusal: Refusal,
        resource: Resource,
    ) -> Result<Arc<AccessToken>, Refusal> {
        let Refusal::StepUp {
            tenant,
            why,
            claims,
        } = refusal
        else {
            return Err(refusal);
        };
        if errand.stepped_up {
            let why = format!("you signed in again, and that does not satisfy it ({why})");
            let remedy = NOT_SATISFIED.to_owned();
            return Err(Refusal::StepUpFailed {
                tenant,
                why,
                remedy,
            });
        }
        errand.stepped_up = true;
        let step_up = StepUp {
            resource,
            claims: &claims,
            person: errand.person,
            id: errand.id,
        };
        let identity = &self.cloud.identity;
        identity
            .step_up(errand.tenant, &step_up, errand.stages)
            .await
    }
}

const NOT_SATISFIED: &str = "an administrator looks up this sign-in (Entra admin centre, Sign-in \
                             logs, Conditional Access): a policy has to grant the authentication \
                             context that PIM wants, to this application";
