//! Sign-in and tokens.
//!
//! One sign-in gives a refresh token, which is redeemed for each resource apart (a token serves one
//! resource). Enters: a tenant, a person's patience. Leaves: access tokens. What never happens
//! here: a refresh token in a file, a vault token that outlives its window in a cache, or a token
//! request that does not announce `cp1` (PIM ignores step-ups of clients that do not).

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use secrecy::ExposeSecret;

use super::http::Http;
use super::{
    AccessToken, Account, CorrelationId, Freshness, Identity, Pages, Resource, SignInGuide,
    SignInStep, StageSink, StepUp,
};
use crate::catalog::{Name, SignInMethod, Tenant};
use crate::clock::Moment;
use crate::refusal::Refusal;

use browser::Browser;
use keystore::{Keystore, UnderWay};
use oauth::{OAuth, Tokens};
use signed_in::SignedIn;
use step_up::Turns;

mod ambient;
mod application;
mod browser;
mod claims;
mod device;
mod keystore;
mod oauth;
mod page;
mod refused;
mod signed_in;
mod step_up;

/// Everybody who is signed in.
pub(super) struct Entra {
    http: Arc<Http>,
    pages: Arc<dyn Pages>,
    tenants: Mutex<HashMap<Name, Arc<SignedIn>>>,
    /// Claims that a service asked for, until a sign-in satisfies them.
    wanted: Mutex<HashMap<Name, String>>,
    /// Tenants that were left on purpose: another program's sign-in is not taken up again there.
    left: Mutex<HashSet<Name>>,
    keystore: Keystore,
    turns: Turns,
}

impl Entra {
    pub(super) fn new(http: Arc<Http>, pages: Arc<dyn Pages>) -> Self {
        Self {
            http,
            pages,
            tenants: Mutex::default(),
            wanted: Mutex::default(),
            left: Mutex::default(),
            keystore: Keystore::default(),
            turns: Turns::default(),
        }
    }

    /// Remembers what the next interactive sign-in to `tenant` has to satisfy.
    pub(super) fn wants(&self, tenant: &Tenant, claims: &str) {
        self.wanted().insert(tenant.name.clone(), claims.to_owned());
    }

