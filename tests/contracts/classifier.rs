//! Every published error, put on the wire before pimento's own client: what it makes of each.

use std::collections::BTreeMap;

use pimento::cloud::ReadError;
use pimento::emulator::scenario::Fault;
use pimento::refusal::Refusal;
use serde_json::Value;

use crate::client::Client;
use crate::source;
use crate::wire::Wire;

/// What a person is to be told, as the name of the refusal.
const MEANINGS: [(&str, &str); 38] = [
    ("entra-400-authorization-declined", "SignIn"),
    ("entra-400-bad-verification-code", "SignIn"),
    ("entra-400-expired-token", "SignIn"),
    ("entra-400-interaction-required", "SignIn"),
    ("entra-400-invalid-resource", "Cloud"),
    ("entra-400-invalid-scope", "Cloud"),
    ("entra-400-mfa-required-with-claims", "StepUp"),
    ("entra-400-missing-parameter", "Cloud"),
    ("entra-400-refresh-token-expired", "SignIn"),
    ("entra-400-unauthorized-client", "Cloud"),
    ("entra-400-unsupported-grant-type", "Cloud"),
    ("entra-401-invalid-client", "Cloud"),
    ("graph-401-invalid-authentication-token", "SignIn"),
    ("graph-401-claims-challenge", "SignIn"),
    ("graph-429-too-many-requests", "Throttled"),
    ("graph-pim-400-acrs-validation-failed", "StepUp"),
    ("graph-pim-400-invalid-role-assignment-request", "Cloud"),
    ("graph-pim-400-policy-validation-failed-mfa", "StepUp"),
    ("graph-pim-403-permission-scope-not-granted", "Consent"),
    ("kv-400-bad-parameter", "Cloud"),
    ("kv-401-challenge", "TokenRejected"),
    ("kv-401-claims-challenge", "StepUp"),
    ("kv-401-invalid-audience", "TokenRejected"),
    ("kv-401-invalid-issuer", "TokenRejected"),
    ("kv-403-forbidden-by-policy", "Forbidden"),
    ("kv-403-forbidden-by-policy-2019", "Forbidden"),
    ("kv-403-forbidden-by-rbac", "NotYet"),
    ("kv-403-secret-disabled", "Material"),
    ("kv-404-secret-not-found", "Material"),
    ("kv-429-throttled", "Throttled"),
    ("pim-400-invalid-policy", "Cloud"),
    (
        "pim-400-policy-validation-failed-eligibility",
        "NotEligible",
    ),
    (
        "pim-400-policy-validation-failed-justification",
        "ReasonNeeded",
    ),
    ("pim-400-policy-validation-failed-ticketing", "ReasonNeeded"),
    ("pim-400-role-assignment-does-not-exist", "NotEligible"),
    ("pim-400-subject-not-found", "NotEligible"),
    ("pim-400-pending-role-assignment-request", "Cloud"),
    ("pim-400-active-duration-too-short", "Cloud"),
];

/// Errors that end nothing, or of what the client never asks for.
const NOT_REFUSALS: [&str; 11] = [
    "arm-pim-400-acrs-validation-failed",
    "arm-pim-400-policy-validation-failed-expiration",
    "entra-400-authorization-pending",
    "entra-400-slow-down",
    "kv-401-challenge-2025",
    "kv-404-certificate-not-found",
    "kv-404-deleted-secret-not-found",
    "kv-404-key-not-found",
    "kv-409-object-is-being-deleted",
    "kv-409-object-is-deleted-but-recoverable",
    "pim-400-role-assignment-exists",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_published_error_means_something_to_the_client() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let published: BTreeMap<String, Value> = source::json_files(&folder.join("errors"))
        .into_iter()
        .collect();
    let mut problems = Vec::new();
    for name in published.keys().map(String::as_str) {
        let judged = MEANINGS.iter().any(|(known, _)| *known == name);
        if !judged && !NOT_REFUSALS.contains(&name) {
            problems.push(format!("{name}: nobody said what it is to mean"));
        }
    }
    for (name, meaning) in MEANINGS {
        let operation = match name.split('-').next() {
            Some("entra") => "entra.token.refresh_token",
            Some("kv") => "vault.secret.get",
            _ => "graph.assignmentScheduleRequests.create",
        };
        // A sign-in for each: some errors end it, and are to.
        let client = Client::signed_in(&wire).await;
        wire.change(|world| world.fault(fault(operation, &published[name])));
        let told = match operation {
            "graph.assignmentScheduleRequests.create" => of_activation(&client).await,
            _ => of_read(&client).await,
        };
        wire.change(|world| world.scenario.faults.clear());
        if told.split([' ', '(', '{']).next() != Some(meaning) {
            problems.push(format!("{name} is to be {meaning}, and is {told}"));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_no_error_body_is_refused_in_its_own_words() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let client = Client::signed_in(&wire).await;
    for (status, body) in [(400, "<html>"), (400, "[]"), (418, "null"), (403, "\"no\"")] {
        for operation in [
            "vault.secret.get",
            "graph.assignmentScheduleRequests.create",
        ] {
            let fault = Fault {
                operation: operation.to_owned(),
                status: Some(status),
                body: Some(body.to_owned()),
                ..Fault::default()
            };
            wire.change(|world| world.fault(fault));
            let read = of_read(&client).await;
            let activated = of_activation(&client).await;
            let told = if operation.starts_with("vault") {
                read
            } else {
                activated
            };
            assert!(
                told.starts_with("Cloud") || told.starts_with("Forbidden"),
                "{told}"
            );
            wire.change(|world| world.scenario.faults.clear());
        }
    }
}

/// A fault that answers exactly as published.
fn fault(operation: &str, error: &Value) -> Fault {
    let headers = error["headers"].as_object().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Fault {
        operation: operation.to_owned(),
        status: error["status"]
            .as_u64()
            .and_then(|status| u16::try_from(status).ok()),
        body: Some(error["body"].to_string()),
        headers: headers
            // Framing is the server's, and a date of years ago would end every token.
            .filter(|(name, _)| !["Content-Length", "Date"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        ..Fault::default()
    }
}

async fn of_read(client: &Client<'_>) -> String {
    match client.read("db01-root").await {
        Ok(_) => "a secret".to_owned(),
        Err(ReadError::Refused(refusal)) => format!("{refusal:?}"),
        Err(other) => format!("{other:?}"),
    }
}

async fn of_activation(client: &Client<'_>) -> String {
    let refusal: Result<(), Refusal> = client.activate('2', None).await;
    refusal.map_or_else(|refusal| format!("{refusal:?}"), |()| "active".to_owned())
}
