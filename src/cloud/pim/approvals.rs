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

use super::groups::PIM;
use super::{Privileges, refused};
use crate::catalog::{Tenant, Ticket};
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::{Answer, Call, Repeat};
use crate::cloud::{
    Approval, Approvals, CorrelationId, Freshness, Identity as _, Resource, Verdict,
};
use crate::refusal::{Refusal, Service};

#[async_trait]
impl Approvals for Privileges {
    async fn waiting(
        &self,
        tenant: &Arc<Tenant>,
        id: CorrelationId,
    ) -> Result<Vec<Approval>, Refusal> {
        let desk = Desk {
            pim: self,
            tenant,
            id,
        };
        let mut page = Some(desk.list());
        let mut found = Vec::new();
        while let Some(url) = page.take().filter(|_| found.len() < MOST) {
            let answer = desk.ask(Method::GET, &url, None).await?;
            if !answer.is_success() {
                return Err(desk.refuse(&answer));
            }
            let list = answer.json();
            let items = list.get("value").and_then(Value::as_array);
            found.extend(items.into_iter().flatten().map(approval));
            page = desk.next(&list);
        }
        Ok(found)
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
        let desk = Desk {
            pim: self,
            tenant,
            id,
        };
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
struct Desk<'a> {
    pim: &'a Privileges,
    tenant: &'a Arc<Tenant>,
    id: CorrelationId,
}

impl Desk<'_> {
    fn url(&self, path: &str) -> Url {
        let mut url = self.tenant.graph.clone();
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

    /// The next page; its host is not taken from the link, as the token is for the configured one.
    fn next(&self, list: &Value) -> Option<Url> {
        let link = Url::parse(list.get("@odata.nextLink")?.as_str()?).ok()?;
        let mut url = self.url(link.path());
        url.set_query(link.query());
        Some(url)
    }

    /// Decides the part of the approval that waits for the user.
    async fn review(&self, parts: &Parts, approval: &str, body: &Value) -> Result<Answer, Refusal> {
        let (version, name) = (parts.version, parts.name);
        let path = format!("{version}/{PIM}/assignmentApprovals/{approval}");
        let mut url = self.url(&path);
        url.query_pairs_mut().append_pair("$expand", name);
        let answer = self.ask(Method::GET, &url, None).await?;
        if !answer.is_success() {
            return Ok(answer);
        }
        let part = mine(&answer.json(), name);
        let url = self.url(&format!(
            "{path}/{name}/{}",
            part.as_deref().unwrap_or(approval)
        ));
        self.ask(Method::PATCH, &url, Some(body)).await
    }

    async fn ask(
        &self,
        method: Method,
        url: &Url,
        body: Option<&Value>,
    ) -> Result<Answer, Refusal> {
        let http = &self.pim.http;
        let repeat = match method {
            Method::GET => Repeat::Always,
            _ => Repeat::Untaken,
        };
        let mut attempts = http.attempts(Service::Pim, url.host_str(), repeat)?;
        loop {
            let token = self
                .pim
                .entra
                .token(self.tenant, Resource::Graph, Freshness::Cached, self.id)
                .await?;
            let call = Call {
                service: Service::Pim,
                method: method.clone(),
                url: url.clone(),
                token: Some(&token),
                id: self.id,
                body,
            };
            let outcome = http.send(&call).await;
            if !attempts.again(&outcome).await {
                return outcome;
            }
        }
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
        refused::of_tenant(self.tenant, Service::Pim, &error)
            .unwrap_or_else(|| error.refuse(Service::Pim, answer))
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

/// Far more than anybody looks through.
const MOST: usize = 500;

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
