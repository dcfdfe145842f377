//! Role management policies of groups, as Graph shows them.

use serde_json::{Value, json};

use super::filter::Filter;
use super::{PimError, Request, scoped};
use crate::emulator::http::Reply;
use crate::emulator::pim::iso;
use crate::emulator::scenario::{Policy, User};
use crate::emulator::world::World;

impl World {
    pub(super) fn policy_assignments(&self, request: &Request) -> Result<Reply, PimError> {
        let bad = |text: &str| (400, "BadRequest", text.to_owned());
        let filter = Filter::parse(request.query("$filter").unwrap_or_default())
            .ok_or(bad("Invalid filter clause."))?;
        let (Some(scope), Some("Group")) = (filter.get("scopeId"), filter.get("scopeType")) else {
            return Err(bad("The filter must name scopeId and scopeType."));
        };
        let group = scoped(&self.scenario.groups, scope).ok_or((
            404,
            "ResourceNotFound",
            "The resource is not found.".to_owned(),
        ))?;
        let role = filter.get("roleDefinitionId").unwrap_or("member");
        let policy_id = format!("Group_{}_{}", group.id, group.id);
        let mut assignment = json!({
            "id": format!("{policy_id}_{role}"),
            "policyId": policy_id,
            "scopeId": group.id,
            "scopeType": "Group",
            "roleDefinitionId": role,
        });
        let expand = request.query("$expand").unwrap_or_default();
        if let (true, Some(assignment)) = (expand.starts_with("policy"), assignment.as_object_mut())
        {
            let mut policy = json!({
                "id": policy_id, "displayName": "Group", "description": "Group",
                "isOrganizationDefault": false, "scopeId": group.id, "scopeType": "Group",
                "lastModifiedDateTime": null, "lastModifiedBy": {"displayName": null, "id": null},
            });
            if let (true, Some(policy)) = (expand.contains("rules"), policy.as_object_mut()) {
                policy.insert("rules".to_owned(), json!(self.rules(&group.id, role)));
            }
            assignment.insert("policy".to_owned(), policy);
        }
        let context = "https://graph.microsoft.com/v1.0/$metadata#policies/roleManagementPolicyAssignments(policy(rules()))";
        Ok(Reply::json(
            200,
            &json!({"@odata.context": context, "value": [assignment]}),
        ))
    }

    fn rules(&self, group: &str, access: &str) -> Vec<Value> {
        let none = Policy::default();
        let policy = self.scenario.policy(group, access).unwrap_or(&none);
        let approvers: Vec<Value> = policy
            .approvers
            .iter()
            .filter_map(|name| self.scenario.user(name))
            .map(approver)
            .collect();
        let kind = |name: &str| format!("#microsoft.graph.unifiedRoleManagementPolicy{name}Rule");
        vec![
            json!({
                "@odata.type": kind("Expiration"), "id": "Expiration_EndUser_Assignment",
                "isExpirationRequired": true, "maximumDuration": iso(policy.maximum_duration),
                "target": target(),
            }),
            json!({
                "@odata.type": kind("Enablement"), "id": "Enablement_EndUser_Assignment",
                "enabledRules": policy.enabled(), "target": target(),
            }),
            json!({
                "@odata.type": kind("Approval"), "id": "Approval_EndUser_Assignment",
                "target": target(),
                "setting": {
                    "isApprovalRequired": !approvers.is_empty(),
                    "isApprovalRequiredForExtension": false,
                    "isRequestorJustificationRequired": true,
                    "approvalMode": "SingleStage",
                    "approvalStages": [{
                        "approvalStageTimeOutInDays": 1,
                        "isApproverJustificationRequired": true,
                        "escalationTimeInMinutes": 0,
                        "isEscalationEnabled": false,
                        "primaryApprovers": approvers,
                        "escalationApprovers": [],
                    }],
                },
            }),
            json!({
                "@odata.type": kind("AuthenticationContext"),
                "id": "AuthenticationContext_EndUser_Assignment",
                "isEnabled": policy.authentication_context.is_some(),
                "claimValue": policy.authentication_context.clone().unwrap_or_default(),
                "target": target(),
            }),
        ]
    }
}

fn approver(user: &User) -> Value {
    json!({"@odata.type": "#microsoft.graph.singleUser", "userId": user.id, "description": user.name})
}

fn target() -> Value {
    json!({
        "caller": "EndUser", "operations": ["All"], "level": "Assignment",
        "inheritableSettings": [], "enforcedSettings": [],
    })
}
