//! Every published error the emulator can give, provoked and compared: status, codes, members,
//! header names. The text is free where nobody recorded it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::arm;
use crate::shape;
use crate::source;
use crate::wire::{
    API, Answer, CLIENT, GRAPH_SCOPE, KIM, KIM_ID, MIA, MIA_ID, NARROW, PIM, VAULT, Wire,
    activation,
};

/// What the emulator has no part of, and why; a scenario's fault can still answer with any of them.
const NOT_SERVED: [(&str, &str); 15] = [
    (
        "entra-400-interaction-required",
        "Entra answers invalid_grant with a suberror instead",
    ),
    ("graph-401-claims-challenge", "a fault of the scenario"),
    ("graph-429-too-many-requests", "a fault of the scenario"),
    ("kv-401-claims-challenge", "a fault of the scenario"),
    ("kv-403-forbidden-by-policy", "no access policies"),
    ("kv-403-forbidden-by-policy-2019", "no access policies"),
    ("kv-404-certificate-not-found", "no certificates"),
    ("kv-404-deleted-secret-not-found", "no soft delete"),
    ("kv-409-object-is-being-deleted", "no soft delete"),
    ("kv-409-object-is-deleted-but-recoverable", "no soft delete"),
    ("kv-429-throttled", "a fault of the scenario"),
    (
        "pim-400-invalid-policy",
        "every policy of a scenario is valid",
    ),
    (
        "kv-401-invalid-issuer",
        "one tenant; a foreign token fails its signature first",
    ),
    (
        "entra-400-refresh-token-expired",
        "compared with a revoked one, below",
    ),
    (
        "pim-400-policy-validation-failed-eligibility",
        "compared by its own test, below",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_published_error_is_given_as_published_or_named_as_not_served() {
    let Some(folder) = source::folder() else {
        return;
    };
    let published = source::json_files(&folder.join("errors"));
    let known = known_members(&published);
    let mut problems = Vec::new();
    let shared = Wire::start(&folder).await;
    for (name, expected) in &published {
        if NOT_SERVED.iter().any(|(other, _)| other == name) {
            continue;
        }
        // What PIM refuses depends on what was asked before, so each of its errors has a world.
        let own;
        let wire = if name.starts_with("entra-") || name.starts_with("kv-") {
            &shared
        } else {
            own = Wire::start(&folder).await;
            &own
        };
        match provoke(wire, name).await {
            Some(answer) => {
                let found = differences(expected, &answer, &known);
                problems.extend(
                    found
                        .into_iter()
                        .map(|problem| format!("{name}: {problem}")),
                );
            }
            None => problems.push(format!(
                "{name}: nothing provokes it, and nothing excuses it"
            )),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_refresh_token_is_refused_in_the_shape_of_an_expired_one() {
    let Some(folder) = source::folder() else {
        return;
    };
    let published = source::json_files(&folder.join("errors"));
    let expected = source::json(&folder.join("errors/entra-400-refresh-token-expired.json"));
    let wire = Wire::start(&folder).await;
    let refresh = wire.sign_in(CLIENT, MIA, GRAPH_SCOPE).await;
    wire.change(pimento::emulator::World::revoke_sign_ins);
    let answer = redeem(&wire, CLIENT, &refresh, GRAPH_SCOPE, &[]).await;
    assert_eq!(answer.body["error_codes"], json!([50173]));
    let mut expected = expected;
    expected["body"]["error_codes"] = json!([50173]);
    let found = differences(&expected, &answer, &known_members(&published));
    assert!(found.is_empty(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_not_eligible_fails_the_eligibility_rule() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.graph_token(KIM).await;
    let answer = wire.request(&token, &activation(KIM_ID, '1')).await;
    let text = answer.body["error"]["message"].as_str().unwrap();
    assert_eq!(
        answer.body["error"]["code"],
        "RoleAssignmentRequestPolicyValidationFailed"
    );
    assert!(text.contains("EligibilityRule"), "{text}");
}

/// Provokes the error of that name.
async fn provoke(wire: &Wire, name: &str) -> Option<Answer> {
    if name.starts_with("entra-") {
        entra(wire, name).await
    } else if name.starts_with("kv-") {
        vault(wire, name).await
    } else if name.starts_with("arm-") {
        arm::provoke(wire, name).await
    } else {
        pim(wire, name).await
    }
}

async fn entra(wire: &Wire, name: &str) -> Option<Answer> {
    let (device, code) = wire.device(CLIENT, GRAPH_SCOPE).await;
    let grant = |kind| [("grant_type", kind), ("client_id", CLIENT)];
    Some(match name {
        "entra-400-authorization-declined" => {
            assert!(wire.change(|world| world.decline_device(&code)));
            wire.poll(CLIENT, &device).await
        }
        "entra-400-authorization-pending" => wire.poll(CLIENT, &device).await,
        "entra-400-bad-verification-code" => wire.poll(CLIENT, "no-such-code").await,
        "entra-400-expired-token" => {
            wire.advance(Duration::from_secs(16 * 60));
            wire.poll(CLIENT, &device).await
        }
        "entra-400-slow-down" => {
            wire.poll(CLIENT, &device).await;
            wire.poll(CLIENT, &device).await
        }
        "entra-401-invalid-client" => {
            let [grant, client] = grant("client_credentials");
            let secret = ("client_secret", "another");
            wire.token_endpoint(&[grant, client, secret]).await
        }
        "entra-400-missing-parameter" => wire.token_endpoint(&grant("authorization_code")).await,
        "entra-400-unsupported-grant-type" => wire.token_endpoint(&grant("no_such_grant")).await,
        "entra-400-unauthorized-client" => wire.poll("not-a-guid", &device).await,
        _ => {
            let refresh = wire.sign_in(CLIENT, MIA, GRAPH_SCOPE).await;
            let step_up = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
            let step_up = step_up.to_string();
            let both = "https://graph.microsoft.com/User.Read https://vault.azure.net/.default";
            match name {
                "entra-400-invalid-resource" => {
                    redeem(wire, CLIENT, &refresh, "api://nowhere/.default", &[]).await
                }
                "entra-400-invalid-scope" => redeem(wire, CLIENT, &refresh, both, &[]).await,
                "entra-400-mfa-required-with-claims" => {
                    redeem(wire, CLIENT, &refresh, GRAPH_SCOPE, &[("claims", &step_up)]).await
                }
                _ => return None,
            }
        }
    })
}

async fn redeem(
    wire: &Wire,
    client: &str,
    refresh: &str,
    scope: &str,
    more: &[(&str, &str)],
) -> Answer {
    let mut fields = vec![
        ("grant_type", "refresh_token"),
        ("client_id", client),
        ("refresh_token", refresh),
        ("scope", scope),
    ];
    fields.extend(more);
    wire.token_endpoint(&fields).await
}

async fn vault(wire: &Wire, name: &str) -> Option<Answer> {
    let token = wire.vault_token(MIA).await;
    let get = async |path: &str, token: Option<&str>| {
        wire.call("GET", &format!("{VAULT}{path}?{API}"), token, None)
            .await
    };
    Some(match name {
        "kv-400-bad-parameter" => get("/secrets/under_score", Some(&token)).await,
        "kv-401-challenge" | "kv-401-challenge-2025" => get("/secrets", None).await,
        "kv-401-invalid-audience" => {
            let other = wire.graph_token(MIA).await;
            get("/secrets", Some(&other)).await
        }
        "kv-403-forbidden-by-rbac" => {
            let url = format!("https://kv-pim.vault.azure.net/secrets/db01-root?{API}");
            wire.call("GET", &url, Some(&token), None).await
        }
        "kv-403-secret-disabled" => get("/secrets/disabled", Some(&token)).await,
        "kv-404-key-not-found" => get("/keys/none", Some(&token)).await,
        "kv-404-secret-not-found" => get("/secrets/none", Some(&token)).await,
        _ => return None,
    })
}

async fn pim(wire: &Wire, name: &str) -> Option<Answer> {
    let token = wire.graph_token(MIA).await;
    let ask = async |group| wire.request(&token, &activation(MIA_ID, group)).await;
    let end = async || {
        let mut body = activation(MIA_ID, '1');
        body["action"] = json!("selfDeactivate");
        wire.request(&token, &body).await
    };
    let mine = format!("{PIM}/eligibilityScheduleInstances/filterByCurrentUser(on='principal')");
    Some(match name {
        "graph-401-invalid-authentication-token" => {
            wire.advance(Duration::from_secs(2 * 3600));
            wire.call("GET", &mine, Some(&token), None).await
        }
        "graph-pim-400-acrs-validation-failed" => ask('6').await,
        "graph-pim-400-invalid-role-assignment-request" => {
            let id = ask('1').await.body["id"].as_str().unwrap().to_owned();
            let url = format!("{PIM}/assignmentScheduleRequests/{id}/cancel");
            wire.call("POST", &url, Some(&token), None).await
        }
        "graph-pim-400-policy-validation-failed-mfa" => {
            let token = wire.graph_token(KIM).await;
            wire.request(&token, &activation(KIM_ID, '5')).await
        }
        "graph-pim-403-permission-scope-not-granted" => {
            let refresh = wire.sign_in(NARROW, MIA, GRAPH_SCOPE).await;
            let token = wire.redeem(NARROW, &refresh, GRAPH_SCOPE).await;
            wire.call("GET", &mine, Some(&token), None).await
        }
        "pim-400-active-duration-too-short" => {
            ask('1').await;
            end().await
        }
        "pim-400-pending-role-assignment-request" => {
            ask('4').await;
            ask('4').await
        }
        "pim-400-policy-validation-failed-justification" => ask('2').await,
        "pim-400-policy-validation-failed-ticketing" => ask('3').await,
        "pim-400-role-assignment-does-not-exist" => end().await,
        "pim-400-role-assignment-exists" => {
            ask('1').await;
            ask('1').await
        }
        "pim-400-subject-not-found" => wire.request(&token, &activation(KIM_ID, '1')).await,
        _ => return None,
    })
}

/// Everything in which `answer` is not the published error.
pub fn differences(expected: &Value, answer: &Answer, known: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    if expected["status"] != json!(answer.status) {
        found.push(format!(
            "status {} is {} here",
            expected["status"], answer.status
        ));
    }
    let body = &expected["body"];
    let documented = expected["fidelity"] == "documented";
    for code in [
        "/error/code",
        "/error/innererror/code",
        "/error_codes",
        "/suberror",
    ] {
        // An AADSTS number that differs only because another client id was wrong is free.
        let free = code == "/error_codes" && expected["body"]["error"] == "unauthorized_client";
        if !free && body.pointer(code).is_some() && body.pointer(code) != answer.body.pointer(code)
        {
            found.push(format!("{code}: {:?}", answer.body.pointer(code)));
        }
    }
    if body["error"].is_string() && body["error"] != answer.body["error"] {
        found.push(format!("/error is {}", answer.body["error"]));
    }
    found.extend(inside_the_message(body, &answer.body));
    found.extend(
        shape::differences(body, &answer.body)
            .into_iter()
            .filter(|difference| {
                let member = difference.split(' ').next().unwrap_or_default();
                // What another published error of the same kind has may be here as well.
                let elsewhere =
                    difference.contains("not in the recording") && known.contains(member);
                let untold = documented && difference.contains("recorded, and missing");
                !elsewhere && !untold
            }),
    );
    if ["recorded", "captured"].contains(&expected["fidelity"].as_str().unwrap_or_default()) {
        let names = expected["headers"].as_object().into_iter().flatten();
        let missing = shape::missing_headers(names.map(|(name, _)| name.as_str()), &answer.headers);
        found.extend(
            missing
                .into_iter()
                .map(|name| format!("the header {name} is missing")),
        );
    }
    for name in expected["headers_absent"].as_array().into_iter().flatten() {
        if answer.headers.contains_key(name.as_str().unwrap()) {
            found.push(format!("the header {name} must not be there"));
        }
    }
    found
}

/// Graph puts some errors as JSON into the message of another: its code must agree.
fn inside_the_message(published: &Value, given: &Value) -> Option<String> {
    let message = |of: &Value| -> Option<Value> {
        serde_json::from_str(of.pointer("/error/message")?.as_str()?).ok()
    };
    let code = &message(published)?["errorCode"];
    let other = message(given).unwrap_or_default()["errorCode"].take();
    (*code != other).then(|| format!("the code inside the message is {other}"))
}

/// Every member that occurs in some published error.
pub fn known_members(published: &[(String, Value)]) -> BTreeSet<String> {
    fn walk(at: &str, value: &Value, known: &mut BTreeSet<String>) {
        for (name, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{name}");
            walk(&at, member, known);
            known.insert(at);
        }
    }
    let mut known = BTreeSet::new();
    for (_, error) in published {
        walk("", &error["body"], &mut known);
    }
    known
}

#[tokio::test(flavor = "multi_thread")]
async fn the_comparison_refuses_another_code_member_status_and_header() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.vault_token(MIA).await;
    let url = format!("{VAULT}/secrets/none?{API}");
    let answer = wire.call("GET", &url, Some(&token), None).await;
    let known = BTreeSet::new();
    let published = source::json(&folder.join("errors/kv-404-secret-not-found.json"));
    assert_eq!(
        differences(&published, &answer, &known),
        Vec::<String>::new()
    );
    let spoilt = |pointer: &str, value: Value| {
        let mut spoilt = published.clone();
        *spoilt.pointer_mut(pointer).unwrap() = value;
        differences(&spoilt, &answer, &known).len()
    };
    assert_eq!(spoilt("/status", json!(403)), 1);
    assert_eq!(spoilt("/body/error/code", json!("KeyNotFound")), 1);
    assert_eq!(spoilt("/body/error", json!({"code": "SecretNotFound"})), 1);
    assert_eq!(spoilt("/headers", json!({"x-ms-nowhere": "1"})), 1);
}
