//! What PIM's lists say of one window.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::catalog::WindowSpec;
use crate::clock::Moment;
use crate::cloud::{Activated, Demands};

/// An assignment that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// When it ends; `None` for a standing membership.
    pub(super) ends: Option<Timestamp>,
}

impl Found {
    /// The window, at `now` of the server, by an answer to a request sent at `sent`.
    pub(super) fn activated(
        &self,
        now: Timestamp,
        sent: Moment,
        asked: SignedDuration,
        request: Option<&str>,
    ) -> Activated {
        // A standing membership has no end, so ours is what was configured.
        let ends = self.ends.unwrap_or(now + asked);
        let remaining = Duration::try_from(ends.duration_since(now)).unwrap_or(Duration::ZERO);
        Activated {
            remaining,
            as_of: sent,
            ends,
            request: request.map(str::to_owned),
        }
    }
}

/// Whether a request or instance is for that group and access.
pub(super) fn is_for(item: &Value, window: &WindowSpec) -> bool {
    let is = |name: &str, wanted: &str| {
        let found = item.get(name).and_then(Value::as_str);
        found.is_some_and(|found| found.eq_ignore_ascii_case(wanted))
    };
    is("groupId", &window.group.to_string()) && is("accessId", &window.access.to_string())
}

/// The assignment that `request` made, or else any that is in force.
pub(super) fn find(list: &Value, window: &WindowSpec, request: Option<&str>) -> Option<Found> {
    let items = list.get("value").and_then(Value::as_array)?;
    let text = |item: &Value, name: &str| {
        item.get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let mine = || items.iter().filter(|item| is_for(item, window));
    let activated = |item: &&Value| text(item, "assignmentType").eq_ignore_ascii_case("activated");
    let made =
        |item: &&Value| request.is_some_and(|id| text(item, "assignmentScheduleId").ends_with(id));
    if let Some(item) = mine()
        .filter(activated)
        .find(made)
        .or_else(|| mine().find(activated))
    {
        let ends = text(item, "endDateTime").parse().ok()?;
        return Some(Found { ends: Some(ends) });
    }
    let standing =
        mine().find(|item| text(item, "assignmentType").eq_ignore_ascii_case("assigned"))?;
    tracing::warn!(window = %window.name, "you are a standing member of this group: PIM protects nothing here");
    Some(Found {
        ends: text(standing, "endDateTime").parse().ok(),
    })
}

/// What a policy asks of those who activate.
pub(super) fn demands(list: &Value) -> Demands {
    let enabled = rule(list, "Enablement_EndUser_Assignment")
        .and_then(|rule| rule.get("enabledRules")?.as_array());
    Demands {
        longest: maximum_duration(list),
        ticket: enabled.is_some_and(|enabled| enabled.iter().any(|it| it == "Ticketing")),
    }
}

/// The rule of that id.
fn rule<'a>(list: &'a Value, id: &str) -> Option<&'a Value> {
    let rules = list.pointer("/value/0/policy/rules")?.as_array()?;
    rules
        .iter()
        .find(|rule| rule.get("id").and_then(Value::as_str) == Some(id))
}

/// `maximumDuration` of the rule for those who activate.
fn maximum_duration(list: &Value) -> Option<SignedDuration> {
    let text = rule(list, "Expiration_EndUser_Assignment")?
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
    use crate::catalog::testing::vault;

    fn item(kind: &str, schedule: &str, end: Option<&str>) -> Value {
        json!({
            "groupId": "00000000-0000-0000-0000-000000000007", "accessId": "Member",
            "assignmentType": kind, "assignmentScheduleId": schedule, "endDateTime": end,
        })
    }

    #[test]
    fn the_end_is_that_of_the_assignment_the_request_made() {
        let window = &vault("ops").window;
        let early = item("Activated", "g_member_other", Some("2026-01-01T01:00:00Z"));
        let mine = item("activated", "g_member_r1", Some("2026-01-01T02:00:00Z"));
        let list = json!({"value": [early, mine]});
        let found = find(&list, window, Some("r1")).unwrap();
        assert_eq!(found.ends.unwrap().to_string(), "2026-01-01T02:00:00Z");
    }

    #[test]
    fn an_assignment_of_another_group_is_not_ours() {
        let window = &vault("ops").window;
        let mut other = item("activated", "x", Some("2026-01-01T01:00:00Z"));
        other["groupId"] = json!("00000000-0000-0000-0000-000000000008");
        assert_eq!(find(&json!({"value": [other]}), window, None), None);
        assert_eq!(find(&json!({}), window, None), None);
    }

    #[test]
    fn what_is_left_is_counted_by_the_servers_clock() {
        let found = Found {
            ends: Some("2026-01-01T01:00:00Z".parse().unwrap()),
        };
        let now = "2026-01-01T00:59:00Z".parse().unwrap();
        let sent = Moment::since_boot(Duration::from_secs(5));
        let hour = SignedDuration::from_hours(1);
        assert_eq!(
            found.activated(now, sent, hour, None).remaining,
            Duration::from_secs(60)
        );
        let late = "2026-01-01T02:00:00Z".parse().unwrap();
        assert_eq!(
            found.activated(late, sent, hour, None).remaining,
            Duration::ZERO
        );
    }
}
