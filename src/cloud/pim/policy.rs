//! The rules of a policy: the same for groups and Azure roles, but for where the list stands.

use jiff::SignedDuration;
use serde_json::Value;

use crate::cloud::Demands;

/// What `rules` ask of those who activate.
pub(super) fn demands(rules: Option<&Value>) -> Demands {
    let enabled = rule(rules, "Enablement_EndUser_Assignment")
        .and_then(|rule| rule.get("enabledRules")?.as_array());
    let wants = |name: &str| enabled.is_some_and(|enabled| enabled.iter().any(|it| it == name));
    Demands {
        longest: maximum_duration(rules),
        reason: wants("Justification"),
        ticket: wants("Ticketing"),
        second_factor: wants("MultiFactorAuthentication"),
        context: context(rules),
        unattended: approval_required(rules) == Some(false),
        approvers: approvers(rules),
    }
}

/// The authentication context, if there is to be one.
fn context(rules: Option<&Value>) -> Option<String> {
    let rule = rule(rules, "AuthenticationContext_EndUser_Assignment")?;
    rule.get("isEnabled")?.as_bool()?.then_some(())?;
    let value = rule.get("claimValue")?.as_str()?;
    Some(value.to_owned()).filter(|value| !value.is_empty())
}

/// Whether somebody has to approve; `None` if the policy does not say.
fn approval_required(rules: Option<&Value>) -> Option<bool> {
    let rule = rule(rules, "Approval_EndUser_Assignment")?;
    rule.pointer("/setting/isApprovalRequired")?.as_bool()
}

/// Who can approve; `None` if nobody has to.
fn approvers(rules: Option<&Value>) -> Option<Vec<String>> {
    approval_required(rules)?.then_some(())?;
    let stages = rule(rules, "Approval_EndUser_Assignment")?
        .pointer("/setting/approvalStages")
        .and_then(Value::as_array);
    let approvers = stages
        .into_iter()
        .flatten()
        .filter_map(|stage| stage.get("primaryApprovers")?.as_array())
        .flatten()
        .filter_map(approver);
    Some(approvers.collect())
}

/// Graph names users and groups apart, Resource Manager by one `id`; both may describe them.
fn approver(found: &Value) -> Option<String> {
    let names = ["description", "displayName", "userId", "groupId", "id"];
    let mut told = names
        .iter()
        .filter_map(|name| found.get(name)?.as_str())
        .filter(|text| !text.is_empty());
    told.next().map(str::to_owned)
}

/// The rule of that id.
fn rule<'a>(rules: Option<&'a Value>, id: &str) -> Option<&'a Value> {
    let rules = rules?.as_array()?;
    rules
        .iter()
        .find(|rule| rule.get("id").and_then(Value::as_str) == Some(id))
}

/// `maximumDuration` of the rule for those who activate.
fn maximum_duration(rules: Option<&Value>) -> Option<SignedDuration> {
    let text = rule(rules, "Expiration_EndUser_Assignment")?
        .get("maximumDuration")?
        .as_str()?;
    // `P1D` has a calendar unit, which a duration in seconds does not take.
    text.parse()
        .ok()
        .or_else(|| (text == "P1D").then(|| SignedDuration::from_hours(24)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn longest(text: &str) -> Option<SignedDuration> {
        let rules = json!([
            {"id": "Expiration_Admin_Eligibility", "maximumDuration": "P365D"},
            {"id": "Expiration_EndUser_Assignment", "maximumDuration": text},
        ]);
        demands(Some(&rules)).longest
    }

    #[test]
    fn the_longest_activation_is_that_of_the_person_who_activates() {
        assert_eq!(longest("PT30M"), Some(SignedDuration::from_mins(30)));
        assert_eq!(longest("P1D"), Some(SignedDuration::from_hours(24)));
        assert_eq!(longest("P1Y"), None);
    }

    #[test]
    fn a_policy_tells_all_that_is_asked_of_whoever_activates() {
        let approvers = json!([
            {"userId": "u1", "description": "Alex"}, {"groupId": "g1"}, {"id": "a1", "description": null},
        ]);
        let rules = |approval: bool| {
            json!([
                {"id": "Enablement_EndUser_Assignment",
                 "enabledRules": ["MultiFactorAuthentication", "Justification"]},
                {"id": "AuthenticationContext_EndUser_Assignment", "isEnabled": true, "claimValue": "c1"},
                {"id": "Approval_EndUser_Assignment", "setting": {
                    "isApprovalRequired": approval,
                    "approvalStages": [{"primaryApprovers": approvers}]}},
            ])
        };
        let found = demands(Some(&rules(true)));
        let named = ["Alex", "g1", "a1"].map(str::to_owned).to_vec();
        let wanted = Demands {
            reason: true,
            second_factor: true,
            context: Some("c1".to_owned()),
            approvers: Some(named),
            ..Demands::default()
        };
        assert_eq!(found, wanted);
        let unattended = demands(Some(&rules(false)));
        assert_eq!((unattended.approvers, unattended.unattended), (None, true));
    }

    #[test]
    fn a_context_that_is_switched_off_or_empty_is_none() {
        for rule in [
            json!({"isEnabled": false, "claimValue": "c1"}),
            json!({"isEnabled": true, "claimValue": ""}),
            json!({"isEnabled": true}),
        ] {
            let mut rule = rule;
            rule["id"] = json!("AuthenticationContext_EndUser_Assignment");
            assert_eq!(demands(Some(&json!([rule]))).context, None);
        }
    }

    #[test]
    fn a_policy_that_does_not_say_whether_somebody_has_to_approve_does_not_say_no() {
        for rules in [
            json!([]),
            json!([{"id": "Approval_EndUser_Assignment"}]),
            json!([{"id": "Approval_EndUser_Assignment", "setting": {"isApprovalRequired": "no"}}]),
            json!([{"id": "Approval_Admin_Assignment", "setting": {"isApprovalRequired": false}}]),
        ] {
            assert!(!demands(Some(&rules)).unattended, "{rules}");
        }
        assert!(!demands(None).unattended);
    }

    #[test]
    fn a_policy_that_cannot_be_read_demands_nothing() {
        assert_eq!(demands(None), Demands::default());
        assert_eq!(demands(Some(&json!({"id": "x"}))), Demands::default());
    }
}
