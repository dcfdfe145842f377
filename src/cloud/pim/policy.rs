//! The rules of a policy: the same for groups and Azure roles, but for where the list stands.

use jiff::SignedDuration;
use serde_json::Value;

use crate::cloud::Demands;

/// What `rules` ask of those who activate.
pub(super) fn demands(rules: Option<&Value>) -> Demands {
    let enabled = rule(rules, "Enablement_EndUser_Assignment")
        .and_then(|rule| rule.get("enabledRules")?.as_array());
    Demands {
        longest: maximum_duration(rules),
        ticket: enabled.is_some_and(|enabled| enabled.iter().any(|it| it == "Ticketing")),
    }
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
    fn a_policy_that_cannot_be_read_demands_nothing() {
        assert_eq!(demands(None), Demands::default());
        assert_eq!(demands(Some(&json!({"id": "x"}))), Demands::default());
    }
}
