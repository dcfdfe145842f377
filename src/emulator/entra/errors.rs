//! Errors of the token endpoint, with their AADSTS codes.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::emulator::http::{Reply, Request};

/// An OAuth error, and Entra's code for it.
#[derive(Debug)]
pub(super) struct Problem {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
    suberror: Option<&'static str>,
    claims: Option<String>,
}

impl Problem {
    fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self {
            status,
            error,
            code,
            text: text.into(),
            suberror: None,
            claims: None,
        }
    }

    pub(super) fn missing(parameter: &str) -> Self {
        let text = format!("The request body must contain the following parameter: '{parameter}'.");
        Self::new(400, "invalid_request", 900_144, text)
    }

    pub(super) fn tenant(name: &str) -> Self {
        Self::new(
            400,
            "invalid_request",
            90002,
            format!("Tenant '{name}' not found."),
        )
    }

    pub(super) fn client(id: &str) -> Self {
        let text = format!("Application with identifier '{id}' was not found in the directory.");
        Self::new(400, "unauthorized_client", 700_016, text)
    }

    pub(super) fn grant_type(found: &str) -> Self {
        let text = format!("The app requested an unsupported grant type '{found}'.");
        Self::new(400, "unsupported_grant_type", 70003, text)
    }

    pub(super) fn grant(code: u32, text: &str) -> Self {
        Self::new(400, "invalid_grant", code, text)
    }

    pub(super) fn device(error: &'static str, code: u32, text: &str) -> Self {
        Self::new(400, error, code, text)
    }

    pub(super) fn resource(name: &str) -> Self {
        let text = format!("The resource principal named {name} was not found in the tenant.");
        Self::new(400, "invalid_resource", 500_011, text)
    }

    pub(super) fn scope(asked: &str) -> Self {
        let text = format!(
            "The provided value for the input parameter 'scope' is not valid. \
             The scope {asked} is not valid: it names more than one resource."
        );
        Self::new(400, "invalid_scope", 70011, text)
    }

    pub(super) fn consent(client: &str) -> Self {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{client}'. \
             Send an interactive authorization request for this user and resource."
        );
        let mut problem = Self::new(400, "invalid_grant", 65001, text);
        problem.suberror = Some("consent_required");
        problem
    }

    pub(super) fn unmanaged() -> Self {
        let text = "Device is not in required device state: compliant. Conditional Access policy \
                    requires a compliant device, and the device is not compliant.";
        Self::new(400, "interaction_required", 53000, text)
    }

    /// What an application shows for itself is not taken.
    pub(super) fn assertion(code: u32, text: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", code, text)
    }

    pub(super) fn malformed(what: &str) -> Self {
        let text = format!("JWT token is invalid or malformed: {what}.");
        Self::new(400, "invalid_request", 50027, text)
    }

    pub(super) fn no_principal(client: &str, tenant: &str) -> Self {
        let text = format!(
            "The client application {client} is missing service principal in the tenant {tenant}."
        );
        Self::new(401, "invalid_client", 7_000_229, text)
    }

    /// An application cannot ask for single permissions.
    pub(super) fn not_default(asked: &str) -> Self {
        let text = format!(
            "The provided value for scope {asked} is not valid. Client credential flows must have a \
             scope value with /.default suffixed to the resource identifier (application ID URI)."
        );
        Self::new(400, "invalid_scope", 1_002_012, text)
    }

    pub(super) fn second_factor() -> Self {
        let mut problem = Self::new(400, "invalid_grant", 50076, SECOND_FACTOR);
        problem.suberror = Some("basic_action");
        problem
    }

    pub(super) fn interaction(context: &str) -> Self {
        let mut problem = Self::second_factor();
        let claims = json!({"access_token": {"acrs": {"essential": true, "value": context}}});
        problem.claims = Some(claims.to_string());
        problem
    }
}

pub(super) fn refuse(now: Timestamp, request: &Request, problem: &Problem) -> Reply {
    let at = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let trace = Uuid::new_v4().to_string();
    let correlation = request.header("client-request-id").map(str::to_owned);
    let correlation = correlation.unwrap_or_else(|| Uuid::new_v4().to_string());
    let code = problem.code;
    let mut body = json!({
        "error": problem.error,
        "error_description": format!(
            "AADSTS{code}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {at}",
            problem.text
        ),
        "error_codes": [code],
        "timestamp": at,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    if let Some(body) = body.as_object_mut() {
        if let Some(suberror) = problem.suberror {
            body.insert("suberror".to_owned(), json!(suberror));
        }
        if let Some(claims) = &problem.claims {
            body.insert("claims".to_owned(), json!(claims));
        }
    }
    Reply::json(problem.status, &body)
}

const SECOND_FACTOR: &str = "Due to a configuration change made by your administrator, you must \
                             use multi-factor authentication to access the resource.";
