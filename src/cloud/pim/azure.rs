//! PIM for Azure resources, through Azure Resource Manager.
//!
//! Such a role is given to the person, not to a group: Key Vault looks it up by `oid` for each
//! read, so a vault token of before the activation works as soon as the assignment has spread.
//!
//! A request has a name of our choosing, which makes asking idempotent: whatever became of an
//! answer, the name tells. What never happens here: a second name for one wish, or a request where
//! the eligibility does not lie (an eligibility from above is refused at the scopes below it).

use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Map, Value, json};
use url::Url;
use uuid::Uuid;

use super::assignment::{self, Found, Listed};
use super::{Api, Begun, Case, Request, policy, status};
use crate::catalog::{Role, Scope};
use crate::cloud::http::Answer;
use crate::cloud::{Activation, Demands, Rehearsed};
use crate::refusal::Refusal;

pub(super) use eligibility::Known;
use eligibility::{Eligible, text};

mod eligibility;

/// The API of Azure roles, for one case.
pub(super) struct Roles<'a> {
    pub(super) case: Case<'a>,
    pub(super) scope: &'a Scope,
    pub(super) role: Role,
    /// The eligibilities found so far.
    pub(super) known: &'a Known,
}

impl Roles<'_> {
    /// The address of a path.
    fn at(&self, path: &str) -> Url {
        let mut url = self.case.window.tenant.arm.clone();
        url.set_path(path);
        url.query_pairs_mut().append_pair("api-version", VERSION);
        url
    }

    /// An address below `scope` (empty: the whole tenant).
    fn url(&self, scope: &str, rest: &str, filter: Option<&str>) -> Url {
        let mut url = self.at(&format!("{scope}/providers/{AUTHORIZATION}/{rest}"));
        if let Some(filter) = filter {
            url.query_pairs_mut().append_pair("$filter", filter);
        }
        url
    }

    fn request_url(&self, scope: &Scope, rest: &str) -> Url {
        let rest = format!("roleAssignmentScheduleRequests/{rest}");
        self.url(scope.as_str(), &rest, None)
    }

    /// Asks for the activation of `eligible`, under one name until there is an answer.
    async fn ask(
        &self,
        eligible: &Eligible,
        activation: &Activation,
        duration: SignedDuration,
    ) -> Result<Begun, Refusal> {
        let url = self.request_url(&eligible.scope, &Uuid::new_v4().to_string());
        let body = self.activation(eligible, activation, duration);
        let mut lost = 0;
        let answer = loop {
            let sent = self.put(url.clone(), &body).await;
            match &sent {
                Ok(answer) if !answer.may_be_lost() => break sent?,
                Err(Refusal::Unreachable { .. }) | Ok(_) => {}
                Err(_) => break sent?,
            }
            // The answer is lost, the request perhaps not: by its name it can be looked up.
            if let Some(made) = self.look_up(&url).await? {
                return Ok(Begun::Request(made));
            }
            lost += 1;
            if lost == TRIES {
                break sent?;
            }
            self.case.caller.http.clock.sleep(PAUSE).await;
        };
        self.case.begun(&answer, request)
    }

    async fn put(&self, url: Url, body: &Value) -> Result<Answer, Refusal> {
        self.case.caller.submit(Method::PUT, url, Some(body)).await
    }

    /// The request of that address, if it was made.
    async fn look_up(&self, url: &Url) -> Result<Option<Request>, Refusal> {
        let answer = self.case.caller.read(url.clone()).await?;
        match answer.status {
            404 => Ok(None),
            _ if answer.is_success() => Ok(Some(request(&answer.json()))),
            _ => Err(self.case.refuse(&answer)),
        }
    }

    fn activation(
        &self,
        eligible: &Eligible,
        activation: &Activation,
        duration: SignedDuration,
    ) -> Value {
        let mut properties = self.properties("SelfActivate", &eligible.definition);
        let mut set = |name: &str, value: Value| drop(properties.insert(name.to_owned(), value));
        let expiration = json!({"type": "AfterDuration", "duration": format!("{duration}")});
        let starts = self.case.caller.http.server_time().to_string();
        set("justification", json!(activation.reason));
        set(
            "scheduleInfo",
            json!({"startDateTime": starts, "expiration": expiration}),
        );
        if let Some(ticket) = &activation.ticket {
            let info = json!({"ticketNumber": ticket.number, "ticketSystem": ticket.system});
            set("ticketInfo", info);
        }
        if let Some(schedule) = &eligible.schedule {
            set("linkedRoleEligibilityScheduleId", json!(schedule));
        }
        if let Some((condition, version)) = &eligible.condition {
            set("condition", json!(condition));
            set("conditionVersion", json!(version));
        }
        json!({ "properties": properties })
    }

    fn properties(&self, kind: &str, definition: &str) -> Map<String, Value> {
        [
            ("principalId", self.case.principal.as_str()),
            ("roleDefinitionId", definition),
            ("requestType", kind),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect()
    }

    /// Whether something of the user's on `scope` serves this window.
    fn serves(&self, properties: &Value) -> bool {
        let holds =
            Scope::parse(text(properties, "scope")).is_some_and(|scope| scope.holds(self.scope));
        holds && self.role.is(text(properties, "roleDefinitionId"))
    }

    /// What PIM lists as the user's, of that kind, for this window.
    async fn mine(&self, set: &str) -> Result<(Vec<Value>, Answer), Refusal> {
        let url = self.url("", set, Some(MINE));
        let (mut items, answer) = self.case.list(url).await?;
        items.retain(|item| item.get("properties").is_some_and(|it| self.serves(it)));
        Ok((items, answer))
    }
}

