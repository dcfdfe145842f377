//! Sign-in and tokens.
//!
//! One sign-in gives a refresh token, which is redeemed for each resource apart (a token serves one
//! resource). Enters: a tenant, a person's patience. Leaves: access tokens. What never happens
//! here: a refresh token on disk, a vault token that outlives its window in a cache, or a token
//! request that does not announce `cp1` (PIM ignores step-ups of clients that do not).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex as AsyncMutex;

use super::http::Http;
use super::{AccessToken, Account, CorrelationId, Freshness, Identity, Resource, SignInGuide};
use crate::catalog::{Name, SignInMethod, Tenant};
use crate::clock::Moment;
use crate::refusal::Refusal;

use oauth::{OAuth, Tokens};

mod ambient;
mod browser;
mod claims;
mod device;
mod oauth;
mod refused;

/// Everybody who is signed in.
pub(super) struct Entra {
    http: Arc<Http>,
    tenants: Mutex<HashMap<Name, Arc<SignedIn>>>,
    /// Claims that a service asked for, until the next sign-in satisfies them.
    wanted: Mutex<HashMap<Name, String>>,
}

/// One sign-in.
struct SignedIn {
    account: Account,
    /// The latest refresh token; `None` where another program keeps the sign-in. Held across the
    /// redeeming on purpose: it rotates, so redeeming it twice at once would be a race.
    refresh: AsyncMutex<Option<SecretString>>,
    /// Graph's token. A vault's is kept by its window alone.
    graph: Mutex<Option<Arc<AccessToken>>>,
}

impl Entra {
    pub(super) fn new(http: Arc<Http>) -> Self {
        Self {
            http,
            tenants: Mutex::default(),
            wanted: Mutex::default(),
        }
    }

    /// Remembers what the next interactive sign-in to `tenant` has to satisfy.
    pub(super) fn wants(&self, tenant: &Tenant, claims: &str) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.insert(tenant.name.clone(), claims.to_owned());
    }

    fn take_wanted(&self, tenant: &Tenant) -> Option<String> {
        self.wanted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&tenant.name)
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<Name, Arc<SignedIn>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signed_in(&self, tenant: &Tenant) -> Option<Arc<SignedIn>> {
        self.tenants().get(&tenant.name).cloned()
    }

    fn oauth(&self, tenant: &Tenant, id: CorrelationId) -> Result<OAuth, Refusal> {
        OAuth::new(Arc::clone(&self.http), tenant, id)
    }

    /// Takes what an interactive sign-in gave.
    fn enter(
        &self,
        tenant: &Tenant,
        tokens: Tokens,
        nonce: Option<&str>,
    ) -> Result<Account, Refusal> {
        let client = tenant.client_id.as_deref().unwrap_or_default();
        let account =
            claims::account(tokens.id_token.as_deref(), client, nonce).map_err(|why| {
                Refusal::SignIn {
                    tenant: tenant.name.to_string(),
                    why,
                }
            })?;
        let signed_in = SignedIn {
            account: account.clone(),
            refresh: AsyncMutex::new(tokens.refresh),
            graph: Mutex::new(Some(Arc::new(tokens.access))),
        };
        self.tenants()
            .insert(tenant.name.clone(), Arc::new(signed_in));
        Ok(account)
    }

    async fn redeem(
        &self,
        tenant: &Tenant,
        signed_in: &SignedIn,
        resource: Resource,
        id: CorrelationId,
    ) -> Result<Arc<AccessToken>, Refusal> {
        if matches!(
            tenant.sign_in,
            SignInMethod::AzureCli | SignInMethod::ManagedIdentity
        ) {
            return ambient::token(tenant, resource, &self.http.clock)
                .await
                .map(Arc::new);
        }
        let mut refresh = signed_in.refresh.lock().await;
        // Somebody who waited for the lock may find that what they wanted has just been made.
        if let (Resource::Graph, Some(token)) = (resource, self.cached(signed_in)) {
            return Ok(token);
        }
        let Some(current) = refresh.as_ref() else {
            return Err(ended(tenant, "Entra gave no refresh token"));
        };
        let tokens = self
            .oauth(tenant, id)?
            .refresh(current.expose_secret(), resource)
            .await?;
        if let Some(next) = tokens.refresh {
            *refresh = Some(next);
        }
        let token = Arc::new(tokens.access);
        if resource == Resource::Graph {
            *signed_in.graph() = Some(Arc::clone(&token));
        }
        Ok(token)
    }

    fn cached(&self, signed_in: &SignedIn) -> Option<Arc<AccessToken>> {
        let token = signed_in.graph().clone()?;
        (self.http.clock.now().after(SPARE) < token.expires).then_some(token)
    }
}

