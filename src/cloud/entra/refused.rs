//! What an error of the token endpoint means for the person who signs in.

use oauth2::{DeviceCodeErrorResponse, ErrorResponse};
use serde::{Deserialize, Serialize};

use crate::refusal::{Refusal, Service};

/// The body of an error, with what Entra adds to OAuth's.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct EntraError {
    error: String,
    #[serde(default)]
    error_description: String,
    claims: Option<String>,
}

impl ErrorResponse for EntraError {}

impl std::fmt::Display for EntraError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.error, self.sentence())
    }
}

impl EntraError {
    pub(super) fn of_device(error: &DeviceCodeErrorResponse) -> Self {
        Self {
            error: error.error().to_string(),
            error_description: error.error_description().cloned().unwrap_or_default(),
            claims: None,
        }
    }

    /// What the browser brought back instead of a code.
    pub(super) fn redirected(error: String, error_description: String) -> Self {
        Self {
            error,
            error_description,
            claims: None,
        }
    }

    /// What OAuth calls it.
    pub(super) fn name(&self) -> &str {
        &self.error
    }

    /// The number after `AADSTS`.
    pub(super) fn code(&self) -> u32 {
        let digits = self
            .error_description
            .strip_prefix("AADSTS")
            .unwrap_or_default();
        let digits: String = digits.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap_or_default()
    }

    /// The description without code and trace ids, which stand behind line breaks or spaces.
    pub(super) fn sentence(&self) -> &str {
        let text = self
            .error_description
            .split_once(": ")
            .map_or("", |(_, text)| text);
        let text = text.split("Trace ID:").next().unwrap_or(text);
        text.split("\r\n").next().unwrap_or(text).trim()
    }
}

/// The typed refusal for an error of the token endpoint.
pub(super) fn refuse(tenant: &str, consent: &str, error: &EntraError) -> Refusal {
    let tenant = tenant.to_owned();
    let sign_in = |why: &str| Refusal::SignIn {
        tenant: tenant.clone(),
        why: why.to_owned(),
    };
    if let Some(claims) = &error.claims {
        let why = error.sentence().to_owned();
        return Refusal::StepUp {
            tenant,
            why,
            claims: claims.clone(),
        };
    }
    match (error.code(), error.error.as_str()) {
        // 500011: nobody has let the application use that service in this tenant yet.
        (65001 | 500_011, _) => Refusal::Consent {
            tenant,
            scopes: "the permissions of this application".to_owned(),
            link: consent.to_owned(),
        },
        (50076 | 50079 | 53000 | 53001 | 53003 | 50097 | 50158, _) => Refusal::StepUp {
            tenant,
            why: error.sentence().to_owned(),
            claims: String::new(),
        },
        (700_082 | 50173 | 70008 | 700_084, _) => sign_in("the sign-in has expired or was revoked"),
        (7_000_218, _) => sign_in(
            "the application is registered as a web application; register http://localhost under \
             \"Mobile and desktop applications\"",
        ),
        (50011, _) => sign_in("the application does not have http://localhost as redirect address"),
        (65002, _) => {
            sign_in("this application may not ask for PIM; use a registration of your own")
        }
        (700_016 | 700_038, _) => {
            sign_in("the tenant does not know the application; check `client_id`")
        }
        (90002, _) => sign_in("there is no such tenant; check `id` of the tenant"),
        (50105, _) => sign_in("you are not assigned to the application"),
        (_, "authorization_declined" | "access_denied") => sign_in("the sign-in was declined"),
        (_, "expired_token" | "bad_verification_code") => sign_in("the code was not typed in time"),
        (_, "invalid_grant" | "interaction_required") if !error.sentence().is_empty() => {
            sign_in(error.sentence())
        }
        (_, "invalid_grant") => sign_in("what it was signed in with is no longer accepted"),
        (_, "interaction_required") => sign_in("Entra wants you to sign in again"),
        (code, name) => Refusal::Cloud {
            service: Service::Entra,
            status: 400,
            code: if code == 0 {
                name.to_owned()
            } else {
                format!("AADSTS{code}")
            },
            message: error.sentence().to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(error: &str, description: &str) -> Refusal {
        let error = EntraError {
            error: error.to_owned(),
            error_description: description.to_owned(),
            claims: None,
        };
        refuse("contoso", "https://consent", &error)
    }

    #[test]
    fn the_code_is_read_with_line_breaks_and_with_spaces() {
        let old = error(
            "invalid_grant",
            "AADSTS700082: The refresh token has expired.\r\nTrace ID: x",
        );
        let new = error(
            "invalid_grant",
            "AADSTS700082: The refresh token has expired. Trace ID: x",
        );
        assert_eq!((old.code(), old), (new.code(), new));
    }

    #[test]
    fn missing_consent_names_the_link() {
        let refusal = error(
            "invalid_grant",
            "AADSTS65001: The user or administrator has not consented.",
        );
        assert_eq!(refusal.code(), "consent_missing");
        assert!(refusal.advice().contains("https://consent"));
    }

    #[test]
    fn an_unknown_error_keeps_its_code_and_sentence() {
        let refusal = error(
            "server_error",
            "AADSTS12345: Odd thing. Trace ID: x Correlation ID: y",
        );
        assert!(
            refusal.to_string().ends_with("AADSTS12345: Odd thing."),
            "{refusal}"
        );
        assert_eq!(error("odd", "").code(), "cloud");
    }
}
