//! Eligibilities, requests and assignments, as Resource Manager writes them.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::emulator::pim::{Action, Decision, PimRequest, iso};
use crate::emulator::scenario::{AzureRole, Delays, Role, User};

/// An eligibility.
pub(super) fn eligibility(role: &AzureRole, user: &User) -> Value {
    let schedule = eligibility_schedule(role, user);
    let id = guid(&["eligibility instance", &schedule]);
    let through = role.through.as_deref();
    let mut properties = json!({
        "scope": role.scope,
        "roleDefinitionId": definition(&role.scope, role.role.definition()),
        "principalId": through.unwrap_or(&user.id),
        "principalType": if through.is_some() { "Group" } else { "User" },
        "status": "Provisioned",
        "roleEligibilityScheduleId": path(&role.scope, "RoleEligibilitySchedules", &schedule),
        "startDateTime": LONG_AGO,
        "endDateTime": role.end.map(|end| end.to_string()),
        "memberType": if through.is_some() { "Group" } else { "Direct" },
        "createdOn": LONG_AGO,
        "condition": null,
        "conditionVersion": null,
    });
    expand(
        &mut properties,
        &role.scope,
        role.role.definition(),
        Some(user),
    );
    item(
        &role.scope,
        "RoleEligibilityScheduleInstances",
        &id,
        properties,
    )
}

/// The schedule of an eligibility: its own, or that of the group it is through.
pub(super) fn eligibility_schedule(role: &AzureRole, user: &User) -> String {
    let principal = role.through.as_deref().unwrap_or(&user.id);
    guid(&[
        "eligibility",
        &role.scope,
        role.role.definition(),
        principal,
    ])
}

/// A request.
pub(super) fn request(
    request: &PimRequest,
    user: Option<&User>,
    delays: &Delays,
    now: Timestamp,
) -> Value {
    let pending = request.decision == Decision::Pending;
    let approval = format!("{APPROVALS}/{}", approval_id(request));
    let mut properties = json!({
        "targetRoleAssignmentScheduleId": (!pending).then(|| schedule(request)),
        "targetRoleAssignmentScheduleInstanceId": null,
        "scope": request.scope,
        "roleDefinitionId": definition(&request.scope, &request.role),
        "principalId": request.principal,
        "principalType": "User",
        "requestType": match request.action {
            Action::Activate => "SelfActivate",
            Action::Deactivate => "SelfDeactivate",
        },
        "status": request.status(delays, now),
        "approvalId": pending.then_some(approval),
        "scheduleInfo": {
            "startDateTime": request.created.to_string(),
            "expiration": {
                "type": "AfterDuration",
                "endDateTime": null,
                "duration": iso(request.duration),
            },
        },
        "ticketInfo": request.ticket,
        "justification": request.justification,
        "requestorId": request.principal,
        "createdOn": request.created.to_string(),
        "condition": null,
        "conditionVersion": null,
    });
    expand(&mut properties, &request.scope, &request.role, user);
    let id = &request.id;
    item(
        &request.scope,
        "RoleAssignmentScheduleRequests",
        id,
        properties,
    )
}

/// The assignment that a request led to.
pub(super) fn activated(request: &PimRequest, user: &User, delays: &Delays) -> Value {
    let span = request.planned(delays);
    let schedule = schedule(request);
    let mut properties = json!({
        "assignmentType": "Activated",
        "startDateTime": span.map(|(start, _)| start.to_string()),
        "endDateTime": span.map(|(_, end)| end.to_string()),
        "createdOn": request.created.to_string(),
    });
    let at = (request.scope.as_str(), request.role.as_str());
    assigned(&mut properties, at, user, &schedule);
    let id = guid(&["instance", &request.id]);
    item(at.0, "RoleAssignmentScheduleInstances", &id, properties)
}

/// An assignment without end.
pub(super) fn standing(role: &AzureRole, user: &User) -> Value {
    let at = (role.scope.as_str(), role.role.definition());
    let id = guid(&["standing", at.0, at.1, &user.id]);
    let mut properties = json!({
        "assignmentType": "Assigned",
        "startDateTime": LONG_AGO,
        "endDateTime": null,
        "createdOn": LONG_AGO,
    });
    assigned(&mut properties, at, user, &id);
    item(at.0, "RoleAssignmentScheduleInstances", &id, properties)
}