impl SignedIn {
    fn graph(&self) -> MutexGuard<'_, Option<Arc<AccessToken>>> {
        self.graph.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Identity for Entra {
    async fn sign_in(
        &self,
        tenant: &Arc<Tenant>,
        method: SignInMethod,
        guide: &dyn SignInGuide,
    ) -> Result<Account, Refusal> {
        let id = CorrelationId::new();
        match method {
            SignInMethod::Browser => {
                let wanted = self.take_wanted(tenant);
                let oauth = self.oauth(tenant, id)?;
                let (tokens, nonce) = browser::sign_in(&oauth, tenant, wanted, guide).await?;
                self.enter(tenant, tokens, Some(&nonce))
            }
            SignInMethod::DeviceCode => {
                let tokens = device::sign_in(&self.oauth(tenant, id)?, guide).await?;
                self.enter(tenant, tokens, None)
            }
            SignInMethod::AzureCli | SignInMethod::ManagedIdentity => {
                let access = ambient::token(tenant, Resource::Graph, &self.http.clock).await?;
                let account = claims::of_access_token(access.secret.expose_secret())
                    .ok_or_else(|| ended(tenant, "the token does not say who you are"))?;
                let signed_in = SignedIn {
                    account: account.clone(),
                    refresh: AsyncMutex::new(None),
                    graph: Mutex::new(Some(Arc::new(access))),
                };
                self.tenants()
                    .insert(tenant.name.clone(), Arc::new(signed_in));
                Ok(account)
            }
        }
    }

    async fn sign_out(&self, tenant: &Tenant) -> bool {
        self.tenants().remove(&tenant.name).is_some()
    }

    fn account(&self, tenant: &Tenant) -> Option<Account> {
        self.signed_in(tenant)
            .map(|signed_in| signed_in.account.clone())
    }

    async fn token(
        &self,
        tenant: &Arc<Tenant>,
        resource: Resource,
        freshness: Freshness,
        id: CorrelationId,
    ) -> Result<Arc<AccessToken>, Refusal> {
        let signed_in = self
            .signed_in(tenant)
            .ok_or_else(|| ended(tenant, "nobody has signed in since the agent started"))?;
        match (resource, freshness) {
            (Resource::Graph, Freshness::Cached) => {
                if let Some(token) = self.cached(&signed_in) {
                    return Ok(token);
                }
            }
            (Resource::Graph, Freshness::New) => *signed_in.graph() = None,
            (Resource::Vault, _) => {}
        }
        let token = self.redeem(tenant, &signed_in, resource, id).await;
        if let Err(Refusal::SignIn { .. }) = &token {
            // The refresh token is dead; `status` must not go on showing a sign-in.
            self.tenants().remove(&tenant.name);
        }
        token
    }
}

fn ended(tenant: &Tenant, why: &str) -> Refusal {
    Refusal::SignIn {
        tenant: tenant.name.to_string(),
        why: why.to_owned(),
    }
}

/// A token that expires within this is as good as expired.
const SPARE: std::time::Duration = std::time::Duration::from_secs(300);

/// When a token issued now expires.
fn expires(now: Moment, lifetime: Option<std::time::Duration>) -> Moment {
    now.after(lifetime.unwrap_or(std::time::Duration::from_secs(600)))
}
