//! Approvals: what waits for the user, and the user's verdict, at both of PIM's services.
//!
//! Enters: an approver. Leaves: what others ask for; a verdict, sent once. What never happens here:
//! a word that the approver did not say, or an id that becomes another address.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::Method;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::caller::Caller;
use super::{Privileges, refused};
use crate::catalog::{Tenant, Ticket};
use crate::cloud::error_body::ErrorBody;
use crate::cloud::http::Answer;
use crate::cloud::{Approval, Approvals, CorrelationId, Decision};
use crate::refusal::{Refusal, Service};

mod azure;
mod groups;

#[async_trait]
impl Approvals for Privileges {
    async fn waiting(
        &self,
        tenant: &Arc<Tenant>,
        service: Service,
        id: CorrelationId,
    ) -> Result<Vec<Approval>, Refusal> {
        let desk = Desk(self.caller(tenant, service, id));
        let azure = service == Service::PimAzure;
        let list = if azure { azure::list } else { groups::list };
        let (items, answer) = desk.0.list(list(tenant)).await?;
        if !answer.is_success() {
            return Err(desk.refuse(&answer));
        }
        let read = if azure { azure::read } else { groups::read };
        Ok(items.iter().filter_map(read).collect())
    }

    async fn decide(
        &self,
        tenant: &Arc<Tenant>,
        service: Service,
        decision: &Decision<'_>,
        id: CorrelationId,
    ) -> Result<(), Refusal> {
        // It becomes a part of an address.
        let approval = decision.request.parse::<Uuid>();
        let approval = approval.map_err(|_| unknown(decision.request))?.to_string();
        let desk = Desk(self.caller(tenant, service, id));
        let body = json!({
            "reviewResult": decision.verdict.word(),
            "justification": decision.reason,
        });
        let files = match service {
            Service::PimAzure => vec![azure::file(tenant, &approval)],
            _ => groups::files(tenant, &approval),
        };
        let answer = desk.review_any(&files, &approval, &body).await?;
        desk.decided(&approval, &answer)
    }
}

/// Where an approval lies, and how its parts are called.
struct File {
    /// Its address.
    url: Url,
    parts: &'static str,
    /// Whether its parts are told only if that is asked for.
    expand: bool,
}

impl File {
    fn whole(&self) -> Url {
        let mut url = self.url.clone();
        if self.expand {
            url.query_pairs_mut().append_pair("$expand", self.parts);
        }
        url
    }

    fn part(&self, id: &str) -> Url {
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{}/{id}", self.url.path(), self.parts));
        url
    }
}

/// One approver's dealings with one tenant.
struct Desk<'a>(Caller<'a>);

