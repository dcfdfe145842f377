//! PIM for Groups, through Microsoft Graph v1.0.
//!
//! What never happens here: an activation posted twice. Posting is not idempotent, so where an
//! answer is lost the lists tell what became of it.

use async_trait::async_trait;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::assignment::{self, Found, Listed};
use super::{Api, Begun, Case, Request, policy, status};
use crate::catalog::AccessId;
use crate::cloud::http::Answer;
use crate::cloud::{Activation, Demands, Rehearsed};
use crate::refusal::Refusal;

/// The API of groups, for one case.
pub(super) struct Groups<'a> {
    case: Case<'a>,
    group: String,
    access: String,
}

impl<'a> Groups<'a> {
    pub(super) fn new(case: Case<'a>, group: Uuid, access: AccessId) -> Self {
        Self {
            case,
            group: group.to_string(),
            access: access.to_string(),
        }
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.case.window.tenant.graph.clone();
        url.set_path(&format!("v1.0/{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    /// What PIM lists as the user's, for this group and access.
    async fn mine(&self, set: &str) -> Result<(Vec<Value>, Answer), Refusal> {
        let filter = format!("groupId eq '{}'", self.group);
        let path = format!("{PIM}/{set}/filterByCurrentUser(on='principal')");
        let url = self.url(&path, &[("$filter", &filter)]);
        let (mut items, answer) = self.case.list(url).await?;
        items.retain(|item| self.is_for(item));
        Ok((items, answer))
    }

    fn body(&self, action: &str) -> Value {
        json!({
            "accessId": self.access,
            "principalId": self.case.principal,
            "groupId": self.group,
            "action": action,
        })
    }

    /// The body that asks for an activation.
    fn activation(&self, activation: &Activation, duration: SignedDuration) -> Value {
        let mut body = self.body("selfActivate");
        if let Some(body) = body.as_object_mut() {
            let schedule = json!({
                "startDateTime": self.case.caller.http.server_time().to_string(),
                "expiration": {"type": "afterDuration", "duration": format!("{duration}")},
            });
            body.insert("scheduleInfo".to_owned(), schedule);
            body.insert("justification".to_owned(), json!(activation.reason));
            if let Some(ticket) = &activation.ticket {
                let info = json!({"ticketNumber": ticket.number, "ticketSystem": ticket.system});
                body.insert("ticketInfo".to_owned(), info);
            }
        }
        body
    }

    async fn post(&self, body: &Value) -> Result<Answer, Refusal> {
        let url = self.url(&format!("{PIM}/assignmentScheduleRequests"), &[]);
        self.case.caller.submit(Method::POST, url, Some(body)).await
    }

    /// What became of a request whose answer was lost.
    async fn look(&self) -> Result<Option<Begun>, Refusal> {
        if self.pending().await?.is_some() {
            return Ok(Some(Begun::Pending));
        }
        let (found, _) = self.assignment(None).await?;
        Ok(found.map(|_| Begun::Exists))
    }

    /// Whether a request or instance is for this group and access.
    fn is_for(&self, item: &Value) -> bool {
        let is = |name: &str, wanted: &str| {
            let found = item.get(name).and_then(Value::as_str);
            found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
        };
        is("groupId", &self.group) && is("accessId", &self.access)
    }
}

#[async_trait]
impl Api for Groups<'_> {
    fn case(&self) -> &Case<'_> {
        &self.case
    }

    async fn begin(
        &self,
        activation: &Activation,
        duration: SignedDuration,
    ) -> Result<Begun, Refusal> {
        let body = self.activation(activation, duration);
        let answer = match self.post(&body).await {
            // The answer is lost, the request perhaps not: posting is not idempotent, so look.
            Err(Refusal::Unreachable { service, why }) => {
                let found = self.look().await?;
                return found.ok_or(Refusal::Unreachable { service, why });
            }
            Ok(answer) if answer.may_be_lost() => match self.look().await? {
                Some(found) => return Ok(found),
                None => answer,
            },
            answer => answer?,
        };
        match self.case.begun(&answer, request) {
            // Who is a member for good need not be eligible.
            Err(Refusal::NotEligible { window }) => match self.assignment(None).await? {
                (Some(_), _) => Ok(Begun::Exists),
                (None, _) => Err(Refusal::NotEligible { window }),
            },
            begun => begun,
        }
    }

    async fn pending(&self) -> Result<Option<Request>, Refusal> {
        let (items, _) = self.mine("assignmentScheduleRequests").await?;
        let mut requests = items.iter().map(request);
        Ok(requests.find(|found| status::waits(&found.status)))
    }

    async fn request(&self, made: &Request) -> Result<Request, Refusal> {
        let url = self.url(&made.path, &[]);
        Ok(request(&self.case.get(url).await?.json()))
    }

    async fn assignment(&self, made: Option<&Request>) -> Result<(Option<Found>, Answer), Refusal> {
        let (items, answer) = self.mine("assignmentScheduleInstances").await?;
        let listed = items.iter().map(|item| Listed {
            properties: item,
            schedule: item
                .get("assignmentScheduleId")
                .and_then(Value::as_str)
                .unwrap_or_default(),
        });
        let found = assignment::find(listed, made);
        Ok((found, answer))
    }

    async fn demands(&self) -> Result<Demands, Refusal> {
        let filter = format!(
            "scopeId eq '{}' and scopeType eq 'Group' and roleDefinitionId eq '{}'",
            self.group, self.access
        );
        let query = [
            ("$filter", filter.as_str()),
            ("$expand", "policy($expand=rules)"),
        ];
        let url = self.url("policies/roleManagementPolicyAssignments", &query);
        let answer = self.case.get(url).await?.json();
        Ok(policy::demands(answer.pointer("/value/0/policy/rules")))
    }

    async fn rehearse(&self, activation: &Activation) -> Result<Rehearsed, Refusal> {
        let mut body = self.activation(activation, activation.duration);
        if let Some(body) = body.as_object_mut() {
            body.insert("isValidationOnly".to_owned(), json!(true));
        }
        let answer = self.post(&body).await?;
        self.case.rehearsed(&answer)
    }

    async fn cancel(&self, request: &Request) -> Result<(), Refusal> {
        let path = format!("{PIM}/assignmentScheduleRequests/{}/cancel", request.id);
        let url = self.url(&path, &[]);
        let answer = self.case.caller.submit(Method::POST, url, None).await?;
        self.case.canceled(&answer)
    }

    async fn deactivate(&self) -> Result<(), Refusal> {
        let answer = self.post(&self.body("selfDeactivate")).await?;
        self.case.deactivated(&answer)
    }
}

fn request(item: &Value) -> Request {
    let text = |name: &str| {
        let text = item.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let id = text("id");
    Request {
        path: format!("{PIM}/assignmentScheduleRequests/{id}"),
        status: text("status"),
        schedule: text("targetScheduleId"),
        // One and the same for groups.
        approval: id.clone(),
        id,
    }
}

/// Where PIM for Groups is in Graph.
pub(super) const PIM: &str = "identityGovernance/privilegedAccess/group";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_id_or_status_is_one_that_nothing_is_known_of() {
        let odd = request(&json!({"id": 7}));
        assert_eq!((odd.id.as_str(), odd.status.as_str()), ("", ""));
    }
}
