//! What PIM's lists say of one window: whether it is open, and until when.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Request;
use crate::clock::Moment;
use crate::cloud::{Activated, Activation};

/// An assignment that is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// When it ends; `None` for a standing assignment without end, though one may have an end.
    pub(super) ends: Option<Timestamp>,
    /// Whether it is held for good, without any activation.
    pub(super) standing: bool,
}

impl Found {
    /// Whether it is not merely the one that was ended to make room for `activation`, which PIM
    /// lists until it has caught up.
    pub(super) fn counts(&self, activation: &Activation) -> bool {
        self.ends.is_none() || self.ends != activation.after
    }

    /// The window, at `now` of the server, by an answer to a request sent at `sent`.
    pub(super) fn activated(
        &self,
        now: Timestamp,
        sent: Moment,
        asked: SignedDuration,
        request: Option<&str>,
    ) -> Activated {
        // A standing assignment bounds nothing, or for months: what was asked for does.
        let asked = now.checked_add(asked).unwrap_or(Timestamp::MAX);
        let ends = match self.ends {
            Some(ends) if self.standing => ends.min(asked),
            Some(ends) => ends,
            None => asked,
        };
        let remaining = Duration::try_from(ends.duration_since(now)).unwrap_or(Duration::ZERO);
        Activated {
            remaining,
            as_of: sent,
            ends,
            request: request.map(str::to_owned),
            standing: self.standing,
        }
    }
}

/// An entry of PIM's list of active assignments.
pub(super) struct Listed<'a> {
    pub(super) properties: &'a Value,
    /// The schedule it is an instance of, by which the request that made it is known.
    pub(super) schedule: &'a str,
}

impl Listed<'_> {
    fn text(&self, name: &str) -> &str {
        let text = self.properties.get(name).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    fn is(&self, kind: &str) -> bool {
        self.text("assignmentType").eq_ignore_ascii_case(kind)
    }

    /// A request names the schedule it leads to, by its path or by the last part of it alone; of a
    /// group's, the request's own id is that part.
    fn made_by(&self, request: &Request) -> bool {
        let named = [&request.schedule, &request.id];
        let mut named = named.iter().filter(|name| !name.is_empty());
        named.any(|name| self.schedule.ends_with(name.as_str()))
    }
}

/// Of the assignments of a window: the one that `request` made, or else any that is in force.
pub(super) fn find<'a>(
    listed: impl Iterator<Item = Listed<'a>>,
    request: Option<&Request>,
) -> Option<Found> {
    let listed: Vec<Listed<'_>> = listed.collect();
    let activated = || listed.iter().filter(|item| item.is("activated"));
    let made = |item: &&Listed<'_>| request.is_some_and(|request| item.made_by(request));
    if let Some(item) = activated().find(made).or_else(|| activated().next()) {
        let ends = item.text("endDateTime").parse().ok()?;
        return Some(Found {
            ends: Some(ends),
            standing: false,
        });
    }
    let standing = listed.iter().find(|item| item.is("assigned"))?;
    Some(Found {
        ends: standing.text("endDateTime").parse().ok(),
        standing: true,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ends(list: &[(&str, &str, Option<&str>)], schedule: Option<&str>) -> Option<Found> {
        let request = schedule.map(|schedule| Request {
            schedule: schedule.to_owned(),
            ..Request::default()
        });
        let items: Vec<Value> = list
            .iter()
            .map(|(kind, _, end)| json!({"assignmentType": kind, "endDateTime": end}))
            .collect();
        let listed = items
            .iter()
            .zip(list)
            .map(|(item, (_, schedule, _))| Listed {
                properties: item,
                schedule,
            });
        find(listed, request.as_ref())
    }

    fn at(time: &str) -> Option<Found> {
        Some(Found {
            ends: Some(time.parse().unwrap()),
            standing: false,
        })
    }

    #[test]
    fn the_end_is_that_of_the_assignment_the_request_made() {
        let (early, late) = ("2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z");
        let list = [
            ("Activated", "g_member_other", Some(early)),
            ("activated", "g_member_r1", Some(late)),
        ];
        assert_eq!(ends(&list, Some("r1")), at(late));
        assert_eq!(ends(&list, Some("r2")), at(early));
    }

    #[test]
    fn an_activation_counts_before_a_standing_assignment() {
        let end = "2026-01-01T01:00:00Z";
        let list = [("Assigned", "s", None), ("Activated", "a", Some(end))];
        assert_eq!(ends(&list, None), at(end));
        let standing = Found {
            ends: None,
            standing: true,
        };
        assert_eq!(ends(&list[..1], None), Some(standing));
        assert_eq!(ends(&[("odd", "x", Some(end))], None), None);
    }

    #[test]
    fn a_standing_assignment_lasts_no_longer_than_was_asked_for() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let sent = Moment::since_boot(Duration::from_secs(5));
        let lasts = |ends: Option<&str>, hours: i64| {
            let found = Found {
                ends: ends.map(|ends| ends.parse().unwrap()),
                standing: true,
            };
            let asked = SignedDuration::from_hours(hours);
            found.activated(now, sent, asked, None).remaining.as_secs() / 60
        };
        assert_eq!(lasts(None, 1), 60);
        assert_eq!(lasts(Some("2026-07-01T00:00:00Z"), 1), 60);
        assert_eq!(lasts(Some("2026-01-01T00:20:00Z"), 1), 20);
        // No number of a client's is too large to be taken.
        assert_eq!(lasts(Some("2026-01-01T00:20:00Z"), i64::MAX / 3600), 20);
    }

    #[test]
    fn what_is_left_is_counted_by_the_servers_clock() {
        let found = Found {
            ends: Some("2026-01-01T01:00:00Z".parse().unwrap()),
            standing: false,
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
