//! `$filter`: equality of members, joined by `and`, which is all that PIM's lists take.

use serde_json::Value;

/// A parsed filter; empty lets everything through.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter(Vec<(String, String)>);

impl Filter {
    /// `None` if `text` is anything else than `member eq 'value'` joined by `and`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut terms = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (member, after) = rest.split_once(" eq ")?;
            let value = after.trim_start().strip_prefix('\'')?;
            let (value, after) = value.split_once('\'')?;
            let member = member.trim();
            if member.is_empty()
                || !member
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '/')
            {
                return None;
            }
            terms.push((member.to_owned(), value.to_owned()));
            rest = after.trim();
            if !rest.is_empty() {
                rest = rest.strip_prefix("and ")?.trim_start();
                if rest.is_empty() {
                    return None;
                }
            }
        }
        Some(Self(terms))
    }

    pub(super) fn get(&self, member: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(found, _)| found == member)
            .map(|(_, value)| value.as_str())
    }

    pub(super) fn matches(&self, item: &Value) -> bool {
        self.0.iter().all(|(member, value)| {
            item.get(member)
                .and_then(Value::as_str)
                .is_some_and(|found| found.eq_ignore_ascii_case(value))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn terms_joined_by_and_must_all_hold() {
        let filter = Filter::parse("groupId eq 'g' and accessId eq 'member'").unwrap();
        assert!(filter.matches(&json!({"groupId": "g", "accessId": "member"})));
        assert!(!filter.matches(&json!({"groupId": "g", "accessId": "owner"})));
        assert!(!filter.matches(&json!({"groupId": "g"})));
    }

    #[test]
    fn what_is_not_a_filter_is_refused() {
        for bad in [
            "groupId",
            "groupId eq g",
            "groupId eq 'g",
            "groupId ne 'g'",
            "groupId eq 'g' and ",
            "a eq 'b' or c eq 'd'",
        ] {
            assert_eq!(Filter::parse(bad), None, "{bad}");
        }
        assert_eq!(Filter::parse(""), Some(Filter::default()));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}") {
            let _parsed = Filter::parse(&text).is_some();
        }
    }
}
