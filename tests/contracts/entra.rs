//! The sign-in service has no published schema: members and types are compared with captured and
//! documented answers.

use serde_json::{Value, json};

use crate::shape;
use crate::source;
use crate::wire::{CLIENT, GRAPH_SCOPE, MIA, TENANT, Wire};

#[tokio::test(flavor = "multi_thread")]
async fn discovery_has_the_members_and_types_of_the_real_one() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let recorded = source::json(&folder.join("entra/openid-configuration.tenant.json"));
    let url =
        format!("https://login.microsoftonline.com/{TENANT}/v2.0/.well-known/openid-configuration");
    let (_, answer) = wire.unjudged("GET", &url, None, None).await;
    let found = shape::differences(&recorded["response"]["body"], &answer.body);
    assert!(found.is_empty(), "{}", found.join("\n"));

    let rules = source::json(&folder.join("entra/openid-configuration.assertions.json"));
    for name in rules["required_fields"].as_array().unwrap() {
        assert!(
            answer.body.get(name.as_str().unwrap()).is_some(),
            "{name} is missing"
        );
    }
    for (rule, wanted) in rules["protocol_values"].as_object().unwrap() {
        keeps(rule, wanted, &answer.body);
    }
    for (name, wanted) in rules["entra_boolean_values"].as_object().unwrap() {
        let given = &answer.body[name];
        assert!(given.is_null() || given == wanted, "{name} is {given}");
    }
}

/// One rule: `<member>_equals`, `_must_include` or `_subset_of`.
fn keeps(rule: &str, wanted: &Value, configuration: &Value) {
    let wanted = wanted.as_array().unwrap();
    let cut = |end| rule.strip_suffix(end);
    let (name, kind) = if let Some(name) = cut("_equals") {
        (name, 0)
    } else if let Some(name) = cut("_must_include") {
        (name, 1)
    } else {
        (
            cut("_subset_of").unwrap_or_else(|| panic!("an unknown rule {rule}")),
            2,
        )
    };
    let members = [name.to_owned(), format!("{name}_supported")];
    let given = members.iter().find_map(|name| configuration.get(name));
    let given = given
        .and_then(Value::as_array)
        .unwrap_or_else(|| panic!("{name} is missing"));
    let all = |of: &[Value], within: &[Value]| of.iter().all(|one| within.contains(one));
    let kept = match kind {
        0 => given == wanted,
        1 => all(wanted, given),
        _ => all(given, wanted),
    };
    assert!(kept, "{rule}: {given:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_discovery_has_the_members_of_the_real_one() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let recorded = source::json(&folder.join("entra/instance-discovery.json"));
    let url = "https://login.microsoftonline.com/common/discovery/instance?api-version=1.1";
    let (_, answer) = wire.unjudged("GET", url, None, None).await;
    let found = shape::differences(&recorded["response"]["body"], &answer.body);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn device_code_and_token_answers_have_the_members_of_the_real_ones() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let fields = [("client_id", CLIENT), ("scope", GRAPH_SCOPE)];
    let begun = wire
        .form(&format!("{TENANT}/oauth2/v2.0/devicecode"), &fields)
        .await;
    let recorded = source::json(&folder.join("entra/devicecode.response.json"));
    let found = shape::differences(&recorded["response"]["body"], &begun.body);
    assert!(found.is_empty(), "{}", found.join("\n"));

    let refresh = wire.sign_in(CLIENT, MIA, GRAPH_SCOPE).await;
    let answer = wire
        .token_endpoint(&[
            ("grant_type", "refresh_token"),
            ("client_id", CLIENT),
            ("refresh_token", &refresh),
            ("scope", GRAPH_SCOPE),
        ])
        .await;
    for name in [
        "token.device-code.response",
        "token.authorization-code.response",
    ] {
        let documented = source::json(&folder.join(format!("entra/{name}.json")));
        let mut given = answer.body.clone();
        // In every recorded answer, and in none of the documentation's.
        assert!(
            given
                .as_object_mut()
                .unwrap()
                .remove("ext_expires_in")
                .is_some()
        );
        let found = shape::differences(&documented["response"]["body"], &given);
        assert!(found.is_empty(), "{name}: {}", found.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_tenant_and_a_used_code_are_refused() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let unknown = wire
        .form(
            "nowhere.example/oauth2/v2.0/token",
            &[("client_id", CLIENT)],
        )
        .await;
    assert_eq!(
        (unknown.status, &unknown.body["error_codes"]),
        (400, &json!([90002]))
    );
    let (device, code) = wire.device(CLIENT, GRAPH_SCOPE).await;
    assert!(wire.change(|world| world.sign_in_device(&code, MIA.0)));
    assert_eq!(wire.poll(CLIENT, &device).await.status, 200);
    assert_eq!(
        wire.poll(CLIENT, &device).await.status,
        400,
        "a code was redeemed twice"
    );
}
