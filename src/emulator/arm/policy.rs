//! Role management policies of Azure roles, as Resource Manager shows them.

use serde_json::{Value, json};

use super::shapes::definition;
use crate::emulator::http::{Reply, Request};
use crate::emulator::pim::{PimError, iso};
use crate::emulator::scenario::{AzureRole, Policy, User};
use crate::emulator::world::World;

impl World {
    /// The policies at a scope; of one role, if the filter names it.
    pub(super) fn azure_policies(&self, scope: &str, request: &Request) -> Result<Reply, PimError> {
        let filter = request.query("$filter").unwrap_or_default();
        let wanted = match filter.strip_prefix("roleDefinitionId eq '") {
            Some(rest) => rest.trim_end_matches('\'').rsplit('/').next(),
            None if filter.is_empty() => None,
            None => {
                let text = format!("The filter '{filter}' is not supported.");
                return Err((400, "InvalidFilter", text));
            }
        };
        let here = |role: &&AzureRole| role.scope.eq_ignore_ascii_case(scope);
        let fits = |role: &&AzureRole| wanted.is_none_or(|id| id == role.role.definition());
        let roles = self.scenario.azure_roles.iter().filter(here).filter(fits);
        let items: Vec<Value> = roles.map(|role| self.azure_policy(role)).collect();
        Ok(Reply::json(200, &json!({ "value": items })))
    }

    fn azure_policy(&self, role: &AzureRole) -> Value {
        let (scope, id) = (&role.scope, role.role.definition());
        let below = |set: &str, name: &str| {
            format!("{scope}/providers/Microsoft.Authorization/{set}/{name}")
        };
        let policy = below("roleManagementPolicies", id);
        let name = format!("{id}_{id}");
        json!({
            "properties": {
                "scope": scope,
                "roleDefinitionId": definition(scope, id),
                "policyId": policy,
                "effectiveRules": self.azure_rules(&role.policy),
            },
            "name": name,
            "id": below("roleManagementPolicyAssignment", &name),
            "type": "Microsoft.Authorization/RoleManagementPolicyAssignment",
        })
    }

    fn azure_rules(&self, policy: &Policy) -> Vec<Value> {
        let approvers = policy.approvers.iter();
        let approvers: Vec<Value> = approvers
            .filter_map(|name| self.scenario.user(name))
            .map(approver)
            .collect();
        vec![
            rule(
                "Expiration",
                &json!({
                    "isExpirationRequired": true, "maximumDuration": iso(policy.maximum_duration),
                }),
            ),
            rule("Enablement", &json!({ "enabledRules": policy.enabled() })),
            rule(
                "Approval",
                &json!({"setting": {
                    "isApprovalRequired": !approvers.is_empty(),
                    "isApprovalRequiredForExtension": false,
                    "isRequestorJustificationRequired": true,
                    "approvalMode": "SingleStage",
                    "approvalStages": [{
                        "approvalStageTimeOutInDays": 1,
                        "isApproverJustificationRequired": true,
                        "escalationTimeInMinutes": 0,
                        "primaryApprovers": approvers,
                        "isEscalationEnabled": false,
                        "escalationApprovers": null,
                    }],
                }}),
            ),
            rule(
                "AuthenticationContext",
                &json!({
                    "isEnabled": policy.authentication_context.is_some(),
                    "claimValue": policy.authentication_context.clone().unwrap_or_default(),
                }),
            ),
        ]
    }
}

fn rule(kind: &str, says: &Value) -> Value {
    let mut rule = json!({
        "id": format!("{kind}_EndUser_Assignment"),
        "ruleType": format!("RoleManagementPolicy{kind}Rule"),
        "target": {
            "caller": "EndUser", "operations": ["All"], "level": "Assignment",
            "targetObjects": null, "inheritableSettings": null, "enforcedSettings": null,
        },
    });
    if let (Some(rule), Some(says)) = (rule.as_object_mut(), says.as_object()) {
        rule.extend(says.clone());
    }
    rule
}

fn approver(user: &User) -> Value {
    json!({"id": user.id, "description": user.name, "isBackup": false, "userType": "User"})
}
