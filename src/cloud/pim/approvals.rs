//! Approvals of PIM for Groups: what waits for the user, and the user's verdict.
//!
//! Version 1.0 of Graph knows an approval's `stages`; its documentation, and other clients, speak
//! of `steps`, which only the beta has. Both are the same, and the second is asked where the first
//! is not known.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::caller::Caller;
use super::groups::PIM;
use super::{Privileges, refused};
use crate::catalog::{Tenant, Ticket};
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::Answer;
use crate::cloud::{Approval, Approvals, CorrelationId, Verdict};
use crate::refusal::{Refusal, Service};

#[async_trait]
impl Approvals for Privileges {
    async fn waiting(
        &self,
        tenant: &Arc<Tenant>,
        id: CorrelationId,
    ) -> Result<Vec<Approval>, Refusal> {
        let desk = Desk(self.caller(tenant, Service::Pim, id));
        let (items, answer) = desk.0.list(desk.list()).await?;
        if !answer.is_success() {
            return Err(desk.refuse(&answer));
        }
        Ok(items.iter().map(approval).collect())
    }

    async fn decide(
        &self,
        tenant: &Arc<Tenant>,
        approval: &str,
        verdict: Verdict,
        reason: &str,
        id: CorrelationId,
    ) -> Result<(), Refusal> {
        // It becomes a part of an address.
        let approval = approval.parse::<Uuid>().map_err(|_| unknown(approval))?;
        let approval = &approval.to_string();
        let desk = Desk(self.caller(tenant, Service::Pim, id));
        let word = match verdict {
            Verdict::Approve => "Approve",
            Verdict::Deny => "Deny",
        };
        let body = json!({"reviewResult": word, "justification": reason});
        let mut answer = desk.review(&STAGES, approval, &body).await?;
        if matches!(answer.status, 400 | 404) {
            let by_steps = desk.review(&STEPS, approval, &body).await?;
            // If neither is known, the first says more.
            if by_steps.status != 404 {
                answer = by_steps;
            }
        }
        desk.decided(approval, &answer)
    }
}

/// How the parts of an approval are called.
struct Parts {
    version: &'static str,
    name: &'static str,
}

const STAGES: Parts = Parts {
    version: "v1.0",
    name: "stages",
};

const STEPS: Parts = Parts {
    version: "beta",
    name: "steps",
};

/// One approver's dealings with one tenant.
struct Desk<'a>(Caller<'a>);

impl Desk<'_> {
    fn url(&self, path: &str) -> Url {
        let mut url = self.0.tenant.graph.clone();
        url.set_path(path);
        url
    }

    fn list(&self) -> Url {
        let set = "assignmentScheduleRequests/filterByCurrentUser(on='approver')";
        let mut url = self.url(&format!("v1.0/{PIM}/{set}"));
        url.query_pairs_mut()
            .append_pair("$filter", "status eq 'PendingApproval'")
            .append_pair("$expand", "group,principal");
        url
    }

    /// Decides the part of the approval that waits for the user.
    async fn review(&self, parts: &Parts, approval: &str, body: &Value) -> Result<Answer, Refusal> {
        let (version, name) = (parts.version, parts.name);
        let path = format!("{version}/{PIM}/assignmentApprovals/{approval}");
        let mut url = self.url(&path);
        url.query_pairs_mut().append_pair("$expand", name);
        let answer = self.0.read(url).await?;
        if !answer.is_success() {
            return Ok(answer);
        }
        let part = mine(&answer.json(), name);
        let url = self.url(&format!(
            "{path}/{name}/{}",
            part.as_deref().unwrap_or(approval)
        ));
        self.0.submit(Method::PATCH, url, Some(body)).await
    }

    /// What the answer to a verdict means.
    fn decided(&self, approval: &str, answer: &Answer) -> Result<(), Refusal> {
        let request = approval.to_owned();
        match answer.status {
            200..300 => Ok(()),
            403 if ErrorBody::of(answer).code != "PermissionScopeNotGranted" => {
                Err(Refusal::Forbidden {
                    what: format!("request {request}"),
                    why: "you are not among its approvers".to_owned(),
                    remedy:
                        "one of its approvers decides it; `pimento approvals` lists what waits \
                             for you"
                            .to_owned(),
                })
            }
            404 => Err(unknown(approval)),
            409 => Err(Refusal::Decided { request }),
            _ => Err(self.refuse(answer)),
        }
    }

    fn refuse(&self, answer: &Answer) -> Refusal {
        let error = ErrorBody::of(answer);
        let refusal = refused::of_tenant(self.0.tenant, Service::Pim, &error)
            .unwrap_or_else(|| error.refuse(Service::Pim, answer));
        self.0.noted(refusal)
    }
}

