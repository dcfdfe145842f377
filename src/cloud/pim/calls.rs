//! Requests to PIM on behalf of one case: which are repeated, and when.

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::{Begun, Case, Request, refused};
use crate::catalog::Target;
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::{Answer, Call, Repeat};
use crate::cloud::{Freshness, Identity as _, Rehearsed, Resource};
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
        self.repeated(Method::GET, url, None, Repeat::Always).await
    }

    /// Sends `body`; again only where the service says that it did not take it.
    pub(super) async fn submit(
        &self,
        method: Method,
        url: Url,
        body: &Value,
    ) -> Result<Answer, Refusal> {
        self.repeated(method, url, Some(body), Repeat::Untaken)
            .await
    }

    async fn repeated(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
        repeat: Repeat,
    ) -> Result<Answer, Refusal> {
        let service = Service::of(&self.window.target);
        let mut attempts = self.http.attempts(service, url.host_str(), repeat)?;
        loop {
            let outcome = self.send(method.clone(), url.clone(), body).await;
            if !attempts.again(&outcome).await {
                return outcome;
            }
        }
    }

    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        let resource = match self.window.target {
            Target::Group { .. } => Resource::Graph,
            Target::AzureRole { .. } => Resource::Arm,
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

    /// The refusal for an error answer; what it asks of the next sign-in is remembered.
    pub(super) fn refuse(&self, answer: &Answer) -> Refusal {
        let refusal = refused::refuse(self.window, &ErrorBody::of(answer), answer);
        if let Refusal::StepUp { claims, .. } = &refusal {
            self.entra.wants(&self.window.tenant, claims);
        }
        refusal
    }

    /// What the answer to a request for an activation means; `request` reads the one that was made.
    pub(super) fn begun(
        &self,
        answer: &Answer,
        request: impl Fn(&Value) -> Request,
    ) -> Result<Begun, Refusal> {
        match ErrorBody::of(answer).code.as_str() {
            _ if answer.is_success() => Ok(Begun::Request(request(&answer.json()))),
            "RoleAssignmentExists" => Ok(Begun::Exists),
            "PendingRoleAssignmentRequest" => Ok(Begun::Pending),
            _ => Err(self.refuse(answer)),
        }
    }

    /// What the answer to a rehearsal means.
    pub(super) fn rehearsed(&self, answer: &Answer) -> Result<Rehearsed, Refusal> {
        match self.begun(answer, |_| Request::default())? {
            Begun::Request(_) => Ok(Rehearsed::Taken),
            Begun::Exists | Begun::Pending => Ok(Rehearsed::Exists),
        }
    }

    /// What the answer to taking a request back means.
    pub(super) fn canceled(&self, answer: &Answer) -> Result<(), Refusal> {
        if answer.is_success() {
            return Ok(());
        }
        Err(self.refuse(answer))
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
