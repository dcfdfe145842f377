//! Approvals of PIM for Azure resources.
//!
//! What waits is listed by the version that has requests; approvals themselves are known to a preview
//! alone, which Microsoft's guide to approving by its API names.

use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::{File, first, request};
use crate::catalog::Tenant;
use crate::cloud::Approval;
use crate::cloud::pim::azure::{AUTHORIZATION, VERSION};

/// What waits for the user, in the whole tenant.
pub(super) fn list(tenant: &Tenant) -> Url {
    let mut url = tenant.arm.clone();
    url.set_path(&format!(
        "providers/{AUTHORIZATION}/roleAssignmentScheduleRequests"
    ));
    url.query_pairs_mut()
        .append_pair("api-version", VERSION)
        .append_pair("$filter", "asApprover()");
    url
}

/// Where an approval lies.
pub(super) fn file(tenant: &Tenant, approval: &str) -> File {
    let mut url = tenant.arm.clone();
    url.set_path(&format!(
        "providers/{AUTHORIZATION}/roleAssignmentApprovals/{approval}"
    ));
    url.query_pairs_mut()
        .append_pair("api-version", "2021-01-01-preview");
    File {
        url,
        parts: "stages",
        expand: false,
    }
}

/// A request of the list, if it waits for an approval that has an id.
pub(super) fn read(item: &Value) -> Option<Approval> {
    let item = item.get("properties")?;
    let text = |path: &str| item.pointer(path).and_then(Value::as_str);
    let waits = text("/status").is_some_and(|it| it.eq_ignore_ascii_case("PendingApproval"));
    let id = text("/approvalId").filter(|_| waits)?.rsplit('/').next()?;
    let named = "/expandedProperties";
    let of = |thing: &str, what: &str| format!("{named}/{thing}/{what}");
    Some(Approval {
        id: Uuid::parse_str(id).ok()?.to_string(),
        who: first(
            item,
            &[
                &of("principal", "email"),
                &of("principal", "displayName"),
                "/principalId",
            ],
        ),
        what: format!(
            "{} on {}",
            first(
                item,
                &[&of("roleDefinition", "displayName"), "/roleDefinitionId"]
            ),
            first(item, &[&of("scope", "displayName"), "/scope"])
        ),
        ..request(item, "/createdOn")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "488a6d0e-0a63-4946-86e3-1f5bbc934661";

    fn item(status: &str, approval: &str) -> Value {
        json!({"properties": {
            "status": status, "approvalId": approval, "principalId": "p",
            "scope": "/subscriptions/s", "roleDefinitionId": "r",
            "expandedProperties": {"principal": {"email": "mia@contoso.com"}},
        }})
    }

    #[test]
    fn an_approval_is_known_by_its_id_wherever_its_path_leads() {
        let path = format!("/providers/Microsoft.Authorization/roleAssignmentApprovals/{ID}");
        for told in [ID, &path] {
            let found = read(&item("PendingApproval", told)).unwrap();
            assert_eq!(found.id, ID);
            assert_eq!(found.who, "mia@contoso.com");
            assert_eq!(found.what, "r on /subscriptions/s");
        }
    }

    #[test]
    fn what_does_not_wait_or_has_no_id_is_not_shown() {
        assert_eq!(read(&item("Provisioned", ID)), None);
        assert_eq!(read(&item("PendingApproval", "../x")), None);
        assert_eq!(read(&json!({})), None);
    }
}
