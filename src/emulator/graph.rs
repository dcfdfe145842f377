//! Microsoft Graph v1.0: PIM for Groups and its policies.

use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::http::{Reply, Request};
use super::pim::{PimError, PimRequest, STEP_UP, Wanted, is_azure, not_found};
use super::scenario::{Group, User};
use super::tokens::{Caller, TokenProblem};
use super::world::World;

use filter::Filter;
pub(super) use operations::operation;
use operations::scopes;

mod approvals;
mod filter;
mod operations;
mod policy;
mod shapes;

impl World {
    pub(super) fn graph(&mut self, operation: &str, request: &Request) -> Reply {
        let answer = self.graph_answer(operation, request);
        let reply = match answer {
            Ok(reply) => reply,
            Err((status, code, message)) => self.graph_error(request, status, code, &message),
        };
        let id = request.header("client-request-id").map(str::to_owned);
        let request_id = Uuid::new_v4().to_string();
        reply
            .with("request-id", request_id.clone())
            .with("client-request-id", id.unwrap_or(request_id))
            .with("Cache-Control", "no-cache")
            .with("x-ms-ags-diagnostic", DIAGNOSTIC)
            .with("Strict-Transport-Security", "max-age=31536000")
    }

    fn graph_error(&self, request: &Request, status: u16, code: &str, message: &str) -> Reply {
        let date = self.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let request_id = Uuid::new_v4().to_string();
        let client = request.header("client-request-id").unwrap_or(&request_id);
        let reply = Reply::json(
            status,
            &json!({"error": {
                "code": code,
                "message": message,
                "innerError": {"date": date, "request-id": request_id, "client-request-id": client},
            }}),
        );
        if status == 401 {
            let challenge = "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\"";
            return reply.with("WWW-Authenticate", challenge);
        }
        reply
    }

    fn graph_answer(&mut self, operation: &str, request: &Request) -> Result<Reply, PimError> {
        let caller = self
            .caller(request.bearer(), "https://graph.microsoft.com")
            .map_err(|problem| unauthenticated(&problem))?;
        let needed = scopes(operation);
        if !needed.iter().any(|scope| caller.has_scope(scope)) {
            return Err(no_scope(needed));
        }
        let user = self
            .scenario
            .users
            .iter()
            .find(|user| user.id == caller.object_id())
            .cloned();
        let user = user.ok_or((
            401,
            "InvalidAuthenticationToken",
            "User not found.".to_owned(),
        ))?;
        let id = request.parts().into_iter().nth(5).unwrap_or_default();
        match operation {
            "graph.me" => Ok(Reply::json(200, &me(&user))),
            "graph.roleManagementPolicyAssignments" => self.policy_assignments(request),
            "graph.assignmentScheduleRequests.create" => self.create(request, &caller, &user),
            "graph.assignmentScheduleRequests.get" => self.get_request(&id, &user),
            "graph.assignmentScheduleRequests.cancel" => {
                self.cancel_request(&id, &user.id)?;
                Ok(Reply::empty(204))
            }
            "graph.assignmentApprovals.get" => self.approval(&id, "stages", &user),
            "graph.beta.assignmentApprovals.get" => self.approval(&id, "steps", &user),
            "graph.assignmentApprovals.stages.update"
            | "graph.beta.assignmentApprovals.steps.update" => self.review(&id, request, &user),
            _ => self.list(operation, request, &user),
        }
    }

