//! Approvals of PIM for Groups.
//!
//! Version 1.0 of Graph knows an approval's `stages`; its documentation, and other clients, speak
//! of `steps`, which only the beta has. Both are the same, and the second is asked where the first
//! is not known.

use serde_json::Value;
use url::Url;

use super::{File, first, request};
use crate::catalog::Tenant;
use crate::cloud::Approval;
use crate::cloud::pim::groups::PIM;

/// What waits for the user.
pub(super) fn list(tenant: &Tenant) -> Url {
    let set = "assignmentScheduleRequests/filterByCurrentUser(on='approver')";
    let mut url = tenant.graph.clone();
    url.set_path(&format!("v1.0/{PIM}/{set}"));
    url.query_pairs_mut()
        .append_pair("$filter", "status eq 'PendingApproval'")
        .append_pair("$expand", "group,principal");
    url
}

/// Where an approval may lie.
pub(super) fn files(tenant: &Tenant, approval: &str) -> Vec<File> {
    let file = |(version, parts)| {
        let mut url = tenant.graph.clone();
        url.set_path(&format!("{version}/{PIM}/assignmentApprovals/{approval}"));
        File {
            url,
            parts,
            expand: true,
        }
    };
    [("v1.0", "stages"), ("beta", "steps")].map(file).into()
}

/// A request of the list.
pub(super) fn read(item: &Value) -> Option<Approval> {
    let text = |path: &str| item.pointer(path).and_then(Value::as_str);
    Some(Approval {
        id: text("/id")?.to_owned(),
        who: first(
            item,
            &[
                "/principal/userPrincipalName",
                "/principal/displayName",
                "/principalId",
            ],
        ),
        what: format!(
            "{} of {}",
            text("/accessId").unwrap_or("member"),
            first(item, &["/group/displayName", "/groupId"])
        ),
        ..request(item, "/createdDateTime")
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_that_are_not_told_are_ids() {
        let bare = read(&json!({
            "id": "r", "principalId": "p", "groupId": "g", "accessId": "owner",
            "group": null, "ticketInfo": {"ticketNumber": null, "ticketSystem": null},
        }));
        let bare = bare.unwrap();
        assert_eq!((bare.who.as_str(), bare.what.as_str()), ("p", "owner of g"));
        assert_eq!((bare.ticket, bare.duration, bare.asked), (None, None, None));
        let named = read(&json!({
            "id": "r", "principal": {"displayName": "Mia"}, "group": {"displayName": "PIM Linux"},
            "scheduleInfo": {"expiration": {"duration": "PT2H"}},
        }));
        let named = named.unwrap();
        assert_eq!(
            (named.who.as_str(), named.what.as_str()),
            ("Mia", "member of PIM Linux")
        );
        assert_eq!(named.duration, Some(jiff::SignedDuration::from_hours(2)));
    }
}
