//! The sign-in service has no published schema: members and types are compared with captured and
//! documented answers.

use serde_json::{Value, json};

use crate::application::{self, APP, AUDIENCE, ISSUER, Issuer, SUBJECT};
use crate::shape;
use crate::source;
use crate::wire::{Answer, CLIENT, GRAPH_SCOPE, MIA, TENANT, Wire};

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

/// What an application is answered that shows `assertion`.
async fn application_asks(wire: &Wire, assertion: &str, scope: &str) -> Answer {
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", APP),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
        ("scope", scope),
    ];
    wire.token_endpoint(&fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_answered_with_the_members_of_the_real_one() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let issuer = Issuer::new();
    wire.change(|world| {
        let registered = application::registered(&[], &issuer);
        world.scenario.applications.push(registered);
    });
    let good = application_asks(&wire, &issuer.good(), VAULT_DEFAULT).await;
    assert_eq!(good.status, 200, "{}", good.body);
    let captured = source::json(&folder.join("entra/token.client-credentials.shape.json"));
    let captured = &captured["response"]["body"];
    let names = |body: &Value| {
        body.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&good.body), names(captured));
    assert_eq!(good.body["token_type"], captured["token_type"]);
    assert!(good.body["expires_in"].is_number() && good.body["ext_expires_in"].is_number());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_refused_in_the_shape_of_the_real_refusals() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let issuer = Issuer::new();
    wire.change(|world| {
        let registered = application::registered(&[], &issuer);
        world.scenario.applications.push(registered);
    });
    let fields = source::json(&folder.join("entra/token.errors.json"));
    let recorded = source::json(&folder.join("errors/entra-401-invalid-client.json"));
    let late = issuer.token(ISSUER, SUBJECT, AUDIENCE, -600);
    let foreign = issuer.token("https://elsewhere.example", SUBJECT, AUDIENCE, 3600);
    let (good, single) = (issuer.good(), "https://vault.azure.net/user_impersonation");
    for (assertion, scope, status, code) in [
        (late.as_str(), VAULT_DEFAULT, 401, 700_024),
        (&foreign, VAULT_DEFAULT, 401, 700_211),
        (&good, single, 400, 1_002_012),
        (&good, "https://elsewhere.example/.default", 400, 500_011),
        ("no.token.this", VAULT_DEFAULT, 400, 50027),
    ] {
        let refused = application_asks(&wire, assertion, scope).await;
        assert_eq!(
            (refused.status, &refused.body["error_codes"]),
            (status, &json!([code]))
        );
        let known = fields["errors"].as_array().unwrap();
        assert!(known.contains(&refused.body["error"]), "{}", refused.body);
        for name in fields["body_fields"].as_object().unwrap().keys() {
            assert!(
                !refused.body[name].is_null(),
                "{name} is missing: {}",
                refused.body
            );
        }
        if status == 401 {
            assert_eq!(refused.body["error"], recorded["body"]["error"]);
        }
    }
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const VAULT_DEFAULT: &str = "https://vault.azure.net/.default";
