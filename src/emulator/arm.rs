//! Azure Resource Manager: PIM for Azure roles.

use serde_json::{Value, json};
use uuid::Uuid;

use super::http::{Reply, Request};
use super::pim::{Action, Decision, PimError, PimRequest, is_azure, not_found};
use super::scenario::{Role, User};
use super::tokens::{Caller, TokenProblem};
use super::world::World;

use asked::Asked;

mod approvals;
mod asked;
mod policy;
mod shapes;
mod vaults;

/// The operation behind a request to Resource Manager.
pub(super) fn operation(request: &Request) -> Option<&'static str> {
    if let Some(operation) = vaults::operation(request) {
        return Some(operation);
    }
    let (_, rest) = divided(&request.path)?;
    let rest = rest.to_ascii_lowercase();
    let parts: Vec<&str> = rest.split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["roleeligibilityscheduleinstances"]) => {
            Some("arm.roleEligibilityScheduleInstances")
        }
        ("GET", ["roleassignmentscheduleinstances"]) => Some("arm.roleAssignmentScheduleInstances"),
        ("GET", ["rolemanagementpolicyassignments"]) => Some("arm.roleManagementPolicyAssignments"),
        ("GET", ["roleassignmentschedulerequests"]) => {
            Some("arm.roleAssignmentScheduleRequests.list")
        }
        ("GET", ["roleassignmentschedulerequests", _]) => {
            Some("arm.roleAssignmentScheduleRequests.get")
        }
        ("PUT", ["roleassignmentschedulerequests", _]) => {
            Some("arm.roleAssignmentScheduleRequests.create")
        }
        ("POST", ["roleassignmentschedulerequests", _, "validate"]) => {
            Some("arm.roleAssignmentScheduleRequests.validate")
        }
        ("POST", ["roleassignmentschedulerequests", _, "cancel"]) => {
            Some("arm.roleAssignmentScheduleRequests.cancel")
        }
        ("GET", ["roleassignmentapprovals", _]) => Some("arm.roleAssignmentApprovals.get"),
        ("PATCH", ["roleassignmentapprovals", _, "stages", _]) => {
            Some("arm.roleAssignmentApprovals.stages.update")
        }
        _ => None,
    }
}

/// The scope of a path, and what stands behind the provider; names are told by no case.
fn divided(path: &str) -> Option<(&str, &str)> {
    let at = path.to_ascii_lowercase().rfind(PROVIDER)?;
    Some((path.get(..at)?, path.get(at + PROVIDER.len()..)?))
}

impl World {
    pub(super) fn arm(&mut self, operation: &str, request: &Request) -> Reply {
        let reply = match self.arm_answer(operation, request) {
            Ok(reply) => reply,
            Err((status, code, message)) => {
                let error = json!({"error": {"code": code, "message": message}});
                let reply = Reply::json(status, &error);
                if status == 401 {
                    reply.with("WWW-Authenticate", self.arm_challenge())
                } else {
                    reply
                }
            }
        };
        let id = Uuid::new_v4().to_string();
        reply
            .with("Cache-Control", "no-cache")
            .with("Pragma", "no-cache")
            .with("Strict-Transport-Security", HSTS)
            .with("x-ms-request-id", id.clone())
            .with("x-ms-correlation-request-id", id)
    }

    fn arm_challenge(&self) -> String {
        let tenant = &self.scenario.tenant.id;
        format!(
            "Bearer authorization_uri=\"https://login.windows.net/{tenant}\", \
             error=\"invalid_token\", error_description=\"The access token is missing or invalid.\""
        )
    }