    fn wanted(&self) -> MutexGuard<'_, HashMap<Name, String>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The claims of the next interactive sign-in.
    fn claims(&self, tenant: &Tenant) -> String {
        let wanted = self.wanted().get(&tenant.name).cloned();
        claims::with_capabilities(wanted.as_deref().unwrap_or_default())
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

    /// Who an interactive sign-in was, by its id token.
    fn recognise(
        &self,
        tenant: &Tenant,
        tokens: &Tokens,
        nonce: Option<&str>,
    ) -> Result<Account, Refusal> {
        let expected = claims::Expected {
            tenant,
            nonce,
            now: self.http.server_time(),
        };
        expected
            .account(tokens.id_token.as_deref())
            .map_err(|why| refuse(tenant, &why))
    }

    /// Takes what an interactive sign-in gave, and gives its token, which is of `resource`.
    fn enter(
        &self,
        tenant: &Tenant,
        account: &Account,
        tokens: Tokens,
        resource: Resource,
    ) -> Arc<AccessToken> {
        let access = Arc::new(tokens.access);
        let signed_in = SignedIn::new(account.clone(), tokens.refresh);
        signed_in.keep(resource, &access);
        self.admit(tenant, Arc::new(signed_in));
        access
    }

    fn admit(&self, tenant: &Tenant, signed_in: Arc<SignedIn>) {
        self.tenants().insert(tenant.name.clone(), signed_in);
        self.left().remove(&tenant.name);
        self.wanted().remove(&tenant.name);
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
        self.recall(tenant).await;
        if let Some(signed_in) = self.signed_in(tenant) {
            return Ok(signed_in);
        }
        if tenant.sign_in.is_interactive() {
            return Err(refuse(
                tenant,
                "nobody has signed in since the agent started",
            ));
        }
        if self.left().contains(&tenant.name) {
            return Err(refuse(tenant, "you signed out of it"));
        }
        self.adopt(tenant, CorrelationId::new()).await
    }

    /// Has the sign-in outlast the agent, where that is wanted.
    async fn keep(&self, tenant: &Tenant) -> Option<UnderWay> {
        let signed_in = self.signed_in(tenant)?;
        let refresh = signed_in.refresh.lock().await;
        let refresh = refresh.as_ref()?;
        Some(self.keystore.save(tenant, &signed_in.account, refresh))
    }

    /// A token that takes no person: of a sign-in that another program keeps, or of an application.
    async fn unattended(
        &self,
        tenant: &Tenant,
        resource: Resource,
        id: CorrelationId,
    ) -> Result<AccessToken, Refusal> {
        match tenant.sign_in {
            SignInMethod::ClientCertificate | SignInMethod::WorkloadIdentity => {
                application::token(&self.oauth(tenant, id)?, tenant, resource).await
            }
            _ => ambient::token(tenant, resource, &self.http.clock).await,
        }
    }

    /// Takes up the sign-in that is there without a person.
    async fn adopt(&self, tenant: &Tenant, id: CorrelationId) -> Result<Arc<SignedIn>, Refusal> {
        let access = self.unattended(tenant, Resource::Arm, id).await?;
        let account = claims::of_access_token(access.secret.expose_secret(), tenant)
            .map_err(|why| refuse(tenant, &why))?;
        let signed_in = Arc::new(SignedIn::new(account, None));
        signed_in.keep(Resource::Arm, &Arc::new(access));
        self.admit(tenant, Arc::clone(&signed_in));
        Ok(signed_in)
    }

    fn left(&self) -> MutexGuard<'_, HashSet<Name>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn in_browser(
        &self,
        tenant: &Tenant,
        guide: &dyn SignInGuide,
        id: CorrelationId,
    ) -> Result<Account, Refusal> {
        let oauth = self.oauth(tenant, id)?;
        let (claims, hint) = (self.claims(tenant), tenant.login_hint.as_deref());
        let browser = Browser::listening(&oauth, Resource::Graph, claims, hint).await?;
        let opened = self.pages.open(browser.page(), &guide.person()).await;
        guide.show(SignInStep::Browser {
            url: browser.page().to_string(),
            opened: opened.is_ok(),
        });
        let accept = |tokens: Result<Tokens, Refusal>, nonce: &str| {
            let tokens = tokens.map_err(|no| step_up::in_browser(tenant, no))?;
            let account = self.recognise(tenant, &tokens, Some(nonce))?;
            self.enter(tenant, &account, tokens, Resource::Graph);
            Ok(account)
        };
        browser.finish(accept).await
    }