/// What every assignment says.
fn assigned(properties: &mut Value, (scope, role): (&str, &str), user: &User, schedule: &str) {
    let origin = guid(&["assignment", schedule]);
    let common = json!({
        "originRoleAssignmentId": path(scope, "roleAssignments", &origin),
        "roleAssignmentScheduleId": path(scope, "RoleAssignmentSchedules", schedule),
        "linkedRoleEligibilityScheduleId": null,
        "linkedRoleEligibilityScheduleInstanceId": null,
        "scope": scope,
        "roleDefinitionId": definition(scope, role),
        "principalId": user.id,
        "principalType": kind_of(user),
        "status": "Provisioned",
        "memberType": "Direct",
        "condition": null,
        "conditionVersion": null,
    });
    if let (Some(properties), Value::Object(common)) = (properties.as_object_mut(), common) {
        properties.extend(common);
    }
    expand(properties, scope, role, Some(user));
}

/// Adds the names of what is otherwise told by id.
fn expand(properties: &mut Value, scope: &str, role: &str, user: Option<&User>) {
    let name = scope.rsplit('/').next().unwrap_or_default();
    let expanded = json!({
        "scope": {"id": scope, "displayName": name, "type": kind(scope)},
        "roleDefinition": {
            "id": definition(scope, role),
            "displayName": Role::of(role).map(Role::name),
            "type": "BuiltInRole",
        },
        "principal": {
            "id": user.map(|user| user.id.as_str()),
            "displayName": user.map(|user| user.name.as_str()),
            "email": user.map(|user| user.name.as_str()),
            "type": user.map(kind_of),
        },
    });
    if let Some(properties) = properties.as_object_mut() {
        properties.insert("expandedProperties".to_owned(), expanded);
    }
}

/// A service principal goes by the id of its application.
fn kind_of(user: &User) -> &'static str {
    match Uuid::parse_str(&user.name) {
        Ok(_) => "ServicePrincipal",
        Err(_) => "User",
    }
}

fn kind(scope: &str) -> &'static str {
    let scope = scope.to_lowercase();
    if scope.contains("/providers/microsoft.management/") {
        "managementgroup"
    } else if scope.contains("/providers/") {
        "resource"
    } else if scope.contains("/resourcegroups/") {
        "resourcegroup"
    } else {
        "subscription"
    }
}

fn item(scope: &str, set: &str, name: &str, properties: Value) -> Value {
    json!({
        "properties": properties,
        "name": name,
        "id": path(scope, set, name),
        "type": format!("Microsoft.Authorization/{set}"),
    })
}

/// The path of a role's definition: under the subscription it is looked at from.
pub(super) fn definition(scope: &str, role: &str) -> String {
    let subscription: Vec<&str> = scope.split('/').take(3).collect();
    path(&subscription.join("/"), "roleDefinitions", role)
}

fn path(scope: &str, set: &str, name: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/{set}/{name}")
}

/// The approval of a request: not the request's own name.
pub(super) fn approval_id(request: &PimRequest) -> String {
    guid(&["approval", &request.id])
}

/// An approval, which has one stage.
pub(super) fn approval(request: &PimRequest, mine: bool) -> Value {
    let (id, stage) = (approval_id(request), guid(&["stage", &request.id]));
    json!({
        "id": format!("{APPROVALS}/{id}"),
        "type": "Microsoft.Authorization/roleAssignmentApprovals",
        "name": id,
        "properties": {"stages": [{
            "id": format!("{APPROVALS}/{id}/stages/{stage}"),
            "type": "Microsoft.Authorization/roleAssignmentApprovals/stages",
            "name": stage,
            "properties": request.reviewed(mine),
        }]},
    })
}

const APPROVALS: &str = "/providers/Microsoft.Authorization/roleAssignmentApprovals";

/// The schedule that a request leads to: not the request's own name.
fn schedule(request: &PimRequest) -> String {
    guid(&["schedule", &request.id])
}

/// A GUID that stays the same for the same thing.
fn guid(of: &[&str]) -> String {
    let digest = Sha256::digest(of.join("\n").as_bytes());
    let bytes = digest.first_chunk::<16>().copied().unwrap_or_default();
    Uuid::from_bytes(bytes).to_string()
}

const LONG_AGO: &str = "2026-01-01T00:00:00Z";
