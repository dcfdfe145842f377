//! Requests to PIM on behalf of one case: which are repeated, and when.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::{Case, refused};
use crate::catalog::Target;
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::{Answer, Attempts, Call, Repeat};
use crate::cloud::{Freshness, Identity as _, Resource};
use crate::refusal::{Refusal, Service};

impl Case<'_> {
    /// Reads what is there.
    pub(super) async fn get(&self, url: Url) -> Result<Answer, Refusal> {
        let answer = self.read(url).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(self.refuse(&answer))
    }

    /// Reads, as often as need be; an error is an answer too.
    pub(super) async fn read(&self, url: Url) -> Result<Answer, Refusal> {
        let mut attempts = self.attempts(&url, Repeat::Always)?;
        loop {
            let outcome = self.send(Method::GET, url.clone(), None).await;
            if !attempts.again(&outcome).await {
                return outcome;
            }
        }
    }

    /// Sends `body`; again only where the service says that it did not take it.
    pub(super) async fn submit(
        &self,
        method: Method,
        url: Url,
        body: &Value,
    ) -> Result<Answer, Refusal> {
        let mut attempts = self.attempts(&url, Repeat::Untaken)?;
        loop {
            let outcome = self.send(method.clone(), url.clone(), Some(body)).await;
            if !attempts.again(&outcome).await {
                return outcome;
            }
        }
    }

    fn attempts(&self, url: &Url, repeat: Repeat) -> Result<Attempts<'_>, Refusal> {
        let service = Service::of(&self.window.target);
        self.http.attempts(service, url.host_str(), repeat)
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
