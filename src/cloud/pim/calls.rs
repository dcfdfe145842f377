//! Requests to Graph on behalf of one case: which are repeated, and when.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use url::Url;

use super::{Case, refused};
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::{Answer, Call};
use crate::cloud::{Freshness, Identity as _, Resource};
use crate::refusal::{Refusal, Service};

impl Case<'_> {
    pub(super) async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, Refusal> {
        let url = self.url(
            &format!("v1.0/identityGovernance/privilegedAccess/group/{path}"),
            query,
        );
        let mut pause = Duration::from_secs(1);
        for _ in 0..3 {
            match self.send(Method::GET, url.clone(), None).await {
                Ok(answer) if answer.is_success() => return Ok(answer),
                Ok(answer) if matches!(answer.status, 429 | 500..=599) => {
                    let wait = answer.wait.unwrap_or(pause).min(LONGEST_WAIT);
                    self.pim.http.clock.sleep(wait).await;
                }
                Ok(answer) => {
                    return Err(refused::refuse(
                        self.window,
                        &ErrorBody::of(&answer),
                        &answer,
                    ));
                }
                Err(Refusal::Unreachable { .. }) => self.pim.http.clock.sleep(pause).await,
                Err(refusal) => return Err(refusal),
            }
            pause *= 2;
        }
        let answer = self.send(Method::GET, url, None).await?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(refused::refuse(
            self.window,
            &ErrorBody::of(&answer),
            &answer,
        ))
    }

    /// Posts `body`; again only where the service says that it did not take it.
    pub(super) async fn post(&self, body: &Value) -> Result<Answer, Refusal> {
        let path = "v1.0/identityGovernance/privilegedAccess/group/assignmentScheduleRequests";
        let url = self.url(path, &[]);
        for _ in 0..2 {
            let answer = self.send(Method::POST, url.clone(), Some(body)).await?;
            if !matches!(answer.status, 429 | 503) {
                return Ok(answer);
            }
            let wait = answer.wait.unwrap_or(Duration::from_secs(2));
            if wait > LONGEST_WAIT {
                return Ok(answer);
            }
            self.pim.http.clock.sleep(wait).await;
        }
        self.send(Method::POST, url, Some(body)).await
    }

    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        body: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        let entra = &self.pim.entra;
        let mut freshness = Freshness::Cached;
        loop {
            let token = entra
                .token(&self.window.tenant, Resource::Graph, freshness, self.id)
                .await?;
            let call = Call {
                service: Service::Pim,
                method: method.clone(),
                url: url.clone(),
                token: &token,
                id: ("client-request-id", self.id.to_string()),
                body,
            };
            let answer = self.pim.http.send(&call).await?;
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

    pub(super) fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.window.tenant.graph.clone();
        url.set_path(path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }
}

/// A `Retry-After` above this is told instead of waited out.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
