//! Spans of time: `"1h"`, `"90m"`, `"1h 30m"` or ISO 8601's `"PT1H"`.

use jiff::SignedDuration;

use super::problem::Findings;
use super::section::{Section, Text};

/// The shortest and the longest that is accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    shortest: SignedDuration,
    longest: SignedDuration,
}

impl Limits {
    pub(super) const fn new(shortest: i64, longest: i64) -> Self {
        Self {
            shortest: SignedDuration::from_secs(shortest),
            longest: SignedDuration::from_secs(longest),
        }
    }
}

/// Reads `text` as the span called `name`.
pub(super) fn span(
    text: Text<'_>,
    name: &str,
    limits: Limits,
    findings: &mut Findings,
) -> Option<SignedDuration> {
    let Ok(span) = text.text.parse::<SignedDuration>() else {
        findings.wrong(
            text.place,
            format!("{name} = {:?} is not a span of time", text.text),
            "write it as \"1h\", \"90m\" or \"PT1H\"",
        );
        return None;
    };
    if span < limits.shortest || span > limits.longest {
        findings.wrong(
            text.place,
            format!("{name} = {:?} is out of range", text.text),
            format!("it can be {:#} to {:#}", limits.shortest, limits.longest),
        );
        return None;
    }
    Some(span)
}

/// At which age something is to be replaced: `"90d"`, `"12w"`, or a span as above.
#[must_use]
pub fn rotation_age(text: &str) -> Option<SignedDuration> {
    // Days and weeks are not of equal length in every calendar, which matters to no age.
    let days = |unit: char| text.strip_suffix(unit)?.trim().parse::<i64>().ok();
    let hours = match (days('d'), days('w')) {
        (Some(days), _) => days.checked_mul(24)?,
        (_, Some(weeks)) => weeks.checked_mul(7 * 24)?,
        _ => text.parse::<SignedDuration>().ok()?.as_hours(),
    };
    (24..=OLDEST)
        .contains(&hours)
        .then(|| SignedDuration::from_hours(hours))
}

/// Reads the field `rotate_after`.
pub(super) fn rotate_after(
    section: &Section<'_>,
    findings: &mut Findings,
) -> Option<SignedDuration> {
    let text = section.text("rotate_after", findings)?;
    let age = rotation_age(text.text);
    if age.is_none() {
        findings.wrong(
            text.place,
            format!("rotate_after = {:?} is not an age", text.text),
            "write it as \"90d\" or \"12w\"; a day to ten years",
        );
    }
    age
}

/// Ten years, in hours.
const OLDEST: i64 = 3650 * 24;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_age_is_a_number_of_days_or_weeks() {
        let days = |text| rotation_age(text).map(|age| age.as_hours() / 24);
        assert_eq!(
            ["90d", "12w", "1 d", "48h"].map(days),
            [Some(90), Some(84), Some(1), Some(2)]
        );
        for wrong in [
            "",
            "d",
            "90",
            "-3d",
            "0d",
            "1h",
            "4000d",
            "9223372036854775807w",
            "90d 1h",
        ] {
            assert_eq!(days(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_an_age_beyond_its_limits(text in "\\PC{0,24}") {
            if let Some(age) = rotation_age(&text) {
                prop_assert!((24..=OLDEST).contains(&age.as_hours()));
            }
        }
    }
}
