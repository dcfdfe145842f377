//! Requests to one of PIM's services by one user: which are repeated, and when.
//!
//! Enters: a request. Leaves: the answer, be it an error. What never happens here: a request that
//! changes something is made again where it may have been taken, or goes to a host that is out.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use crate::catalog::Tenant;
use crate::cloud::entra::Entra;
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::{Answer, Call, Http, Repeat};
use crate::cloud::{CorrelationId, Freshness, Identity as _, Resource, list};
use crate::refusal::{Refusal, Service};

/// Whoever is signed in to a tenant, before one of PIM's two services.
#[derive(Clone, Copy)]
pub(super) struct Caller<'a> {
    pub(super) http: &'a Http,
    pub(super) entra: &'a Entra,
    pub(super) tenant: &'a Arc<Tenant>,
    pub(super) service: Service,
    pub(super) id: CorrelationId,
}

impl Caller<'_> {
    /// Reads, as often as need be.
    pub(super) async fn read(&self, url: Url) -> Result<Answer, Refusal> {
        self.repeated(Method::GET, url, None, Repeat::Always).await
    }

    /// Sends what changes something; again only where the service says that it did not take it.
    pub(super) async fn submit(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        self.repeated(method, url, body, Repeat::Untaken).await
    }

    /// All that is listed at `url`, and the last answer, which may be the error that ends it.
    pub(super) async fn list(&self, url: Url) -> Result<(Vec<Value>, Answer), Refusal> {
        let (mut next, mut items) = (url, Vec::new());
        for _ in 0..list::MOST_PAGES {
            let answer = self.read(next.clone()).await?;
            let mut page = answer.json();
            if !answer.is_success() {
                return Ok((items, answer));
            }
            if let Some(Value::Array(found)) = page.get_mut("value").map(Value::take) {
                items.extend(found);
            }
            match list::next(self.service, &page, &next)? {
                Some(more) => next = more,
                None => return Ok((items, answer)),
            }
        }
        Err(list::endless(self.service))
    }

    /// `refusal`, and what it asks of the next sign-in is remembered.
    pub(super) fn noted(&self, refusal: Refusal) -> Refusal {
        if let Refusal::StepUp { claims, .. } = &refusal {
            self.entra.wants(self.tenant, claims);
        }
        refusal
    }

    async fn repeated(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Answer, Refusal> {
        let mut attempts = self.http.attempts(self.service, url.host_str(), repeat)?;
        loop {
            let outcome = self.send(method.clone(), url.clone(), body).await;
            if !attempts.again(&outcome).await {
                return outcome;
            }
        }
    }

    async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        let resource = Resource::through(self.service);
        let mut freshness = Freshness::Cached;
        loop {
            let token = self
                .entra
                .token(self.tenant, resource, freshness, self.id)
                .await?;
            let call = Call {
                service: self.service,
                method: method.clone(),
                url: url.clone(),
                token: Some(&token),
                id: self.id,
                body,
            };
            let answer = self.http.send(&call).await?;
            // An old token, perhaps revoked: a new one may do, unless claims are asked for.
            let again = answer.status == 401
                && freshness == Freshness::Cached
                && ErrorBody::of(&answer).claims.is_none();
            if !again {
                return Ok(answer);
            }
            freshness = Freshness::New;
        }
    }
}
