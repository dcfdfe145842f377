//! Requests to PIM on behalf of one case: which are repeated, and when.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::{Case, refused};
use crate::catalog::Target;
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::{Answer, Call};
use crate::cloud::{Freshness, Identity as _, Resource};
use crate::refusal::{Refusal, Service};

impl Case<'_> {
    /// Reads; as often as need be.
    pub(super) async fn get(&self, url: Url) -> Result<Answer, Refusal> {
        let mut pause = Duration::from_secs(1);
        for _ in 0..3 {
            match self.send(Method::GET, url.clone(), None).await {
                Ok(answer) if answer.is_success() => return Ok(answer),
                Ok(answer) if matches!(answer.status, 429 | 500..=599) => {
                    let wait = answer.wait.unwrap_or(pause).min(LONGEST_WAIT);
                    self.http.clock.sleep(wait).await;
                }
                Ok(answer) => return Err(self.refuse(&answer)),
                Err(Refusal::Unreachable { .. }) => self.http.clock.sleep(pause).await,
                Err(refusal) => return Err(refusal),
            }
            pause *= 2;
        }
        let answer = self.send(Method::GET, url, None).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(self.refuse(&answer))
    }

    /// Sends `body`; again only where the service says that it did not take it.
    pub(super) async fn submit(
        &self,
        method: Method,
        url: Url,
        body: &Value,
    ) -> Result<Answer, Refusal> {
        for _ in 0..2 {
            let answer = self.send(method.clone(), url.clone(), Some(body)).await?;
            if !matches!(answer.status, 429 | 503) {
                return Ok(answer);
            }
            let wait = answer.wait.unwrap_or(Duration::from_secs(2));
            if wait > LONGEST_WAIT {
                return Ok(answer);
            }
            self.http.clock.sleep(wait).await;
        }
        self.send(method, url, Some(body)).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        let (resource, id) = match self.window.target {
            Target::Group { .. } => (Resource::Graph, "client-request-id"),
            Target::AzureRole { .. } => (Resource::Arm, "x-ms-client-request-id"),
        };
        let mut freshness = Freshness::Cached;
        loop {
            let token = self
                .entra
                .token(&self.window.tenant, resource, freshness, self.id)
                .await?;
            let call = Call {
                service: Service::of(&self.window.target),
                method: method.clone(),
                url: url.clone(),
                token: &token,
                id: (id, self.id.to_string()),
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

    /// The refusal for an error answer; what it asks of the next sign-in is remembered.
    pub(super) fn refuse(&self, answer: &Answer) -> Refusal {
        let refusal = refused::refuse(self.window, &ErrorBody::of(answer), answer);
        if let Refusal::StepUp { claims, .. } = &refusal {
            self.entra.wants(&self.window.tenant, claims);
        }
        refusal
    }

    /// What the answer to a deactivation means.
    pub(super) fn deactivated(&self, answer: &Answer) -> Result<(), Refusal> {
        match ErrorBody::of(answer).code.as_str() {
            _ if answer.is_success() => Ok(()),
            // Ended already: what was wanted.
            "RoleAssignmentDoesNotExist" => Ok(()),
            "ActiveDurationTooShort" => Err(refused::too_short(self.window)),
            _ => Err(self.refuse(answer)),
        }
    }
}

/// A `Retry-After` above this is told instead of waited out.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
