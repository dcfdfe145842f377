//! Compares the shape of an answer with a recorded one: members, JSON types, header names. Ids,
//! times and texts are free.

use serde_json::Value;

/// Every difference in members and JSON types; empty when the shapes agree.
pub fn differences(recorded: &Value, given: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("", recorded, given, &mut found);
    found
}

/// Recorded header names the answer lacks. What the transport or an edge network decides is no
/// part of the service's contract.
pub fn missing_headers<'a>(
    recorded: impl IntoIterator<Item = &'a str>,
    given: &reqwest::header::HeaderMap,
) -> Vec<String> {
    const TRANSPORT: [&str; 9] = [
        "connection",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "vary",
        "server",
        "x-cache",
        "x-azure-ref",
        "x-powered-by",
    ];
    recorded
        .into_iter()
        .map(str::to_lowercase)
        .filter(|name| !TRANSPORT.contains(&name.as_str()))
        .filter(|name| !given.contains_key(name.as_str()))
        .collect()
}

fn compare(at: &str, recorded: &Value, given: &Value, found: &mut Vec<String>) {
    match (recorded, given) {
        // The names of tags are the user's.
        (Value::Object(_), Value::Object(_)) if at.ends_with("/tags") => {}
        (Value::Object(recorded), Value::Object(given)) => {
            for (name, value) in recorded {
                match given.get(name) {
                    Some(other) => compare(&format!("{at}/{name}"), value, other, found),
                    None => found.push(format!("{at}/{name} is recorded, and missing here")),
                }
            }
            for name in given.keys().filter(|name| !recorded.contains_key(*name)) {
                found.push(format!("{at}/{name} is here, and not in the recording"));
            }
        }
        // The first element stands for all: a recording and a scenario differ in length.
        (Value::Array(recorded), Value::Array(given)) => {
            if let (Some(first), Some(other)) = (recorded.first(), given.first()) {
                compare(&format!("{at}/0"), first, other, found);
            }
        }
        (recorded, given) if kind(recorded) != kind(given) => found.push(format!(
            "{at} is {} in the recording, {} here",
            kind(recorded),
            kind(given)
        )),
        _ => {}
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn free_values_are_not_differences() {
        let found = differences(&json!({"id": "a", "n": 1}), &json!({"id": "b", "n": 2}));
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_missing_a_new_and_a_retyped_member_are_differences() {
        let found = differences(
            &json!({"id": "a", "n": 1, "gone": true}),
            &json!({"id": "b", "n": "2", "new": null}),
        );
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_header_of_the_transport_is_not_missed_and_one_of_the_service_is() {
        let missing = missing_headers(
            ["Content-Length", "WWW-Authenticate"],
            &reqwest::header::HeaderMap::new(),
        );
        assert_eq!(missing, ["www-authenticate"]);
    }
}
