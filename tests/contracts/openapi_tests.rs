//! Proves that the judge accepts every published example and recording, and that it can refuse.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

use crate::openapi::{Descriptions, Exchange};
use crate::source;

const INSTANCES: &str = "https://graph.microsoft.com/v1.0/identityGovernance/privilegedAccess/group/\
                         assignmentScheduleInstances/filterByCurrentUser(on='principal')";
const REQUESTS: &str = "https://graph.microsoft.com/v1.0/identityGovernance/privilegedAccess/group/\
                        assignmentScheduleRequests";
const SECRET: &str = "https://kv.vault.azure.net/secrets/web?api-version=2025-07-01";

#[test]
fn every_published_graph_example_is_accepted_except_where_it_says_so_itself() {
    let Some(folder) = source::folder() else {
        return;
    };
    let descriptions = Descriptions::load(&folder);
    for (name, example) in source::json_files(&folder.join("graph/examples")) {
        let request = &example["request"];
        let url = Url::parse(request["url"].as_str().unwrap()).unwrap();
        let body = &example["response"]["body"];
        let verdict = descriptions.judge(&Exchange {
            method: request["method"].as_str().unwrap(),
            url: &url,
            status: example["response"]["status"].as_u64().unwrap() as u16,
            body: Some(body).filter(|body| !body.is_null()),
        });
        let violates = example["source"].get("schema_violations").is_some();
        let partial = matches!(&verdict, Err(error) if error.contains("structural property"));
        assert!(
            verdict.is_ok() != violates || partial,
            "{name}: {verdict:?}"
        );
    }
}

#[test]
fn every_recorded_key_vault_and_arm_answer_is_accepted() {
    let Some(folder) = source::folder() else {
        return;
    };
    let descriptions = Descriptions::load(&folder);
    for (name, recording) in source::json_files(&folder.join("recordings")) {
        if name.starts_with("entra") {
            continue;
        }
        for entry in recording["entries"].as_array().unwrap() {
            let url = Url::parse(entry["request"]["url"].as_str().unwrap()).unwrap();
            let body = &entry["response"]["body"];
            descriptions
                .judge(&Exchange {
                    method: entry["request"]["method"].as_str().unwrap(),
                    url: &url,
                    status: entry["response"]["status"].as_u64().unwrap() as u16,
                    body: Some(body).filter(|body| !body.is_null()),
                })
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn a_documented_activation_request_is_accepted() {
    let Some(folder) = source::folder() else {
        return;
    };
    let example = activation(&folder);
    let url = Url::parse(REQUESTS).unwrap();
    let verdict = Descriptions::load(&folder).judge_request("POST", &url, Some(&example));
    assert_eq!(verdict, Ok(()));
}

#[test]
fn an_activation_request_with_an_unknown_or_a_missing_member_is_refused() {
    let Some(folder) = source::folder() else {
        return;
    };
    let descriptions = Descriptions::load(&folder);
    let url = Url::parse(REQUESTS).unwrap();
    let mut unknown = activation(&folder);
    unknown["colour"] = json!("red");
    assert!(
        descriptions
            .judge_request("POST", &url, Some(&unknown))
            .is_err()
    );
    let mut missing = activation(&folder);
    missing["principalId"] = Value::Null;
    assert!(
        descriptions
            .judge_request("POST", &url, Some(&missing))
            .is_err()
    );
    assert!(descriptions.judge_request("POST", &url, None).is_err());
}

#[test]
fn an_unknown_query_name_is_refused() {
    let Some(folder) = source::folder() else {
        return;
    };
    let descriptions = Descriptions::load(&folder);
    let url = Url::parse(&format!("{SECRET}&colour=red")).unwrap();
    assert!(descriptions.judge_request("GET", &url, None).is_err());
    let url = Url::parse(SECRET).unwrap();
    assert_eq!(descriptions.judge_request("GET", &url, None), Ok(()));
}

#[test]
fn an_answer_with_a_wrong_type_is_refused() {
    refused("GET", INSTANCES, 200, Some(json!({"value": [{"id": 7}]})));
    refused("GET", SECRET, 200, Some(json!({"value": ["not a string"]})));
}

#[test]
fn an_unknown_status_is_refused() {
    refused("GET", INSTANCES, 202, Some(json!({"value": []})));
    refused("GET", SECRET, 302, None);
}

#[test]
fn a_missing_required_or_structural_member_is_refused() {
    refused("GET", INSTANCES, 404, Some(json!({"message": "no"})));
    refused("GET", INSTANCES, 200, Some(json!({"value": [{"id": "a"}]})));
}

#[test]
fn a_member_that_graph_does_not_have_is_refused() {
    let secret = json!({"value": [], "colour": "red"});
    refused("GET", INSTANCES, 200, Some(secret));
}

#[test]
fn a_member_that_key_vault_does_not_have_is_refused() {
    refused(
        "GET",
        SECRET,
        200,
        Some(json!({"value": "v", "colour": "red"})),
    );
    let bundle = json!({"key": {"kty": "EC"}, "attributes": {"enabled": true}});
    let versions = "https://kv.vault.azure.net/keys/k/versions?api-version=7.5";
    refused("GET", versions, 200, Some(bundle));
}

#[test]
fn a_time_that_is_no_time_is_refused() {
    let body = json!({"value": [{
        "id": "a", "startDateTime": "yesterday", "endDateTime": null, "accessId": "member",
        "assignmentScheduleId": "a", "assignmentType": "activated", "groupId": "g",
        "memberType": "direct", "principalId": "p"}]});
    refused("GET", INSTANCES, 200, Some(body));
}

#[test]
fn a_path_or_a_method_without_description_is_refused() {
    refused(
        "GET",
        "https://kv.vault.azure.net/storage/x",
        200,
        Some(json!({})),
    );
    refused("PUT", INSTANCES, 200, Some(json!({"value": []})));
    refused(
        "GET",
        "https://graph.microsoft.com/me",
        200,
        Some(json!({})),
    );
}

#[test]
fn a_body_where_none_is_described_is_refused() {
    let cancel = format!("{REQUESTS}/7/cancel");
    refused("POST", &cancel, 204, Some(json!({})));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_path_is_judged_without_a_panic(path in "/[a-zA-Z0-9/{}'()~%=-]{0,60}", status in 100u16..600) {
        let Some(folder) = source::folder() else { return Ok(()) };
        if let Ok(url) = Url::parse(&format!("https://graph.microsoft.com/v1.0{path}")) {
            let nothing = json!({});
            let judged = once(&folder).judge(&Exchange { method: "GET", url: &url, status, body: Some(&nothing) });
            prop_assert!(judged.is_err() || status == 200);
        }
    }
}

fn once(folder: &Path) -> &'static Descriptions {
    static LOADED: std::sync::OnceLock<Descriptions> = std::sync::OnceLock::new();
    LOADED.get_or_init(|| Descriptions::load(folder))
}

fn activation(folder: &Path) -> Value {
    source::json(&folder.join("graph/examples/assignmentScheduleRequests.create.selfActivate.json"))
        ["request"]["body"]
        .clone()
}

fn refused(method: &str, url: &str, status: u16, body: Option<Value>) {
    let Some(folder) = source::folder() else {
        return;
    };
    let url = Url::parse(url).unwrap();
    let verdict = once(&folder).judge(&Exchange {
        method,
        url: &url,
        status,
        body: body.as_ref(),
    });
    assert!(
        verdict.is_err(),
        "{method} {url} -> {status} {body:?} was accepted"
    );
}
