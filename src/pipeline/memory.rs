//! The last refusals: the agent protocol can only say "no", `pimento why` says the rest.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::catalog::Credential;
use crate::clock::Clock;
use crate::cloud::CorrelationId;
use crate::refusal::Refusal;
use crate::requester::Requester;

/// The last refusals, newest last.
pub struct Memory {
    clock: Arc<dyn Clock>,
    refused: Mutex<VecDeque<Refused>>,
}

/// One refusal, and who met it.
#[derive(Clone, Debug)]
pub struct Refused {
    /// When.
    pub at: Timestamp,
    /// The id in the audit record, Graph and Key Vault.
    pub id: CorrelationId,
    /// What was asked for.
    pub credential: String,
    /// Who asked.
    pub requester: String,
    /// Why not.
    pub refusal: Refusal,
}

impl Memory {
    /// Remembers nothing yet.
    #[must_use]
    pub const fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            refused: Mutex::new(VecDeque::new()),
        }
    }

    /// The last `count` refusals, newest first.
    #[must_use]
    pub fn last(&self, count: usize) -> Vec<Refused> {
        self.refused().iter().rev().take(count).cloned().collect()
    }

    pub(super) fn remember(
        &self,
        id: CorrelationId,
        credential: &Credential,
        requester: &Requester,
        refusal: &Refusal,
    ) {
        let mut refused = self.refused();
        if refused.len() == REMEMBERED {
            refused.pop_front();
        }
        refused.push_back(Refused {
            at: self.clock.wall(),
            id,
            credential: credential.name.to_string(),
            requester: requester.describe(),
            refusal: refusal.clone(),
        });
    }

    fn refused(&self) -> MutexGuard<'_, VecDeque<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Enough to look back over a morning; bounded, because asking is free.
const REMEMBERED: usize = 100;
