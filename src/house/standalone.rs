//! A house without a configuration: no keys of its own, nothing on record, as OpenSSH's agent.

use std::sync::Arc;

use async_trait::async_trait;

use super::added;
use super::route::{route, signed};
use crate::agent::{Bound, House, Identity, SignAsk};
use crate::audit::Holder;
use crate::clock::Clock;
use crate::known_hosts::KnownHosts;
use crate::policy::End;
use crate::prompt::{Prompter, Question};
use crate::refusal::Refusal;
use crate::requester::Caller;

/// What `pimento ssh-agent` is: an agent for the keys that clients add.
pub struct Standalone {
    /// Who asks the user.
    pub prompter: Arc<dyn Prompter>,
    /// Where the names of hosts come from.
    pub known_hosts: KnownHosts,
    /// Tells when a host's certificate is valid.
    pub clock: Arc<dyn Clock>,
}

#[async_trait]
impl House for Standalone {
    fn identities(&self, _: &Bound) -> Vec<Identity> {
        Vec::new()
    }

    fn has(&self, _: &[u8]) -> bool {
        false
    }

    async fn sign(&self, _: SignAsk<'_>, _: &Caller) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Unsupported(
            "this agent has no configuration".to_owned(),
        ))
    }

    fn record(&self, _: &SignAsk<'_>, _: Holder, _: &Caller) -> Result<(), Refusal> {
        Ok(())
    }

    async fn confirm(
        &self,
        ask: &SignAsk<'_>,
        key: &Identity,
        caller: &Caller,
    ) -> Result<(), Refusal> {
        let end = End::Sign {
            what: signed(&ask.payload),
            route: route(&self.known_hosts, ask, &[], self.clock.wall()),
        };
        let question = Question::consent(added(key), end);
        self.prompter.confirm(&question, caller.requester()).await
    }

    async fn remove_all(&self) -> Result<(), Refusal> {
        Ok(())
    }

    fn locked(&self) -> bool {
        false
    }

    fn lock(&self) {}

    fn unlock(&self) {}
}