#[async_trait]
impl Api for Roles<'_> {
    fn case(&self) -> &Case<'_> {
        &self.case
    }

    async fn begin(
        &self,
        activation: &Activation,
        duration: SignedDuration,
    ) -> Result<Begun, Refusal> {
        let remembered = self.known.get(&self.case);
        if let Some(eligible) = &remembered {
            match self.ask(eligible, activation, duration).await {
                // It may be another one by now: administrators renew them.
                Err(Refusal::NotEligible { .. }) => self.known.forget(&self.case),
                begun => return begun,
            }
        }
        if let Some(eligible) = self.eligible().await? {
            return self.ask(&eligible, activation, duration).await;
        }
        // Who holds the role for good need not be eligible for it.
        let (found, _) = self.assignment(None).await?;
        let window = self.case.window.name.to_string();
        found
            .map(|_| Begun::Exists)
            .ok_or(Refusal::NotEligible { window })
    }

    async fn pending(&self) -> Result<Option<Request>, Refusal> {
        let (items, _) = self.mine("roleAssignmentScheduleRequests").await?;
        let mut requests = items.iter().map(request);
        Ok(requests.find(|found| status::waits(&found.status)))
    }

    async fn request(&self, made: &Request) -> Result<Request, Refusal> {
        Ok(request(&self.case.get(self.at(&made.path)).await?.json()))
    }

    async fn assignment(&self, made: Option<&Request>) -> Result<(Option<Found>, Answer), Refusal> {
        let (items, answer) = self.mine("roleAssignmentScheduleInstances").await?;
        let listed = items.iter().filter_map(|item| {
            let properties = item.get("properties")?;
            Some(Listed {
                properties,
                schedule: text(properties, "roleAssignmentScheduleId"),
            })
        });
        let found = assignment::find(listed, made);
        Ok((found, answer))
    }

    async fn demands(&self) -> Result<Demands, Refusal> {
        let Some(eligible) = self.known_or_found().await? else {
            return Ok(Demands::default());
        };
        let filter = format!("roleDefinitionId eq '{}'", eligible.definition);
        let set = "roleManagementPolicyAssignments";
        let (items, _) = self
            .case
            .list(self.url(eligible.scope.as_str(), set, Some(&filter)))
            .await?;
        let properties = |item: &'_ Value| item.get("properties").cloned();
        // A service that overlooks the filter lists the policies of all roles.
        let mine = items
            .iter()
            .filter_map(properties)
            .find(|it| self.role.is(text(it, "roleDefinitionId")));
        let rules = mine.as_ref().and_then(|it| it.get("effectiveRules"));
        Ok(policy::demands(rules))
    }

    async fn rehearse(&self, activation: &Activation) -> Result<Rehearsed, Refusal> {
        let Some(eligible) = self.known_or_found().await? else {
            let window = self.case.window.name.to_string();
            return Err(Refusal::NotEligible { window });
        };
        let body = self.activation(&eligible, activation, activation.duration);
        let url = self.request_url(&eligible.scope, &format!("{}/validate", Uuid::new_v4()));
        let answer = self
            .case
            .caller
            .submit(Method::POST, url, Some(&body))
            .await?;
        self.case.rehearsed(&answer)
    }

    async fn cancel(&self, request: &Request) -> Result<(), Refusal> {
        let url = self.at(&format!("{}/cancel", request.path));
        let answer = self.case.caller.submit(Method::POST, url, None).await?;
        self.case.canceled(&answer)
    }

    async fn deactivate(&self) -> Result<(), Refusal> {
        let (items, _) = self.mine("roleAssignmentScheduleInstances").await?;
        let active = items.iter().filter_map(|item| item.get("properties"));
        let active = active
            .filter(|it| text(it, "assignmentType").eq_ignore_ascii_case("activated"))
            .filter_map(|it| {
                Some((
                    Scope::parse(text(it, "scope"))?,
                    text(it, "roleDefinitionId"),
                ))
            });
        // The nearest, as it is the one that was asked for: one further up may be another window's.
        let nearest = active.max_by_key(|(scope, _)| scope.as_str().len());
        let Some((scope, definition)) = nearest else {
            // Ended already, or never activated: what was wanted.
            return Ok(());
        };
        let body = json!({ "properties": self.properties("SelfDeactivate", definition) });
        let url = self.request_url(&scope, &Uuid::new_v4().to_string());
        let answer = self.put(url, &body).await?;
        self.case.deactivated(&answer)
    }
}