    fn arm_answer(&mut self, operation: &str, request: &Request) -> Result<Reply, PimError> {
        let caller = self
            .caller(request.bearer(), AUDIENCE)
            .map_err(|problem| unauthenticated(&problem))?;
        if request.query("api-version").is_none_or(str::is_empty) {
            let text =
                "The api-version query parameter (?api-version=) is required for all requests.";
            return Err((400, "MissingApiVersionParameter", text.to_owned()));
        }
        let user = self.scenario.principal(caller.object_id());
        let user = user.ok_or_else(|| unauthenticated(&TokenProblem::Malformed))?;
        let (scope, rest) = divided(&request.path).unwrap_or_default();
        let name = rest.split('/').nth(1).unwrap_or_default();
        match operation {
            "arm.roleAssignmentScheduleRequests.create" => {
                self.put_request(scope, name, request, &caller, &user)
            }
            "arm.roleAssignmentScheduleRequests.validate" => {
                let asked = Asked::read(request)?;
                self.may_ask(scope, &asked, &caller, &user)?;
                let draft = self.draft(&asked.wanted(scope), &user, name.to_owned());
                Ok(Reply::json(200, &self.request_json(&draft)))
            }
            "arm.roleAssignmentScheduleRequests.cancel" => {
                self.cancel_request(name, &user.id)?;
                Ok(Reply::empty(200))
            }
            "arm.roleAssignmentScheduleRequests.get" => {
                let mine = |it: &&PimRequest| it.id == name && it.principal == user.id;
                let found = self.requests.iter().find(mine).ok_or_else(not_found)?;
                Ok(Reply::json(200, &self.request_json(found)))
            }
            "arm.subscriptions" | "arm.vaults" => Ok(self.resources(operation, request, &user)),
            "arm.roleManagementPolicyAssignments" => self.azure_policies(scope, request),
            "arm.roleAssignmentApprovals.get" => self.azure_approval(name, &user),
            "arm.roleAssignmentApprovals.stages.update" => self.azure_review(name, request, &user),
            _ => self.azure_list(operation, scope, request, &user),
        }
    }

    fn put_request(
        &mut self,
        scope: &str,
        name: &str,
        request: &Request,
        caller: &Caller,
        user: &User,
    ) -> Result<Reply, PimError> {
        if Uuid::parse_str(name).is_err() {
            let text = format!("The name '{name}' of the request is not a GUID.");
            return Err((400, "InvalidRoleAssignmentScheduleRequestName", text));
        }
        let asked = Asked::read(request)?;
        let made = match asked.text("requestType") {
            "SelfDeactivate" => self.deactivate(scope, &asked.role, &user.id, name.to_owned())?,
            "SelfActivate" => {
                self.may_ask(scope, &asked, caller, user)?;
                if self.requests.iter().any(|found| found.id == name) {
                    let text = "A request of that name exists already.";
                    return Err((409, "Conflict", text.to_owned()));
                }
                self.activate(&asked.wanted(scope), user, name.to_owned())
            }
            _ => return Err(unauthorized(caller, scope)),
        };
        Ok(Reply::json(201, &self.request_json(&made)))
    }

    /// Whether `user` may activate that there.
    fn may_ask(
        &self,
        scope: &str,
        asked: &Asked,
        caller: &Caller,
        user: &User,
    ) -> Result<(), PimError> {
        if asked.text("principalId") != user.id {
            let text = "The subject is not found.";
            return Err((400, "SubjectNotFound", text.to_owned()));
        }
        let own = self.scenario.azure_role(scope, &asked.role);
        let mine = |found: &&super::scenario::AzureRole| found.eligible.contains(&user.name);
        if own.filter(mine).is_none() && self.inherits(scope, &asked.role, user) {
            return Err(unauthorized(caller, scope));
        }
        let linked = asked.text("linkedRoleEligibilityScheduleId");
        let named = own.is_none_or(|role| {
            linked.is_empty() || linked == shapes::eligibility_schedule(role, user)
        });
        if !named {
            let text = "The following policy rules failed: [\"EligibilityRule\"]";
            let code = "RoleAssignmentRequestPolicyValidationFailed";
            return Err((400, code, text.to_owned()));
        }
        self.check_activation(&asked.wanted(scope), user, caller)
    }

    /// Whether the user is eligible above `scope`: there, and only there, it can be activated.
    fn inherits(&self, scope: &str, definition: &str, user: &User) -> bool {
        self.scenario.azure_roles.iter().any(|found| {
            found.eligible.contains(&user.name)
                && found.role.definition() == definition
                && holds(&found.scope, scope)
        })
    }

