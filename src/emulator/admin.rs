//! The admin endpoint: how a test or a person changes the world while it runs.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::http::{Reply, Request};
use super::scenario::{Fault, Scenario};
use super::tokens::TOKEN_LIFE;
use super::world::World;

/// Answers one admin request.
pub(super) fn answer(world: &mut World, request: &Request) -> Reply {
    let parts = request.parts();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["counters"]) => Reply::json(200, &json!(world.counts())),
        ("DELETE", ["counters"]) => {
            world.reset_counts();
            Reply::empty(204)
        }
        ("GET", ["clock"]) => Reply::json(200, &json!({"now": world.now().to_string()})),
        ("POST", ["clock", "advance"]) => advance(world, request),
        ("GET", ["scenario"]) => Reply::json(200, &json!(world.scenario)),
        ("PUT", ["scenario"]) => replace(world, request),
        ("POST", ["faults"]) => match parse::<Fault>(request) {
            Ok(fault) => {
                world.fault(fault);
                Reply::empty(204)
            }
            Err(reply) => reply,
        },
        ("DELETE", ["faults"]) => {
            world.scenario.faults.clear();
            Reply::empty(204)
        }
        ("POST", ["approvals", group, verdict @ ("approve" | "deny")]) => {
            let decided = world.decide(group, *verdict == "approve");
            Reply::json(200, &json!({"decided": decided}))
        }
        ("POST", ["devices", code, "sign-in", user]) => found(world.sign_in_device(code, user)),
        ("POST", ["devices", code, "decline"]) => found(world.decline_device(code)),
        ("GET", ["az", user]) => az(world, request, user),
        ("GET", ["identity", user]) => identity(world, request, user),
        ("PUT", ["vaults", vault, "secrets", name]) => {
            let Ok(value) = String::from_utf8(request.body.clone()) else {
                return bad("the body must be text");
            };
            world.put_secret(vault, name, &value);
            Reply::empty(204)
        }
        _ => Reply::json(
            404,
            &json!({"error": "see docs/emulator.md for what can be asked here"}),
        ),
    }
}

/// What `az account get-access-token --scope` prints for somebody who is signed in.
fn az(world: &World, request: &Request, user: &str) -> Reply {
    let scope = request.query("scope").unwrap_or_default();
    let resource = scope.trim_end_matches("/.default");
    let Some(token) = world.foreign_token(user, resource) else {
        return bad("there is no such user");
    };
    let ends = world.now() + SignedDuration::from_secs(TOKEN_LIFE);
    Reply::json(
        200,
        &json!({
            "accessToken": token,
            "expiresOn": ends.strftime("%Y-%m-%d %H:%M:%S.000000").to_string(),
            "expires_on": ends.as_second(),
            "subscription": "00000000-0000-0000-0000-0000000000aa",
            "tenant": world.scenario.tenant.id,
            "tokenType": "Bearer",
        }),
    )
}

/// What a machine in Azure gets from its identity endpoint, if it knows the endpoint's secret.
fn identity(world: &World, request: &Request, user: &str) -> Reply {
    if request.header("x-identity-header") != Some("machine") {
        return Reply::json(
            401,
            &json!({"error": "the identity header is missing or wrong"}),
        );
    }
    let resource = request.query("resource").unwrap_or_default();
    let Some(token) = world.foreign_token(user, resource) else {
        return bad("there is no such identity");
    };
    let ends = world.now() + SignedDuration::from_secs(TOKEN_LIFE);
    Reply::json(
        200,
        &json!({
            "access_token": token,
            "expires_on": ends.as_second().to_string(),
            "resource": resource,
            "token_type": "Bearer",
        }),
    )
}

fn found(found: bool) -> Reply {
    if found {
        Reply::empty(204)
    } else {
        Reply::json(404, &json!({"error": "there is no such code"}))
    }
}

fn bad(text: &str) -> Reply {
    Reply::json(400, &json!({"error": text}))
}

fn parse<T: serde::de::DeserializeOwned>(request: &Request) -> Result<T, Reply> {
    serde_json::from_slice(&request.body).map_err(|error| bad(&error.to_string()))
}

fn advance(world: &mut World, request: &Request) -> Reply {
    let by = request.json().and_then(|body| {
        let by: SignedDuration = body.get("by").and_then(Value::as_str)?.parse().ok()?;
        Duration::try_from(by).ok()
    });
    let Some(by) = by else {
        return bad("expected {\"by\": \"1h\"}");
    };
    world.advance(by);
    Reply::json(200, &json!({"now": world.now().to_string()}))
}

fn replace(world: &mut World, request: &Request) -> Reply {
    let scenario = match parse::<Scenario>(request) {
        Ok(scenario) => scenario,
        Err(reply) => return reply,
    };
    world.scenario = scenario;
    match world.stock() {
        Ok(()) => Reply::empty(204),
        Err(problem) => bad(&problem),
    }
}