/// A request as it is listed. Its path is made of its scope and name, as far as they are such: it
/// becomes an address that a token goes to.
fn request(item: &Value) -> Request {
    let properties = item.get("properties").unwrap_or(&Value::Null);
    let (scope, name) = (Scope::parse(text(properties, "scope")), text(item, "name"));
    let scope = scope.filter(|_| Uuid::parse_str(name).is_ok());
    let approval = text(properties, "approvalId").rsplit('/').next();
    let approval = approval.filter(|id| Uuid::parse_str(id).is_ok());
    Request {
        id: name.to_owned(),
        approval: approval.unwrap_or(name).to_owned(),
        path: scope.map_or_else(String::new, |scope| {
            format!("{scope}/providers/{AUTHORIZATION}/roleAssignmentScheduleRequests/{name}")
        }),
        status: text(properties, "status").to_owned(),
        schedule: text(properties, "targetRoleAssignmentScheduleId").to_owned(),
    }
}

/// The provider of roles.
pub(super) const AUTHORIZATION: &str = "Microsoft.Authorization";

/// The newest version that is no preview and has these operations.
pub(super) const VERSION: &str = "2020-10-01";

/// What is the caller's, in the whole tenant, through groups too.
const MINE: &str = "asTarget()";

/// How often a request is sent whose answer gets lost.
const TRIES: u32 = 3;

/// Between two of them.
const PAUSE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "/subscriptions/11111111-2222-3333-4444-555555555555";
    const NAME: &str = "fea7a502-9a96-4806-a26f-eee560e52045";

    fn path(scope: &str, name: &str) -> String {
        request(&json!({"name": name, "properties": {"scope": scope}})).path
    }

    #[test]
    fn a_request_is_asked_about_at_its_own_scope_by_its_name() {
        let set = "providers/Microsoft.Authorization/roleAssignmentScheduleRequests";
        assert_eq!(path(SCOPE, NAME), format!("{SCOPE}/{set}/{NAME}"));
    }

    #[test]
    fn what_is_no_scope_or_no_name_becomes_no_address() {
        for (scope, name) in [
            ("", NAME),
            ("/subscriptions/../x", NAME),
            (SCOPE, ""),
            (SCOPE, "../x"),
        ] {
            assert_eq!(path(scope, name), "", "{scope} {name}");
        }
    }
}
