//! Spans of time: `"1h"`, `"90m"`, `"1h 30m"` or ISO 8601's `"PT1H"`.

use jiff::SignedDuration;

use super::problem::Findings;
use super::section::Text;

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
