//! What an error body of Graph or Key Vault says, wherever it hides it.

use serde_json::Value;

use super::challenge::Challenge;
use super::http::Answer;
use crate::refusal::{Refusal, Service};

/// An error, as the service meant it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorBody {
    /// The innermost code.
    pub(super) code: String,
    /// The message that belongs to it.
    pub(super) message: String,
    /// `claims` to sign in with, in whichever of three places they stand.
    pub(super) claims: Option<String>,
}

impl ErrorBody {
    pub(super) fn of(answer: &Answer) -> Self {
        let mut error = Self::parse(&answer.json());
        if let Some(challenge) = &answer.challenge {
            error.claims = error
                .claims
                .or_else(|| Challenge::parse(challenge).claims());
        }
        error
    }

    fn parse(body: &Value) -> Self {
        let error = body.get("error").unwrap_or(body);
        let text = |value: &Value, name: &str| {
            value
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let mut code = text(error, "code");
        let mut message = text(error, "message");
        // Key Vault keeps the decisive code further in.
        let mut inner = error.get("innererror");
        while let Some(found) = inner {
            let deeper = text(found, "code");
            if !deeper.is_empty() {
                code = deeper;
            }
            inner = found.get("innererror");
        }
        // Graph wraps some of PIM's errors into a JSON string.
        if let Ok(wrapped @ Value::Object(_)) = serde_json::from_str::<Value>(&message) {
            let wrapped_code = text(&wrapped, "errorCode");
            if !wrapped_code.is_empty() {
                code = wrapped_code;
                message = text(&wrapped, "message");
            } else if wrapped.get("access_token").is_some() {
                let claims = Some(message.clone());
                return Self {
                    code,
                    message,
                    claims,
                };
            }
        }
        let claims = message
            .split_once("claims=")
            .map(|(_, claims)| percent_decode(claims));
        Self {
            code,
            message,
            claims,
        }
    }

    /// The refusal for an error that has no meaning of its own to us.
    pub(super) fn refuse(&self, service: Service, answer: &Answer) -> Refusal {
        match (answer.status, answer.wait) {
            // Graph and Key Vault have been seen to name no time.
            (429, wait) => {
                let wait = wait.unwrap_or(REST);
                return Refusal::Throttled { service, wait };
            }
            (503, Some(wait)) => return Refusal::Throttled { service, wait },
            _ => {}
        }
        let first = match answer.status {
            300..400 => "it sends us to another address, where no token goes",
            _ => self.message.lines().next().unwrap_or_default(),
        };
        Refusal::Cloud {
            service,
            status: answer.status,
            code: self.code.clone(),
            message: first.chars().take(300).collect(),
        }
    }
}

/// How long a service is left alone that is throttling and does not say for how long.
const REST: std::time::Duration = std::time::Duration::from_secs(10);

fn percent_decode(text: &str) -> String {
    let shielded = format!("x={}", text.replace('+', "%2B"));
    let decoded = url::form_urlencoded::parse(shielded.as_bytes()).next();
    decoded
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_code_inside_is_the_one_that_counts() {
        let vault = json!({"error": {"code": "Forbidden", "message": "no", "innererror": {"code": "ForbiddenByRbac"}}});
        assert_eq!(ErrorBody::parse(&vault).code, "ForbiddenByRbac");
        let message = "{\"errorCode\":\"PermissionScopeNotGranted\",\"message\":\"missing X\"}";
        let graph = json!({"error": {"code": "UnknownError", "message": message}});
        let error = ErrorBody::parse(&graph);
        assert_eq!(
            (error.code.as_str(), error.message.as_str()),
            ("PermissionScopeNotGranted", "missing X")
        );
    }

    #[test]
    fn claims_are_found_in_all_three_places() {
        let claims = "{\"access_token\":{\"acrs\":{\"essential\":true}}}";
        let encoded =
            "&claims=%7B%22access_token%22%3A%7B%22acrs%22%3A%7B%22essential%22%3Atrue%7D%7D%7D";
        let plain = json!({"error": {"code": "RoleAssignmentRequestAcrsValidationFailed", "message": encoded}});
        assert_eq!(ErrorBody::parse(&plain).claims.as_deref(), Some(claims));
        let raw = json!({"error": {"code": "UnknownError", "message": claims}});
        assert_eq!(ErrorBody::parse(&raw).claims.as_deref(), Some(claims));
        let header = format!(
            "Bearer error=\"insufficient_claims\", claims=\"{}\"",
            URL_SAFE_NO_PAD.encode(claims)
        );
        let challenge = Challenge::parse(&header);
        assert_eq!(challenge.claims().as_deref(), Some(claims));
    }

    #[test]
    fn a_body_that_is_no_error_says_nothing() {
        assert_eq!(ErrorBody::parse(&Value::Null), ErrorBody::default());
        assert_eq!(
            ErrorBody::parse(&json!({"error": "x"})),
            ErrorBody::default()
        );
    }
}
