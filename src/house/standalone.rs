//! A house without a configuration: no keys of its own, nothing on record, as OpenSSH's agent.

use async_trait::async_trait;

use crate::agent::{Bound, Holder, House, Identity, SignAsk};
use crate::refusal::Refusal;
use crate::requester::Requester;

/// What `pimento ssh-agent` is: an agent for the keys that clients add.
#[derive(Clone, Copy, Debug)]
pub struct Standalone;

#[async_trait]
impl House for Standalone {
    fn identities(&self, _: &Bound) -> Vec<Identity> {
        Vec::new()
    }

    fn has(&self, _: &[u8]) -> bool {
        false
    }

    async fn sign(&self, _: SignAsk<'_>, _: &Requester) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::Unsupported("this agent has no configuration".to_owned()))
    }

    fn record(&self, _: &SignAsk<'_>, _: Holder, _: &Requester) -> Result<(), Refusal> {
        Ok(())
    }

    async fn confirm(&self, _: &SignAsk<'_>, _: &Identity, _: &Requester) -> Result<(), Refusal> {
        Err(Refusal::Unsupported("nobody can be asked".to_owned()))
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
