//! One person, or one application, as it is signed in to a tenant.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use secrecy::SecretString;
use tokio::sync::Mutex as AsyncMutex;

use crate::cloud::{AccessToken, Account, Resource};

/// A sign-in.
pub(super) struct SignedIn {
    pub(super) account: Account,
    /// The latest refresh token; `None` where another program keeps the sign-in. Held across the
    /// redeeming on purpose: it rotates, so redeeming it twice at once would be a race.
    pub(super) refresh: AsyncMutex<Option<SecretString>>,
    /// The tokens to speak to PIM with. A vault's is kept by its window alone.
    kept: Mutex<HashMap<Resource, Arc<AccessToken>>>,
}

impl SignedIn {
    pub(super) fn new(account: Account, refresh: Option<SecretString>) -> Self {
        Self {
            account,
            refresh: AsyncMutex::new(refresh),
            kept: Mutex::default(),
        }
    }

    /// Keeps what PIM is spoken to with.
    pub(super) fn keep(&self, resource: Resource, token: &Arc<AccessToken>) {
        if resource != Resource::Vault {
            self.kept().insert(resource, Arc::clone(token));
        }
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, HashMap<Resource, Arc<AccessToken>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
