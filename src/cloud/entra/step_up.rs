//! Step-up: what PIM, Conditional Access or a vault asks for beyond what the sign-in has shown.
//!
//! Enters: the claims of a service. Leaves: the token that satisfies them, or why there is none.
//! First without the person, as msal does it: a sign-in may have it already (a second factor of
//! this morning). Else in the person's browser. What never happens here: a second page while one
//! stands, a second try after a failed one, or another account than the one that is signed in.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::Mutex as AsyncMutex;

use super::browser::Browser;
use super::oauth::Tokens;
use super::{Entra, ambient, claims};
use crate::catalog::{Name, SignInMethod, Tenant};
use crate::clock::Moment;
use crate::cloud::{AccessToken, Account, Stage, StageSink, StepUp};
use crate::refusal::Refusal;

/// Whose turn it is, by tenant. A turn is held while a person signs in: that is its purpose.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<Name, Arc<AsyncMutex<Option<Failed>>>>>);

impl Turns {
    fn of(&self, tenant: &Tenant) -> Arc<AsyncMutex<Option<Failed>>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(tenant.name.clone()).or_default())
    }
}

/// The last step-up of a tenant, if it failed.
struct Failed {
    at: Moment,
    claims: String,
    refusal: Refusal,
}

impl Entra {
    pub(super) async fn stepped_up(
        &self,
        tenant: &Tenant,
        step_up: &StepUp<'_>,
        stages: &dyn StageSink,
    ) -> Result<Arc<AccessToken>, Refusal> {
        let asked = self.http.clock.now();
        let turn = self.turns.of(tenant);
        let mut last = turn.lock().await;
        // Whoever waited while the person said no has got the answer as well.
        let same = |it: &&Failed| it.at >= asked && it.claims == step_up.claims;
        if let Some(failed) = last.as_ref().filter(same) {
            return Err(failed.refusal.clone());
        }
        let outcome = self.satisfied(tenant, step_up, stages).await;
        *last = outcome.as_ref().err().map(|refusal| Failed {
            at: self.http.clock.now(),
            claims: step_up.claims.to_owned(),
            refusal: refusal.clone(),
        });
        outcome
    }

    async fn satisfied(
        &self,
        tenant: &Tenant,
        step_up: &StepUp<'_>,
        stages: &dyn StageSink,
    ) -> Result<Arc<AccessToken>, Refusal> {
        let signed_in = self.acting(tenant).await?;
        if !tenant.sign_in.is_interactive() {
            // The other program's next token may have it.
            signed_in.kept().clear();
            let why = "the sign-in is another program's".to_owned();
            let remedy = ambient::step_up(tenant, step_up.claims);
            return Err(failed(tenant, why, remedy));
        }
        let wish = (step_up.resource, Some(step_up.claims));
        let quiet = self.redeem(tenant, &signed_in, wish, step_up.id).await;
        let claims = match quiet {
            Ok(token) if claims::satisfies(token.secret.expose_secret(), step_up.claims) => {
                self.wanted().remove(&tenant.name);
                return Ok(token);
            }
            // It was not given what was asked for, or its sign-in was revoked: the person is needed.
            Ok(_) | Err(Refusal::SignIn { .. }) => step_up.claims.to_owned(),
            Err(Refusal::StepUp { claims: more, .. }) => claims::merged(step_up.claims, &more),
            Err(refusal) => return Err(refusal),
        };
        // For `pimento login`, where there is no browser now.
        self.wants(tenant, &claims);
        let claims = claims::with_capabilities(&claims);
        self.person_steps_up(tenant, &signed_in.account, step_up, (claims, stages))
            .await
    }

    async fn person_steps_up(
        &self,
        tenant: &Tenant,
        account: &Account,
        step_up: &StepUp<'_>,
        (claims, stages): (String, &dyn StageSink),
    ) -> Result<Arc<AccessToken>, Refusal> {
        if tenant.sign_in != SignInMethod::Browser {
            let why = "[tenant] signs in by device code, which opens no browser".to_owned();
            return Err(failed(tenant, why, way_out(tenant)));
        }
        let oauth = self.oauth(tenant, step_up.id)?;
        let hint = Some(account.user_name.as_str());
        let browser = Browser::listening(&oauth, step_up.resource, claims, hint).await?;
        let browser = browser.within(PATIENCE);
        let opened = self.pages.open(browser.page(), step_up.person).await;
        opened.map_err(|why| failed(tenant, why, way_out(tenant)))?;
        stages.reached(Stage::SteppingUp);
        let accept = |tokens: Result<Tokens, Refusal>, nonce: &str| {
            let tokens = tokens.map_err(|no| not_made(tenant, no))?;
            let found = self
                .recognise(tenant, &tokens, Some(nonce))
                .map_err(|no| not_made(tenant, no))?;
            if found.object_id != account.object_id {
                let why = format!(
                    "{} signed in instead of {}",
                    found.user_name, account.user_name
                );
                return Err(failed(tenant, why, again(tenant)));
            }
            Ok(self.enter(tenant, &found, tokens, step_up.resource))
        };
        browser.finish(accept).await
    }
}

fn not_made(tenant: &Tenant, no: Refusal) -> Refusal {
    match no {
        Refusal::SignIn { why, .. } => failed(tenant, why, again(tenant)),
        other => in_browser(tenant, other),
    }
}

/// What a device code does not satisfy, a browser may.
pub(super) fn by_code(tenant: &Tenant, no: Refusal) -> Refusal {
    match no {
        Refusal::StepUp { why, .. } => failed(tenant, why, way_out(tenant)),
        other => other,
    }
}

/// What the browser does not satisfy is for the policy's owner to change.
pub(super) fn in_browser(tenant: &Tenant, no: Refusal) -> Refusal {
    match no {
        Refusal::StepUp { why, .. } => failed(tenant, why, POLICY.to_owned()),
        other => other,
    }
}

fn failed(tenant: &Tenant, why: String, remedy: String) -> Refusal {
    Refusal::StepUpFailed {
        tenant: tenant.name.to_string(),
        why,
        remedy,
    }
}

fn again(tenant: &Tenant) -> String {
    format!(
        "try again, and finish the sign-in in the browser; or do it beforehand: `pimento login {}`",
        tenant.name
    )
}

/// What does satisfy a step-up where there is no browser, and what does not.
fn way_out(tenant: &Tenant) -> String {
    let name = &tenant.name;
    format!(
        "on the desktop of this machine: `pimento login {name} --browser`, then try again. Without \
         a browser `pimento login {name} --device-code` will do where only a second factor is asked \
         for; it cannot satisfy a policy that wants a managed device (AADSTS53000, 53001, 50097)"
    )
}

const POLICY: &str = "sign in from a device and a place that the policy allows; an administrator \
                      sees which one it is in the Entra admin centre, Sign-in logs, Conditional \
                      Access";

/// How long the page of a step-up stands. Those who wait for it have their own, shorter time.
const PATIENCE: Duration = Duration::from_secs(300);