impl Desk<'_> {
    /// Decides where the approval is known. If it is nowhere, the first answer says most.
    async fn review_any(
        &self,
        files: &[File],
        approval: &str,
        body: &Value,
    ) -> Result<Answer, Refusal> {
        let mut first = None;
        for file in files {
            let answer = self.review(file, approval, body).await?;
            if !matches!(answer.status, 400 | 404) {
                return Ok(answer);
            }
            if first.is_none() || answer.status != 404 {
                first = Some(answer);
            }
        }
        first.ok_or_else(|| unknown(approval))
    }

    /// Decides the part of the approval that waits for the user.
    async fn review(&self, file: &File, approval: &str, body: &Value) -> Result<Answer, Refusal> {
        let answer = self.0.read(file.whole()).await?;
        if !answer.is_success() {
            return Ok(answer);
        }
        let part = mine(&answer.json(), file.parts);
        let url = file.part(part.as_deref().unwrap_or(approval));
        match self.0.submit(Method::PATCH, url, Some(body)).await {
            Err(lost @ Refusal::Unreachable { .. }) => self.given(file, body).await.ok_or(lost),
            told => told,
        }
    }

    /// The approval, if it tells this verdict: the answer to it was lost, and it was not.
    async fn given(&self, file: &File, verdict: &Value) -> Option<Answer> {
        let answer = self.0.read(file.whole()).await.ok()?;
        has(&answer.json(), file.parts, verdict).then_some(answer)
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
        let (error, service) = (ErrorBody::of(answer), self.0.service);
        let refusal = refused::of_tenant(self.0.tenant, service, &error)
            .unwrap_or_else(|| error.refuse(service, answer));
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

/// What is told of a thing: Resource Manager puts it under `properties`.
fn told(thing: &Value) -> &Value {
    thing.get("properties").unwrap_or(thing)
}

/// Whether a part of an approval was decided like this.
fn has(approval: &Value, parts: &str, verdict: &Value) -> bool {
    let parts = told(approval).get(parts).and_then(Value::as_array);
    let same = |part: &Value, what: &str| told(part).get(what) == verdict.get(what);
    let like_this = |part: &Value| same(part, "reviewResult") && same(part, "justification");
    parts.is_some_and(|parts| parts.iter().any(like_this))
}

/// The part of an approval that waits for the user. Resource Manager names it by a path.
fn mine(approval: &Value, parts: &str) -> Option<String> {
    let parts = told(approval).get(parts)?.as_array()?;
    let waits = |part: &&Value| {
        let part = told(part);
        let status = part.get("status").and_then(Value::as_str);
        let assigned = part.get("assignedToMe").and_then(Value::as_bool);
        assigned == Some(true) && status.is_none_or(|it| it.eq_ignore_ascii_case("InProgress"))
    };
    let found = parts.iter().find(waits).or_else(|| parts.first())?;
    let id = found.get("id")?.as_str()?.rsplit('/').next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!id.is_empty() && id.chars().all(plain)).then(|| id.to_owned())
}

/// What both services tell of a request in the same words; it was made at `asked`.
fn request(item: &Value, asked: &str) -> Approval {
    let text = |path: &str| item.pointer(path).and_then(Value::as_str);
    Approval {
        reason: first(item, &["/justification"]),
        ticket: text("/ticketInfo/ticketNumber").map(|number| Ticket {
            number: number.to_owned(),
            system: first(item, &["/ticketInfo/ticketSystem"]),
        }),
        duration: text("/scheduleInfo/expiration/duration").and_then(|it| it.parse().ok()),
        asked: text(asked).and_then(|it| it.parse().ok()),
        ..Approval::default()
    }
}

/// The first of `paths` at which there is a text; empty if there is none.
fn first(item: &Value, paths: &[&str]) -> String {
    let text = |path: &&str| item.pointer(path).and_then(Value::as_str);
    paths.iter().find_map(text).unwrap_or_default().to_owned()
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
        let below =
            |id: &str, mine: bool| json!({"id": id, "properties": part("", "InProgress", mine)});
        let azure = json!({"properties": {"stages": [
            below("/x/stages/a", false), below("/x/stages/b", true),
        ]}});
        assert_eq!(mine(&azure, "stages").as_deref(), Some("b"));
    }

    #[test]
    fn a_verdict_was_given_where_a_part_tells_it_in_the_same_words() {
        let verdict =
            |result: &str, reason: &str| json!({"reviewResult": result, "justification": reason});
        let (mine, other) = (verdict("Approve", "I know her"), verdict("Approve", "no"));
        let stages = json!({"stages": [verdict("NotReviewed", ""), mine]});
        assert!(has(&stages, "stages", &mine));
        assert!(has(
            &json!({"properties": {"stages": [{"properties": mine}]}}),
            "stages",
            &mine
        ));
        assert!(!has(&stages, "steps", &mine));
        for verdict in [other, verdict("Deny", "I know her")] {
            assert!(!has(&stages, "stages", &verdict));
        }
        assert!(!has(&json!({"stages": [{}]}), "stages", &mine));
    }

    #[test]
    fn a_part_whose_id_is_no_name_becomes_no_address() {
        for id in ["", "a/", "..", "a?b", "/x/stages/%2e%2e"] {
            let stages = json!({"stages": [{"id": id, "assignedToMe": true}]});
            assert_eq!(mine(&stages, "stages"), None, "{id}");
        }
    }
}