fn unknown(approval: &str) -> Refusal {
    Refusal::NoMatch {
        kind: "request",
        name: approval.to_owned(),
        nearest: None,
    }
}

/// The part of an approval that waits for the user.
fn mine(approval: &Value, parts: &str) -> Option<String> {
    let parts = approval.get(parts)?.as_array()?;
    let waits = |part: &&Value| {
        let status = part.get("status").and_then(Value::as_str);
        let assigned = part.get("assignedToMe").and_then(Value::as_bool);
        assigned == Some(true) && status.is_none_or(|it| it.eq_ignore_ascii_case("InProgress"))
    };
    let found = parts.iter().find(waits).or_else(|| parts.first())?;
    let id = found.get("id")?.as_str()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    id.chars().all(plain).then(|| id.to_owned())
}

fn approval(item: &Value) -> Approval {
    let text = |path: &str| item.pointer(path).and_then(Value::as_str);
    let first = |paths: &[&str]| {
        let found = paths.iter().find_map(|path| text(path));
        found.unwrap_or_default().to_owned()
    };
    Approval {
        id: first(&["/id"]),
        who: first(&[
            "/principal/userPrincipalName",
            "/principal/displayName",
            "/principalId",
        ]),
        what: format!(
            "{} of {}",
            text("/accessId").unwrap_or("member"),
            first(&["/group/displayName", "/groupId"])
        ),
        reason: first(&["/justification"]),
        ticket: text("/ticketInfo/ticketNumber").map(|number| Ticket {
            number: number.to_owned(),
            system: first(&["/ticketInfo/ticketSystem"]),
        }),
        duration: text("/scheduleInfo/expiration/duration").and_then(|it| it.parse().ok()),
        asked: text("/createdDateTime").and_then(|it| it.parse().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_is_decided_is_the_one_that_waits_for_the_user() {
        let part = |id: &str, status: &str, mine: bool| json!({"id": id, "status": status, "assignedToMe": mine});
        let stages = json!({"stages": [
            part("a", "Completed", true), part("b", "InProgress", false), part("c", "InProgress", true),
        ]});
        assert_eq!(mine(&stages, "stages").as_deref(), Some("c"));
        assert_eq!(mine(&stages, "steps"), None);
        assert_eq!(mine(&json!({"stages": []}), "stages"), None);
    }

    #[test]
    fn names_that_are_not_told_are_ids() {
        let bare = approval(&json!({
            "id": "r", "principalId": "p", "groupId": "g", "accessId": "owner",
            "group": null, "ticketInfo": {"ticketNumber": null, "ticketSystem": null},
        }));
        assert_eq!((bare.who.as_str(), bare.what.as_str()), ("p", "owner of g"));
        assert_eq!((bare.ticket, bare.duration, bare.asked), (None, None, None));
        let named = approval(&json!({
            "principal": {"displayName": "Mia"}, "group": {"displayName": "PIM Linux"},
            "scheduleInfo": {"expiration": {"duration": "PT2H"}},
        }));
        assert_eq!(
            (named.who.as_str(), named.what.as_str()),
            ("Mia", "member of PIM Linux")
        );
        assert_eq!(named.duration, Some(jiff::SignedDuration::from_hours(2)));
    }
}
