//! Recorded conversations, held again with the emulator: same status, members, JSON types and
//! header names. Ids, times and sanitised values are free.

use serde_json::{Value, json};
use url::Url;

use crate::shape;
use crate::source;
use crate::wire::{API, Answer, CLIENT, MIA, TENANT, VAULT, Wire};

/// Steps whose operation the emulator does not have.
const NOT_SERVED: [(&str, &str); 4] = [
    ("DELETE", "/"),
    ("PATCH", "/secrets/"),
    ("GET", "/deletedsecrets/"),
    ("POST", "/keys/sign-verify/create"),
];

#[tokio::test(flavor = "multi_thread")]
async fn recorded_vault_conversations_go_the_same_way_here() {
    let Some(folder) = source::folder() else {
        return;
    };
    let mut problems = Vec::new();
    let mut held = 0;
    for (name, recording) in source::json_files(&folder.join("recordings")) {
        if !name.starts_with("keyvault-") {
            continue;
        }
        let wire = Wire::start(&folder).await;
        let token = wire.vault_token(MIA).await;
        let mut last = String::new();
        stock(&wire, &name);
        for entry in recording["entries"].as_array().unwrap() {
            let Some((method, url)) = step(&wire, &token, &last, entry).await else {
                continue;
            };
            let bare = entry["response"]["status"] == 401;
            let body = Some(&entry["request"]["body"]).filter(|body| body.is_object());
            let answer = wire
                .call(&method, &url, (!bare).then_some(token.as_str()), body)
                .await;
            held += 1;
            let found = differences(&entry["response"], &answer);
            problems.extend(
                found
                    .iter()
                    .map(|found| format!("{name} {method} {url}: {found}")),
            );
            last = answer.body["nextLink"].as_str().unwrap_or(&last).to_owned();
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(held >= 12, "only {held} steps of the recordings were held");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_device_sign_in_goes_the_same_way_here() {
    let Some(folder) = source::folder() else {
        return;
    };
    let recording = source::json(&folder.join("recordings/entra-device-code.json"));
    let entries = recording["entries"].as_array().unwrap();
    let wire = Wire::start(&folder).await;
    let scope = "https://vault.azure.net/.default openid profile offline_access";
    let fields = [("client_id", CLIENT), ("scope", scope)];
    let begun = wire
        .form(&format!("{TENANT}/oauth2/v2.0/devicecode"), &fields)
        .await;
    let device = begun.body["device_code"].as_str().unwrap().to_owned();
    let pending = wire.poll(CLIENT, &device).await;
    let code = begun.body["user_code"].as_str().unwrap().to_owned();
    assert!(wire.change(|world| world.sign_in_device(&code, MIA.0)));
    wire.advance(std::time::Duration::from_secs(10));
    let done = wire
        .token_endpoint(&[
            ("grant_type", "device_code"),
            ("client_id", CLIENT),
            ("device_code", &device),
            ("client_info", "1"),
        ])
        .await;
    let mut problems = Vec::new();
    for (entry, answer) in [(0, &begun), (1, &pending), (5, &done)] {
        let mut recorded = entries[entry]["response"].clone();
        if entry == 0 {
            // The recorder wrote a string; the documentation says int.
            recorded["body"]["interval"] = json!(5);
        }
        if let Some(body) = recorded["body"].as_object_mut() {
            // Only Microsoft's own applications are in the family of client ids.
            body.remove("foci");
        }
        let found = differences(&recorded, answer);
        problems.extend(
            found
                .into_iter()
                .map(|found| format!("step {entry}: {found}")),
        );
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The step as it is put to the emulator; `None` if it has no such operation.
async fn step(wire: &Wire, token: &str, last: &str, entry: &Value) -> Option<(String, String)> {
    let method = entry["request"]["method"].as_str().unwrap().to_owned();
    let url = Url::parse(entry["request"]["url"].as_str().unwrap()).unwrap();
    let mut path = url.path().to_owned();
    if NOT_SERVED
        .iter()
        .any(|(other, start)| *other == method && path.starts_with(start))
        || path.ends_with("/verify")
    {
        return None;
    }
    if url.query().is_some_and(|query| query.contains("skiptoken")) {
        return Some((method, last.to_owned()));
    }
    if path.ends_with("/sign") {
        let current = format!("{VAULT}/keys/sign-verify?{API}");
        let key = wire.call("GET", &current, Some(token), None).await;
        let id = key.body["key"]["kid"].as_str().unwrap().to_owned();
        path = format!("{}/sign", Url::parse(&id).unwrap().path());
    }
    Some((
        method,
        format!("{VAULT}{path}?{}", url.query().unwrap_or(API)),
    ))
}

/// The recording of the pages was made in a vault with 50 secrets and nothing else.
fn stock(wire: &Wire, name: &str) {
    wire.change(|world| {
        for secret in ["annotated", "disabled", "plain"] {
            world.remove_secret("kv-own", secret);
        }
        if name == "keyvault-secrets-list-pages" {
            for index in 0..50 {
                world.put_secret("kv-own", &format!("page-{index}"), "v");
            }
        }
    });
}

fn differences(recorded: &Value, answer: &Answer) -> Vec<String> {
    let mut found = shape::differences(&recorded["body"], &answer.body);
    if recorded["status"] != json!(answer.status) {
        found.push(format!(
            "status {} is {} here",
            recorded["status"], answer.status
        ));
    }
    let names = recorded["headers"].as_object().into_iter().flatten();
    let missing = shape::missing_headers(names.map(|(name, _)| name.as_str()), &answer.headers);
    found.extend(
        missing
            .into_iter()
            .map(|name| format!("the header {name} is missing")),
    );
    found
}