    /// Redeems the refresh token for a token of `resource` that satisfies `claims`.
    async fn redeem(
        &self,
        tenant: &Tenant,
        signed_in: &SignedIn,
        (resource, claims): (Resource, Option<&str>),
        id: CorrelationId,
    ) -> Result<Arc<AccessToken>, Refusal> {
        let mut refresh = signed_in.refresh.lock().await;
        // Somebody who waited for the lock may find that what they wanted has just been made.
        if let (None, Some(token)) = (claims, self.cached(signed_in, resource)) {
            return Ok(token);
        }
        if !tenant.sign_in.is_interactive() {
            let token = Arc::new(self.unattended(tenant, resource, id).await?);
            signed_in.keep(resource, &token);
            return Ok(token);
        }
        let Some(current) = refresh.as_ref() else {
            return Err(refuse(tenant, "Entra gave no refresh token"));
        };
        let claims = claims::with_capabilities(claims.unwrap_or_default());
        let tokens = self
            .oauth(tenant, id)?
            .refresh(current.expose_secret(), resource, &claims)
            .await?;
        if let Some(next) = tokens.refresh {
            // Not let go of between the two, or the refresh token of a newer sign-in could be there before.
            let tenants = self.tenants();
            let current = tenants.get(&tenant.name);
            if current.is_some_and(|it| std::ptr::eq(Arc::as_ptr(it), signed_in)) {
                // Nobody waits for a keystore: the token is good without it.
                let _under_way = self.keystore.save(tenant, &signed_in.account, &next);
            }
            drop(tenants);
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

#[async_trait]
impl Identity for Entra {
    async fn sign_in(
        &self,
        tenant: &Arc<Tenant>,
        method: SignInMethod,
        guide: &dyn SignInGuide,
    ) -> Result<Account, Refusal> {
        let id = CorrelationId::new();
        if method.is_interactive() && !tenant.sign_in.is_interactive() {
            let why = format!("it signs in by {}, not on a page", tenant.sign_in.word());
            return Err(refuse(tenant, &why));
        }
        let account = match method {
            SignInMethod::Browser => self.in_browser(tenant, guide, id).await?,
            SignInMethod::DeviceCode => {
                let claims = self.claims(tenant);
                let oauth = self.oauth(tenant, id)?;
                let tokens = device::sign_in(&oauth, &claims, guide).await;
                let tokens = tokens.map_err(|no| step_up::by_code(tenant, no))?;
                let account = self.recognise(tenant, &tokens, None)?;
                self.enter(tenant, &account, tokens, Resource::Graph);
                account
            }
            _ => {
                let signed_in = self.adopt(tenant, id).await?;
                signed_in.account.clone()
            }
        };
        if let Some(keeping) = self.keep(tenant).await {
            // This process may end after it, as that of `pimento init` does.
            keeping.done().await;
        }
        Ok(account)
    }

    async fn recall(&self, tenant: &Tenant) {
        // A keystore that could not forget a sign-in does not bring it back.
        if self.left().contains(&tenant.name) || self.signed_in(tenant).is_some() {
            return;
        }
        if let Some((account, refresh)) = keystore::load(tenant).await {
            let signed_in = SignedIn::new(account, Some(refresh));
            if self.left().contains(&tenant.name) {
                return;
            }
            // Somebody may have signed in meanwhile.
            self.tenants()
                .entry(tenant.name.clone())
                .or_insert_with(|| Arc::new(signed_in));
        }
    }

    async fn sign_out(&self, tenant: &Tenant) -> bool {
        // First of all, so that nothing that is under way brings it back.
        self.left().insert(tenant.name.clone());
        self.wanted().remove(&tenant.name);
        let left = self.tenants().remove(&tenant.name);
        if let Some(left) = &left {
            // A redemption under way keeps what it is given until it is done.
            left.refresh.lock().await.take();
        }
        self.keystore.forget(tenant).done().await;
        left.is_some()
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
        let token = self.redeem(tenant, &signed_in, (resource, None), id).await;
        if token.as_ref().is_err_and(Refusal::wants_sign_in) {
            // This sign-in is dead; `status` must not go on showing it. There may be another by now.
            let dead = |known: &Arc<SignedIn>| Arc::ptr_eq(known, &signed_in);
            let mut tenants = self.tenants();
            let was = tenants
                .extract_if(|name, known| *name == tenant.name && dead(known))
                .count();
            if was > 0 {
                // Before another is let in, which would be forgotten with it.
                let _under_way = self.keystore.forget(tenant);
            }
            drop(tenants);
        }
        token
    }

    async fn step_up(
        &self,
        tenant: &Arc<Tenant>,
        step_up: &StepUp<'_>,
        stages: &dyn StageSink,
    ) -> Result<Arc<AccessToken>, Refusal> {
        let token = self.stepped_up(tenant, step_up, stages).await?;
        let _under_way = self.keep(tenant).await;
        Ok(token)
    }
}

fn refuse(tenant: &Tenant, why: &str) -> Refusal {
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
