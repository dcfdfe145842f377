//! Which requests Graph knows here, and the permissions each needs.

use crate::emulator::http::Request;

/// The operation behind a request to Graph.
pub(in crate::emulator) fn operation(request: &Request) -> Option<&'static str> {
    let parts = request.parts();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    if let Some(rest) = parts.strip_prefix(&["beta"]) {
        return of_beta(&request.method, rest);
    }
    let rest = parts.strip_prefix(&["v1.0"])?;
    let pim = rest.strip_prefix(&["identityGovernance", "privilegedAccess", "group"]);
    match (request.method.as_str(), pim, rest) {
        ("GET", _, ["me"]) => Some("graph.me"),
        ("GET", _, ["policies", "roleManagementPolicyAssignments"]) => {
            Some("graph.roleManagementPolicyAssignments")
        }
        ("GET", Some(["eligibilityScheduleInstances"]), _) => {
            Some("graph.eligibilityScheduleInstances")
        }
        ("GET", Some(["assignmentScheduleInstances"]), _) => {
            Some("graph.assignmentScheduleInstances")
        }
        ("GET", Some(["assignmentScheduleRequests"]), _) => {
            Some("graph.assignmentScheduleRequests")
        }
        ("GET", Some([set, by]), _) if by.starts_with("filterByCurrentUser(") => match *set {
            "eligibilityScheduleInstances" => {
                Some("graph.eligibilityScheduleInstances.filterByCurrentUser")
            }
            "assignmentScheduleInstances" => {
                Some("graph.assignmentScheduleInstances.filterByCurrentUser")
            }
            "assignmentScheduleRequests" => {
                Some("graph.assignmentScheduleRequests.filterByCurrentUser")
            }
            _ => None,
        },
        ("POST", Some(["assignmentScheduleRequests"]), _) => {
            Some("graph.assignmentScheduleRequests.create")
        }
        ("GET", Some(["assignmentScheduleRequests", _]), _) => {
            Some("graph.assignmentScheduleRequests.get")
        }
        ("POST", Some(["assignmentScheduleRequests", _, "cancel"]), _) => {
            Some("graph.assignmentScheduleRequests.cancel")
        }
        ("GET", Some(["assignmentApprovals", _]), _) => Some("graph.assignmentApprovals.get"),
        ("PATCH", Some(["assignmentApprovals", _, "stages", _]), _) => {
            Some("graph.assignmentApprovals.stages.update")
        }
        _ => None,
    }
}

/// The one thing that is asked of the beta: approvals by `steps`, which are the stages of v1.0.
fn of_beta(method: &str, rest: &[&str]) -> Option<&'static str> {
    let pim = rest.strip_prefix(&["identityGovernance", "privilegedAccess", "group"])?;
    match (method, pim) {
        ("GET", ["assignmentApprovals", _]) => Some("graph.beta.assignmentApprovals.get"),
        ("PATCH", ["assignmentApprovals", _, "steps", _]) => {
            Some("graph.beta.assignmentApprovals.steps.update")
        }
        _ => None,
    }
}

/// The permissions of which one is needed, least first.
pub(super) fn scopes(operation: &str) -> &'static [&'static str] {
    match operation {
        "graph.me" => &["User.Read"],
        "graph.roleManagementPolicyAssignments" => &[
            "RoleManagementPolicy.Read.AzureADGroup",
            "RoleManagementPolicy.ReadWrite.AzureADGroup",
        ],
        operation if operation.contains("eligibility") => &[
            "PrivilegedEligibilitySchedule.Read.AzureADGroup",
            "PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup",
        ],
        operation
            if operation.ends_with("create")
                || operation.ends_with("cancel")
                || operation.ends_with("update") =>
        {
            &["PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup"]
        }
        _ => &[
            "PrivilegedAssignmentSchedule.Read.AzureADGroup",
            "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
        ],
    }
}