    /// The lists: all of them the caller's own.
    fn list(&self, operation: &str, request: &Request, user: &User) -> Result<Reply, PimError> {
        let filter = Filter::parse(request.query("$filter").unwrap_or_default()).ok_or((
            400,
            "BadRequest",
            "Invalid filter clause.".to_owned(),
        ))?;
        let (now, delays) = (self.now(), &self.scenario.delays);
        let on = request.parts().into_iter().nth(5).unwrap_or_default();
        let set = operation.strip_prefix("graph.").unwrap_or(operation);
        let set = set.split('.').next().unwrap_or(set);
        let mine = self
            .requests
            .iter()
            .filter(|found| found.principal == user.id && !is_azure(&found.scope));
        let expand = request.query("$expand").unwrap_or_default();
        let items: Vec<Value> = match set {
            "eligibilityScheduleInstances" => {
                let eligible = self.eligible(user).into_iter();
                eligible.map(|item| self.expanded(item, expand)).collect()
            }
            "assignmentScheduleInstances" => {
                let active = mine.filter_map(|found| shapes::instance(found, delays, now));
                active.chain(shapes::standing(user)).collect()
            }
            _ if on.contains("approver") => {
                let waiting = self
                    .requests
                    .iter()
                    .filter(|found| self.may_review(found, user));
                waiting
                    .map(|found| self.expanded(shapes::request(found, delays, now), expand))
                    .collect()
            }
            _ => mine
                .map(|found| shapes::request(found, delays, now))
                .collect(),
        };
        let items: Vec<Value> = items
            .into_iter()
            .filter(|item| filter.matches(item))
            .collect();
        Ok(self.page(request, set, items))
    }

    /// `item` with who asks for what, by name, as far as `expand` wants it.
    fn expanded(&self, mut item: Value, expand: &str) -> Value {
        let id = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default();
        let group = self.scenario.group(id("groupId"));
        let group = json!(group.map(|it| json!({"id": it.id, "displayName": it.name})));
        let mut users = self.scenario.users.iter();
        let principal = users.find(|user| user.id == id("principalId"));
        let principal = json!(principal.map(|it| {
            json!({"id": it.id, "displayName": it.name, "userPrincipalName": it.name})
        }));
        if let Some(item) = item.as_object_mut() {
            for (name, value) in [("group", group), ("principal", principal)] {
                // With what is wanted of it in brackets, or without.
                let is = |wanted: &str| wanted.split('(').next() == Some(name);
                if expand.split(',').any(is) {
                    item.insert(name.to_owned(), value);
                }
            }
        }
        item
    }

    fn page(&self, request: &Request, set: &str, items: Vec<Value>) -> Reply {
        let skip: usize = request
            .query("$skiptoken")
            .and_then(|token| token.parse().ok())
            .unwrap_or_default();
        let more = items.len() > skip + self.scenario.page_size;
        let context = format!(
            "https://graph.microsoft.com/v1.0/$metadata#identityGovernance/privilegedAccess/group/{set}"
        );
        let page: Vec<Value> = items
            .into_iter()
            .skip(skip)
            .take(self.scenario.page_size)
            .collect();
        let mut body = json!({"@odata.context": context, "value": page});
        if let (true, Some(body)) = (more, body.as_object_mut()) {
            let next = skip + self.scenario.page_size;
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.extend_pairs(
                request
                    .query
                    .iter()
                    .filter(|(name, _)| name != "$skiptoken"),
            );
            let query = query.append_pair("$skiptoken", &next.to_string()).finish();
            let link = format!("https://graph.microsoft.com{}?{query}", request.path);
            body.insert("@odata.nextLink".to_owned(), json!(link));
        }
        Reply::json(200, &body)
    }

    fn eligible(&self, user: &User) -> Vec<Value> {
        let now = self.now();
        let mine = self
            .scenario
            .eligibilities
            .iter()
            .filter(|found| found.user == user.name);
        mine.filter(|found| found.end.is_none_or(|end| now < end))
            .map(|found| {
                let principal = found.through.as_ref().unwrap_or(&user.id);
                let id = format!("{}_{}_{principal}", found.group, found.access);
                json!({
                    "id": id,
                    "startDateTime": "2026-01-01T00:00:00Z",
                    "endDateTime": found.end.map(|end| end.to_string()),
                    "memberType": if found.through.is_some() { "group" } else { "direct" },
                    "principalId": principal,
                    "accessId": found.access,
                    "groupId": found.group,
                    "eligibilityScheduleId": id,
                })
            })
            .collect()
    }

