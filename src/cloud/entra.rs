//! Sign-in and tokens.
//!
//! One sign-in gives a refresh token, which is redeemed for each resource apart (a token serves one
//! resource). Enters: a tenant, a person's patience. Leaves: access tokens. What never happens
//! here: a refresh token on disk, a vault token that outlives its window in a cache, or a token
//! request that does not announce `cp1` (PIM ignores step-ups of clients that do not).

use std::collections::{HashMap, HashSet};
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
    /// Tenants that were left on purpose: another program's sign-in is not taken up again there.
    left: Mutex<HashSet<Name>>,
}

/// One sign-in.
struct SignedIn {
    account: Account,
    /// The latest refresh token; `None` where another program keeps the sign-in. Held across the
    /// redeeming on purpose: it rotates, so redeeming it twice at once would be a race.
    refresh: AsyncMutex<Option<SecretString>>,
    /// The tokens to speak to PIM with. A vault's is kept by its window alone.
    kept: Mutex<HashMap<Resource, Arc<AccessToken>>>,
}

impl Entra {
    pub(super) fn new(http: Arc<Http>) -> Self {
        Self {
            http,
            tenants: Mutex::default(),
            wanted: Mutex::default(),
            left: Mutex::default(),
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
            kept: Mutex::new(HashMap::from([(Resource::Graph, Arc::new(tokens.access))])),
        };
        self.admit(tenant, Arc::new(signed_in));
        Ok(account)
    }

    fn admit(&self, tenant: &Tenant, signed_in: Arc<SignedIn>) {
        self.tenants().insert(tenant.name.clone(), signed_in);
        self.left().remove(&tenant.name);
    }

    /// Who acts in `tenant`.
    pub(super) async fn who(&self, tenant: &Tenant) -> Result<Account, Refusal> {
        let signed_in = self.acting(tenant).await?;
        Ok(signed_in.account.clone())
    }

    /// The sign-in to `tenant`: the one there is, or another program's, which needs no person.
    async fn acting(&self, tenant: &Tenant) -> Result<Arc<SignedIn>, Refusal> {
        if let Some(signed_in) = self.signed_in(tenant) {
            return Ok(signed_in);
        }
        if !ambient::serves(tenant.sign_in) {
            return Err(ended(
                tenant,
                "nobody has signed in since the agent started",
            ));
        }
        if self.left().contains(&tenant.name) {
            return Err(ended(tenant, "you signed out of it"));
        }
        self.adopt(tenant).await
    }

    /// Takes over the sign-in that another program keeps.
    async fn adopt(&self, tenant: &Tenant) -> Result<Arc<SignedIn>, Refusal> {
        let access = ambient::token(tenant, Resource::Arm, &self.http.clock).await?;
        let account = claims::of_access_token(access.secret.expose_secret())
            .ok_or_else(|| ended(tenant, "the token does not say who you are"))?;
        let signed_in = Arc::new(SignedIn {
            account,
            refresh: AsyncMutex::new(None),
            kept: Mutex::new(HashMap::from([(Resource::Arm, Arc::new(access))])),
        });
        self.admit(tenant, Arc::clone(&signed_in));
        Ok(signed_in)
    }

    fn left(&self) -> MutexGuard<'_, HashSet<Name>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn redeem(
        &self,
        tenant: &Tenant,
        signed_in: &SignedIn,
        resource: Resource,
        id: CorrelationId,
    ) -> Result<Arc<AccessToken>, Refusal> {
        let mut refresh = signed_in.refresh.lock().await;
        // Somebody who waited for the lock may find that what they wanted has just been made.
        if let Some(token) = self.cached(signed_in, resource) {
            return Ok(token);
        }
        if ambient::serves(tenant.sign_in) {
            let token = Arc::new(ambient::token(tenant, resource, &self.http.clock).await?);
            signed_in.keep(resource, &token);
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
        signed_in.keep(resource, &token);
        Ok(token)
    }

    fn cached(&self, signed_in: &SignedIn, resource: Resource) -> Option<Arc<AccessToken>> {
        let token = signed_in.kept().get(&resource).cloned()?;
        (self.http.clock.now().after(SPARE) < token.expires).then_some(token)
    }
}

impl SignedIn {
    /// Keeps what PIM is spoken to with.
    fn keep(&self, resource: Resource, token: &Arc<AccessToken>) {
        if resource != Resource::Vault {
            self.kept().insert(resource, Arc::clone(token));
        }
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Resource, Arc<AccessToken>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
                let signed_in = self.adopt(tenant).await?;
                Ok(signed_in.account.clone())
            }
        }
    }

    async fn sign_out(&self, tenant: &Tenant) -> bool {
        self.left().insert(tenant.name.clone());
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
        let signed_in = self.acting(tenant).await?;
        if freshness == Freshness::New {
            signed_in.kept().remove(&resource);
        } else if let Some(token) = self.cached(&signed_in, resource) {
            return Ok(token);
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
