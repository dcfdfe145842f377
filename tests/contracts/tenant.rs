//! What holds for any tenant: these conversations run unchanged with the emulator, or with the live
//! tenant that `PIMENTO_LIVE_TENANT` describes (docs/azure-conformance.md). They read; what changes
//! something is at the end, and has a switch of its own. No live tenant was available to us.

use serde_json::{Value, json};

use crate::shape;
use crate::source;
use crate::source::skip::skipped;
use crate::subject::{Answer, LOGIN, Resource, Subject, live};
use crate::wire::{API, ARM, GRAPH, PIM};

#[test]
fn it_is_said_with_whom_the_conversations_are() {
    match live() {
        Some(file) => assert!(file.is_file(), "{} is no file", file.display()),
        None => skipped("the live tenant: PIMENTO_LIVE_TENANT is not set, the emulator answers"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sign_in_service_describes_the_tenant() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let (id, folder) = (&tenant.tenant.id, source::folder().unwrap());
    let url = format!("{LOGIN}/{id}/v2.0/.well-known/openid-configuration");
    let found = tenant.ask("GET", &url, None, None).await;
    assert_eq!(found.status, 200);
    assert_eq!(found.body["issuer"], format!("{LOGIN}/{id}/v2.0"));
    let rules = source::json(&folder.join("entra/openid-configuration.assertions.json"));
    for name in rules["required_fields"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(found.body.get(name).is_some(), "{name} is missing");
    }
    let url = format!(
        "{LOGIN}/common/discovery/instance?api-version=1.1&authorization_endpoint={LOGIN}/{id}/oauth2/v2.0/authorize"
    );
    let instance = tenant.ask("GET", &url, None, None).await;
    let known = instance.body["metadata"].as_array().unwrap().iter();
    let mut aliases = known.flat_map(|it| it["aliases"].as_array().unwrap());
    assert!(aliases.any(|it| it == "login.microsoftonline.com"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_or_an_application_that_is_not_there_is_refused() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let nobody = uuid::Uuid::new_v4().to_string();
    let url = format!("{LOGIN}/{nobody}/v2.0/.well-known/openid-configuration");
    let refused = tenant.ask("GET", &url, None, None).await;
    is_entras(&refused, 90002);
    let scope = "https://graph.microsoft.com/User.Read";
    let fields = [("client_id", nobody.as_str()), ("scope", scope)];
    is_entras(
        &tenant.form("oauth2/v2.0/devicecode", &fields).await,
        700_016,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_code_waits_for_its_person() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let client = ("client_id", tenant.tenant.client_id.as_str());
    let scope = ("scope", "https://graph.microsoft.com/User.Read");
    let begun = tenant
        .form("oauth2/v2.0/devicecode", &[client, scope])
        .await;
    assert_eq!(begun.status, 200);
    let folder = source::folder().unwrap();
    let recorded = source::json(&folder.join("entra/devicecode.response.json"));
    let found = shape::differences(&recorded["response"]["body"], &begun.body);
    assert!(found.is_empty(), "{}", found.join("\n"));
    let code = ("device_code", begun.body["device_code"].as_str().unwrap());
    let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");
    let waits = tenant
        .form("oauth2/v2.0/token", &[grant, client, code])
        .await;
    assert_eq!(waits.body["error"], "authorization_pending");
    is_entras(&waits, 70016);
    let grant = ("grant_type", "no_such_grant");
    let refused = tenant.form("oauth2/v2.0/token", &[grant, client]).await;
    is_entras(&refused, 70003);
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_lists_what_is_ones_own_as_described() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let Some(token) = tenant.token(Resource::Graph).await else {
        return;
    };
    let me = tenant.get(&format!("{GRAPH}/me"), &token).await;
    assert_eq!(me.status, 200);
    for set in [
        "eligibilityScheduleInstances",
        "assignmentScheduleInstances",
        "assignmentScheduleRequests",
    ] {
        let url = format!("{PIM}/{set}/filterByCurrentUser(on='principal')");
        let listed = tenant.get(&url, &token).await;
        assert_eq!(listed.status, 200, "{set}: {}", listed.body["error"]);
        for item in listed.body["value"].as_array().unwrap() {
            assert_eq!(item["principalId"], me.body["id"], "{set}");
        }
    }
    let Some(group) = &tenant.tenant.group else {
        return skipped("the policy: the file of PIMENTO_LIVE_TENANT names no group");
    };
    let url = format!(
        "{GRAPH}/policies/roleManagementPolicyAssignments?$filter=scopeId eq '{group}' and scopeType \
         eq 'Group' and roleDefinitionId eq 'member'&$expand=policy($expand=rules)"
    );
    let policy = tenant.get(&url, &token).await;
    assert_eq!(policy.status, 200, "{}", policy.body["error"]);
    let rules = policy.body["value"][0]["policy"]["rules"]
        .as_array()
        .unwrap();
    let limits = |rule: &&Value| rule["id"] == "Expiration_EndUser_Assignment";
    let rule = rules
        .iter()
        .find(limits)
        .expect("no rule limits an activation");
    assert!(rule["maximumDuration"].as_str().unwrap().starts_with('P'));
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_takes_no_token_of_another_service() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let url = format!("{PIM}/eligibilityScheduleInstances/filterByCurrentUser(on='principal')");
    let refused = tenant.ask("GET", &url, None, None).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.body["error"]["code"], "InvalidAuthenticationToken");
    let Some(other) = tenant.token(Resource::Vault).await else {
        return;
    };
    let refused = tenant.ask("GET", &url, Some(&other), None).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.body["error"]["code"], "InvalidAuthenticationToken");
    assert!(refused.headers.contains_key("www-authenticate"));
    assert!(refused.headers.contains_key("request-id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_manager_lists_what_is_ones_own_as_described() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let Some(token) = tenant.token(Resource::Arm).await else {
        return;
    };
    for set in [
        "roleEligibilityScheduleInstances",
        "roleAssignmentScheduleInstances",
        "roleAssignmentScheduleRequests",
    ] {
        let listed = tenant.get(&roles(set), &token).await;
        assert_eq!(listed.status, 200, "{set}: {}", listed.body["error"]);
        assert!(listed.body["value"].is_array(), "{set}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn resource_manager_takes_no_token_of_another_service() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let url = roles("roleEligibilityScheduleInstances");
    let refused = tenant.ask("GET", &url, None, None).await;
    assert_eq!(refused.status, 401);
    let Some(other) = tenant.token(Resource::Vault).await else {
        return;
    };
    let refused = tenant.ask("GET", &url, Some(&other), None).await;
    assert_eq!(refused.status, 401);
    let code = refused.body["error"]["code"].as_str().unwrap();
    assert!(code.starts_with("InvalidAuthenticationToken"), "{code}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_sends_whoever_has_no_token_to_its_tenant() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let url = vault(&tenant, "/secrets");
    let refused = tenant.ask("GET", &url, None, None).await;
    let challenge = challenge(&refused);
    let authority = format!("authorization=\"{LOGIN}/{}\"", tenant.tenant.id);
    assert!(challenge.contains(&authority), "{challenge}");
    assert!(
        challenge.contains("\"https://vault.azure.net\""),
        "{challenge}"
    );
    let Some(other) = tenant.token(Resource::Arm).await else {
        return;
    };
    challenge_again(&tenant.ask("GET", &url, Some(&other), None).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_lists_and_gives_secrets_as_described() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let Some(token) = tenant.token(Resource::Vault).await else {
        return;
    };
    let name = &tenant.tenant.secret;
    let secret = tenant
        .get(&vault(&tenant, &format!("/secrets/{name}")), &token)
        .await;
    assert_eq!(secret.status, 200, "{}", secret.body["error"]);
    assert!(secret.body["value"].is_string());
    let id = secret.body["id"].as_str().unwrap();
    assert!(id.contains(&format!("/secrets/{name}/")), "{id}");
    let at = |list: &Answer| {
        let items = list.body["value"].as_array().unwrap().clone();
        assert!(
            items.iter().all(|it| it.get("value").is_none()),
            "a list has values"
        );
        items.len()
    };
    let listed = tenant.get(&vault(&tenant, "/secrets"), &token).await;
    assert_eq!(listed.status, 200, "{}", listed.body["error"]);
    assert!(at(&listed) > 0);
    let url = vault(&tenant, &format!("/secrets/{name}/versions"));
    let versions = tenant.get(&url, &token).await;
    assert_eq!(versions.status, 200, "{}", versions.body["error"]);
    assert!(at(&versions) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_says_what_it_does_not_have_or_not_understand() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    let Some(token) = tenant.token(Resource::Vault).await else {
        return;
    };
    let missing = vault(&tenant, "/secrets/pimento-has-no-such-secret");
    let missing = tenant.get(&missing, &token).await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.body["error"]["code"], "SecretNotFound");
    let odd = tenant
        .get(&vault(&tenant, "/secrets/under_score"), &token)
        .await;
    assert_eq!(
        (odd.status, &odd.body["error"]["code"]),
        (400, &json!("BadParameter"))
    );
    let bare = tenant.tenant.vault.join("/secrets").unwrap();
    let bare = tenant.ask("GET", bare.as_str(), Some(&token), None).await;
    assert_eq!(bare.status, 400);
}

/// Changes: an activation of five minutes, after a dry run that makes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn an_activation_is_tried_made_listed_and_not_ended_at_once() {
    let Some(tenant) = Subject::under_test().await else {
        return;
    };
    if !tenant.may_change("an activation") {
        return;
    }
    let (Some(token), Some(group)) = (tenant.token(Resource::Graph).await, &tenant.tenant.group)
    else {
        return skipped("an activation: it takes a token for Graph and a group");
    };
    let me = tenant.get(&format!("{GRAPH}/me"), &token).await;
    let url = format!("{PIM}/assignmentScheduleRequests");
    let mine = format!("{url}/filterByCurrentUser(on='principal')");
    let count = async || {
        let listed = tenant.get(&mine, &token).await;
        listed.body["value"].as_array().unwrap().len()
    };
    let before = count().await;
    let mut body = json!({
        "accessId": "member",
        "principalId": me.body["id"],
        "groupId": group,
        "action": "selfActivate",
        "scheduleInfo": {"expiration": {"type": "afterDuration", "duration": "PT5M"}},
        "justification": "pimento's contract tests",
        "isValidationOnly": true,
    });
    let tried = tenant.call("POST", &url, &token, Some(&body)).await;
    assert_eq!(tried.status, 201, "{}", tried.body["error"]);
    assert_eq!(count().await, before, "a dry run made a request");
    body["isValidationOnly"] = json!(false);
    let made = tenant.call("POST", &url, &token, Some(&body)).await;
    assert_eq!(made.status, 201, "{}", made.body["error"]);
    let one = format!("{url}/{}", made.body["id"].as_str().unwrap());
    let found = tenant.get(&one, &token).await;
    assert_eq!(found.body["groupId"], json!(group));
    let end = json!({
        "accessId": "member",
        "principalId": me.body["id"],
        "groupId": group,
        "action": "selfDeactivate",
        "justification": "pimento's contract tests",
    });
    let refused = tenant.call("POST", &url, &token, Some(&end)).await;
    assert_eq!(
        refused.status, 400,
        "PIM ends an activation only after five minutes"
    );
}

/// That an answer is one of Entra's errors, with that code.
fn is_entras(answer: &Answer, code: u32) {
    assert_eq!(answer.status, 400, "{}", answer.body);
    assert_eq!(answer.body["error_codes"], json!([code]), "{}", answer.body);
    let fields = source::json(&source::folder().unwrap().join("entra/token.errors.json"));
    for name in fields["body_fields"].as_object().unwrap().keys() {
        assert!(
            answer.body.get(name).is_some(),
            "{name} is missing: {}",
            answer.body
        );
    }
}

/// The challenge of a vault's 401.
fn challenge(answer: &Answer) -> String {
    assert_eq!(answer.status, 401);
    assert_eq!(answer.body["error"]["code"], "Unauthorized");
    answer.headers["www-authenticate"]
        .to_str()
        .unwrap()
        .to_owned()
}

/// A token of another service is told of as none is.
fn challenge_again(answer: &Answer) {
    let challenge = challenge(answer);
    assert!(challenge.starts_with("Bearer "), "{challenge}");
}

fn roles(set: &str) -> String {
    format!(
        "{ARM}/providers/Microsoft.Authorization/{set}?api-version=2020-10-01&$filter=asTarget()"
    )
}

fn vault(tenant: &Subject, path: &str) -> String {
    let mut url = tenant.tenant.vault.join(path).unwrap();
    url.set_query(Some(API));
    url.to_string()
}