    fn create(
        &mut self,
        request: &Request,
        caller: &Caller,
        user: &User,
    ) -> Result<Reply, PimError> {
        let bad = |text: &str| (400, "BadRequest", text.to_owned());
        let body = request.json().ok_or(bad("The body is not JSON."))?;
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let (access, group) = (text("accessId"), text("groupId"));
        let (Some(access), Some(group)) = (access, group) else {
            return Err(bad("accessId and groupId are required."));
        };
        if text("principalId") != Some(&user.id) {
            return Err((
                400,
                "SubjectNotFound",
                "The subject is not found.".to_owned(),
            ));
        }
        if text("action") == Some("selfDeactivate") {
            let id = Uuid::new_v4().to_string();
            let ended = self.deactivate(group, access, &user.id, id)?;
            return Ok(self.created(&ended));
        }
        if text("action") != Some("selfActivate") {
            return Err((
                403,
                "InsufficientPermissions",
                "Only self-service actions.".to_owned(),
            ));
        }
        let duration = body
            .pointer("/scheduleInfo/expiration/duration")
            .and_then(Value::as_str);
        let duration: SignedDuration = duration.and_then(|text| text.parse().ok()).ok_or((
            400,
            "InvalidRoleAssignmentRequestSchedule",
            "The duration is missing.".to_owned(),
        ))?;
        let no_ticket = json!({"ticketNumber": null, "ticketSystem": null});
        let ticket = body
            .get("ticketInfo")
            .filter(|found| found.is_object())
            .unwrap_or(&no_ticket);
        let wanted = Wanted {
            scope: group,
            role: access,
            duration,
            justification: text("justification"),
            ticket,
        };
        self.check_activation(&wanted, user, caller)
            .map_err(wrapped)?;
        let id = Uuid::new_v4().to_string();
        if body.get("isValidationOnly") == Some(&json!(true)) {
            return Ok(Reply::json(
                201,
                &shapes::validated(&wanted, user, &id, &self.now().to_string()),
            ));
        }
        let made = self.activate(&wanted, user, id);
        Ok(self.created(&made))
    }

    fn created(&self, request: &PimRequest) -> Reply {
        let location = format!(
            "https://graph.microsoft.com/v1.0/identityGovernance/privilegedAccess/group/assignmentScheduleRequests/{}",
            request.id
        );
        Reply::json(
            201,
            &shapes::request(request, &self.scenario.delays, self.now()),
        )
        .with("Location", location)
    }

    fn get_request(&self, id: &str, user: &User) -> Result<Reply, PimError> {
        let found = self
            .requests
            .iter()
            .find(|found| found.id == id && found.principal == user.id);
        let found = found.ok_or_else(not_found)?;
        Ok(Reply::json(
            200,
            &shapes::request(found, &self.scenario.delays, self.now()),
        ))
    }
}

fn me(user: &User) -> Value {
    json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users/$entity",
        "businessPhones": [], "displayName": user.name, "givenName": null, "jobTitle": null,
        "mail": user.name, "mobilePhone": null, "officeLocation": null, "preferredLanguage": null,
        "surname": null, "userPrincipalName": user.name, "id": user.id,
    })
}

fn unauthenticated(problem: &TokenProblem) -> PimError {
    let text = match problem {
        TokenProblem::Audience(_) => "Access token validation failure. Invalid audience.",
        TokenProblem::Expired => "Lifetime validation failed, the token is expired.",
        TokenProblem::Malformed => "CompactToken parsing failed.",
        TokenProblem::Missing => "Access token is empty.",
    };
    (401, "InvalidAuthenticationToken", text.to_owned())
}

/// Graph wraps some errors: the real code is in a JSON string inside the message.
fn wrapped(error: PimError) -> PimError {
    if error.1 != STEP_UP {
        return error;
    }
    let inner = json!({"errorCode": error.1, "message": error.2});
    (error.0, "UnknownError", inner.to_string())
}

/// This one too.
fn no_scope(needed: &[&str]) -> PimError {
    let message = format!(
        "Authorization failed due to missing permission scope {}.",
        needed.join(",")
    );
    let inner = json!({
        "errorCode": "PermissionScopeNotGranted", "message": message, "instanceAnnotations": [],
    });
    (403, "UnknownError", inner.to_string())
}

/// Graph names the machine that answered.
const DIAGNOSTIC: &str = r#"{"ServerInfo":{"DataCenter":"Loopback","Slice":"E","Ring":"5","ScaleUnit":"000","RoleInstance":"EMULATOR"}}"#;

/// Whether a group is known under that policy scope.
fn scoped<'a>(groups: &'a [Group], id: &str) -> Option<&'a Group> {
    groups.iter().find(|group| group.id == id)
}