    fn azure_list(
        &self,
        operation: &str,
        scope: &str,
        request: &Request,
        user: &User,
    ) -> Result<Reply, PimError> {
        let filter = request.query("$filter").unwrap_or_default();
        let approver = filter == "asApprover()";
        if !approver && !["asTarget()", "asRequestor()"].contains(&filter) {
            let text = format!("The filter '{filter}' is not supported.");
            return Err((400, "InvalidFilter", text));
        }
        let near = |other: &str| scope.is_empty() || holds(scope, other) || holds(other, scope);
        let (now, delays) = (self.now(), &self.scenario.delays);
        let requests = self
            .requests
            .iter()
            .filter(|it| is_azure(&it.scope) && near(&it.scope));
        let mine = requests.clone().filter(|it| it.principal == user.id);
        let roles = self.scenario.azure_roles.iter();
        let roles = roles.filter(|role| near(&role.scope));
        let items: Vec<Value> = match operation {
            "arm.roleEligibilityScheduleInstances" => roles
                .filter(|it| it.eligible.contains(&user.name) && it.end.is_none_or(|end| now < end))
                .map(|role| shapes::eligibility(role, user))
                .collect(),
            "arm.roleAssignmentScheduleInstances" => {
                let active = mine.filter(|it| it.action == Action::Activate);
                let active = active.filter(|it| it.listed(delays, now));
                let standing = roles.filter(|it| it.assigned.contains(&user.name));
                active
                    .map(|it| shapes::activated(it, user, delays))
                    .chain(standing.map(|role| shapes::standing(role, user)))
                    .collect()
            }
            _ if approver => requests
                .filter(|it| it.decision == Decision::Pending && self.approves(it, user))
                .map(|it| self.request_json(it))
                .collect(),
            _ => mine.map(|it| self.request_json(it)).collect(),
        };
        Ok(self.arm_page(request, items))
    }

    fn arm_page(&self, request: &Request, items: Vec<Value>) -> Reply {
        let skip = request.query("$skiptoken");
        let skip: usize = skip.and_then(|it| it.parse().ok()).unwrap_or_default();
        let next = skip + self.scenario.page_size;
        let more = items.len() > next;
        let page: Vec<Value> = items
            .into_iter()
            .skip(skip)
            .take(self.scenario.page_size)
            .collect();
        let mut body = json!({ "value": page });
        if let (true, Some(body)) = (more, body.as_object_mut()) {
            let own = |pair: &&(String, String)| pair.0 != "$skiptoken";
            let query = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(request.query.iter().filter(own))
                .append_pair("$skiptoken", &next.to_string())
                .finish();
            let link = format!("{AUDIENCE}{}?{query}", request.path);
            body.insert("nextLink".to_owned(), json!(link));
        }
        Reply::json(200, &body)
    }

    fn request_json(&self, request: &PimRequest) -> Value {
        let user = self.scenario.users.iter();
        let user = user.clone().find(|user| user.id == request.principal);
        shapes::request(request, user, &self.scenario.delays, self.now())
    }

    /// Whether an Azure role lets that principal do at `path`, now, what `allows` says of it.
    ///
    /// Key Vault looks these up by `oid` for each call; what the token says of groups has no part.
    pub(super) fn holds_role(
        &self,
        principal: &str,
        path: &str,
        allows: impl Fn(Role) -> bool,
    ) -> bool {
        let (now, delays) = (self.now(), &self.scenario.delays);
        let active = self.requests.iter().any(|request| {
            let role = Role::of(&request.role);
            let span = request.honoured(delays);
            request.principal == principal
                && holds(&request.scope, path)
                && role.is_some_and(&allows)
                && span.is_some_and(|(start, end)| start <= now && now < end)
        });
        let user = self.scenario.principal(principal);
        active
            || self.scenario.azure_roles.iter().any(|role| {
                let user = user.as_ref();
                user.is_some_and(|user| role.assigned.contains(&user.name))
                    && holds(&role.scope, path)
                    && allows(role.role)
            })
    }
}

/// Whether what holds at `scope` holds at `path`.
fn holds(scope: &str, path: &str) -> bool {
    let (scope, path) = (scope.to_lowercase(), path.to_lowercase());
    path.strip_prefix(&scope)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn unauthorized(caller: &Caller, scope: &str) -> PimError {
    let id = caller.object_id();
    let text = format!(
        "The client '{id}' with object id '{id}' does not have authorization to perform action \
         'Microsoft.Authorization/roleAssignmentScheduleRequests/write' over scope '{scope}' or the \
         scope is invalid. If access was recently granted, please refresh your credentials."
    );
    (403, "AuthorizationFailed", text)
}

fn unauthenticated(problem: &TokenProblem) -> PimError {
    let (code, text) = match problem {
        TokenProblem::Audience(_) => (
            "InvalidAuthenticationTokenAudience",
            "The access token has been obtained for wrong audience or resource.",
        ),
        TokenProblem::Expired => (
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time is earlier than current UTC time.",
        ),
        TokenProblem::Malformed => ("InvalidAuthenticationToken", "The access token is invalid."),
        TokenProblem::Missing => (
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        ),
    };
    (401, code, text.to_owned())
}

/// In lower case.
const PROVIDER: &str = "/providers/microsoft.authorization/";

/// Host and audience alike.
pub(super) const AUDIENCE: &str = "https://management.azure.com";

const HSTS: &str = "max-age=31536000; includeSubDomains";
