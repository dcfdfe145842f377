//! Azure Resource Manager: every operation of the emulator, driven raw and judged by the published
//! description; its answers compared with the published examples and the recorded conversation; and
//! what pimento's own client sends.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Client;
use crate::shape;
use crate::source;
use crate::wire::{ALEX, ARM, Answer, KIM, KIM_ID, MIA, MIA_ID, Wire};

pub use refusals::provoke;

mod refusals;

const VERSION: &str = "api-version=2020-10-01";
const SUBSCRIPTION: &str = "/subscriptions/5d2c9f0e-8f0b-4d62-9d3e-0d1c2b3a4f5e";

/// The scope of `world.toml` with that name.
pub fn scope(vault: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/rg-vaults/providers/Microsoft.KeyVault/vaults/{vault}")
}

/// The address of one of PIM's sets, at `scope`.
pub fn address(scope: &str, rest: &str, filter: Option<&str>) -> String {
    let filter = filter.map_or_else(String::new, |filter| format!("&$filter={filter}"));
    format!("{ARM}{scope}/providers/Microsoft.Authorization/{rest}?{VERSION}{filter}")
}

fn request(scope: &str, name: u128) -> String {
    let name = uuid::Uuid::from_u128(name);
    address(
        scope,
        &format!("roleAssignmentScheduleRequests/{name}"),
        None,
    )
}

/// The body of a self-activation of Key Vault Secrets User.
pub fn activation(principal: &str) -> Value {
    let role = "4633458b-17de-408a-b874-0445c86b69e6";
    json!({"properties": {
        "principalId": principal,
        "roleDefinitionId": format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}"),
        "requestType": "SelfActivate",
        "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT2H"}},
    }})
}

/// The first item of a published example, or the example itself where it is no list.
fn example(name: &str) -> Option<Value> {
    let folder = source::folder()?.join("arm/openapi-2020-10-01/examples");
    let example = source::json(&folder.join(format!("{name}.json")));
    let responses = example["responses"].as_object().unwrap();
    let body = responses.values().next().unwrap()["body"].clone();
    Some(body.pointer("/value/0").cloned().unwrap_or(body))
}

fn like(example: &Value, found: &Value, free: &[&str]) {
    let differences: Vec<String> = shape::differences(example, found)
        .into_iter()
        // What one example has a value for is null in another.
        .filter(|it| !it.contains("null") && !free.iter().any(|free| it.starts_with(free)))
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

async fn put(wire: &Wire, token: &str, url: &str, body: &Value) -> Answer {
    wire.judge_request("PUT", url, Some(body));
    wire.call("PUT", url, Some(token), Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn eligibilities_and_policies_are_as_in_the_examples() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.arm_token(MIA).await;
    let get = async |url: &str| {
        wire.judge_request("GET", url, None);
        wire.call("GET", url, Some(&token), None).await
    };
    let open = scope("kv-open");
    let set = "roleEligibilityScheduleInstances";
    let eligible = get(&address("", set, Some("asTarget()"))).await;
    let items = eligible.body["value"].as_array().unwrap();
    assert_eq!(items.len(), 6, "{items:?}");
    like(
        &example("GetRoleEligibilityScheduleInstancesByScope").unwrap(),
        &items[0],
        &[],
    );
    let here = get(&address(&open, set, Some("asTarget()"))).await;
    assert_eq!(here.body["value"].as_array().unwrap().len(), 1);

    let policy = get(&address(&open, "roleManagementPolicyAssignments", None)).await;
    let published = example("GetRoleManagementPolicyAssignmentByScope").unwrap();
    // The names of things, which the description has and pimento does not read.
    let free = [
        "/properties/policyAssignmentProperties",
        "/properties/effectiveRules",
    ];
    like(&published, &policy.body["value"][0], &free);
    let rules = |of: &Value| {
        of["properties"]["effectiveRules"]
            .as_array()
            .unwrap()
            .clone()
    };
    for given in rules(&policy.body["value"][0]) {
        let same = |rule: &Value| rule["id"] == given["id"];
        let rule = rules(&published).into_iter().find(same).unwrap();
        like(&rule, &given, &[]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_assignments_are_as_in_the_examples() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.arm_token(MIA).await;
    let get = async |url: &str| {
        wire.judge_request("GET", url, None);
        wire.call("GET", url, Some(&token), None).await
    };
    let open = scope("kv-open");
    let made = put(&wire, &token, &request(&open, 1), &activation(MIA_ID)).await;
    assert_eq!(made.status, 201);
    like(
        &example("PutRoleAssignmentScheduleRequest").unwrap(),
        &made.body,
        &[],
    );
    let found = get(&request(&open, 1)).await;
    assert_eq!(found.body["properties"]["status"], "Provisioned");
    let set = "roleAssignmentScheduleInstances";
    let active = get(&address("", set, Some("asTarget()"))).await;
    let instance = &active.body["value"][0];
    like(
        &example("GetRoleAssignmentScheduleInstancesByScope").unwrap(),
        instance,
        &[],
    );
    let schedule = instance["properties"]["roleAssignmentScheduleId"]
        .as_str()
        .unwrap();
    let target = &found.body["properties"]["targetRoleAssignmentScheduleId"];
    assert!(schedule.ends_with(target.as_str().unwrap()), "{schedule}");
    assert_ne!(
        target, &found.body["name"],
        "a schedule is not named as its request"
    );

    let recording = "recordings/arm-pim-role-assignment-schedule-instances.json";
    let recorded = source::json(&folder.join(recording));
    let recorded = &recorded["entries"][0]["response"]["body"]["value"][0];
    // The recording left out what was null.
    like(recorded, instance, &["/properties/condition"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_rehearsed_put_ended_and_taken_back_as_described() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.arm_token(MIA).await;
    let open = scope("kv-open");
    let rehearsal = request(&open, 1).replace('?', "/validate?");
    wire.judge_request("POST", &rehearsal, Some(&activation(MIA_ID)));
    let tried = wire
        .call("POST", &rehearsal, Some(&token), Some(&activation(MIA_ID)))
        .await;
    assert_eq!(tried.status, 200);
    assert_eq!(wire.change(|world| world.requests_of(&open)), 0);
    put(&wire, &token, &request(&open, 1), &activation(MIA_ID)).await;
    wire.advance(Duration::from_secs(600));
    let mut end = activation(MIA_ID);
    end["properties"]["requestType"] = json!("SelfDeactivate");
    end["properties"]
        .as_object_mut()
        .unwrap()
        .remove("scheduleInfo");
    let ended = put(&wire, &token, &request(&open, 2), &end).await;
    assert_eq!(
        (ended.status, &ended.body["properties"]["status"]),
        (201, &json!("Revoked"))
    );

    let approved = scope("kv-approved");
    let waiting = put(&wire, &token, &request(&approved, 3), &activation(MIA_ID)).await;
    assert_eq!(waiting.body["properties"]["status"], "PendingApproval");
    let list = address("", "roleAssignmentScheduleRequests", Some("asApprover()"));
    let approver = wire.arm_token(ALEX).await;
    let listed = wire.call("GET", &list, Some(&approver), None).await;
    assert_eq!(listed.body["value"][0]["name"], waiting.body["name"]);
    let mine = list.replace("asApprover", "asTarget");
    let listed = wire.call("GET", &mine, Some(&token), None).await;
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 3);
    let cancel = request(&approved, 3).replace('?', "/cancel?");
    wire.judge_request("POST", &cancel, None);
    assert_eq!(
        wire.call("POST", &cancel, Some(&token), None).await.status,
        200
    );
    assert_eq!(
        wire.call("POST", &cancel, Some(&token), None).await.status,
        400
    );
    let found = wire
        .call("GET", &request(&approved, 3), Some(&token), None)
        .await;
    assert_eq!(found.body["properties"]["status"], "Canceled");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_refused_in_the_shape_of_the_description() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.arm_token(MIA).await;
    let open = scope("kv-open");
    let code = |answer: &Answer| answer.body["error"]["code"].as_str().unwrap().to_owned();
    let asked = async |url: &str, body: &Value| {
        let answer = wire.call("PUT", url, Some(&token), Some(body)).await;
        (answer.status, code(&answer))
    };
    let mine = activation(MIA_ID);
    let unnamed = request(&open, 1).replace("00000000-0000-0000-0000-000000000001", "mine");
    assert_eq!(asked(&unnamed, &mine).await.0, 400);
    // An eligibility from above is activated where it lies, and nowhere below.
    let below = format!("{}/secrets/x", scope("kv-open"));
    assert_eq!(
        asked(&request(&below, 1), &mine).await,
        (403, "AuthorizationFailed".to_owned())
    );
    let mut other = mine.clone();
    other["properties"]["requestType"] = json!("AdminAssign");
    assert_eq!(asked(&request(&open, 1), &other).await.0, 403);
    other = mine.clone();
    other["properties"]["linkedRoleEligibilityScheduleId"] = json!("another");
    assert_eq!(asked(&request(&open, 1), &other).await.0, 400);
    other = mine.clone();
    other["properties"]["scheduleInfo"]["expiration"]["type"] = json!("afterDuration");
    let odd = asked(&request(&open, 1), &other).await;
    assert_eq!(
        odd,
        (400, "InvalidRoleAssignmentRequestSchedule".to_owned())
    );
    assert_eq!(wire.change(|world| world.requests_of(&open)), 0);

    let list = address("", "roleEligibilityScheduleInstances", Some("asTarget()"));
    let graph = wire.graph_token(MIA).await;
    for (token, expected) in [
        (None, "AuthenticationFailed"),
        (Some(graph.as_str()), "InvalidAuthenticationTokenAudience"),
        (Some("x.y.z"), "InvalidAuthenticationToken"),
    ] {
        let answer = wire.call("GET", &list, token, None).await;
        assert_eq!((answer.status, code(&answer).as_str()), (401, expected));
        assert!(answer.headers.contains_key("www-authenticate"));
    }
    let (_, answer) = wire
        .unjudged("GET", &list.replace(VERSION, "x=y"), Some(&token), None)
        .await;
    assert_eq!(code(&answer), "MissingApiVersionParameter");
    let odd = list.replace("asTarget()", "principalId ne 'x'");
    assert_eq!(wire.call("GET", &odd, Some(&token), None).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_vault_honours_a_role_by_who_the_token_is_of_and_not_by_when_it_was_minted() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let read = |vault: &str, secret: &str| {
        format!(
            "https://{vault}.vault.azure.net/secrets/{secret}?{}",
            crate::wire::API
        )
    };
    let secret = read("kv-open", "root");
    let before = wire.vault_token(MIA).await;
    let get = async |url: &str| wire.call("GET", url, Some(&before), None).await.status;
    assert_eq!(get(&secret).await, 403);
    let token = wire.arm_token(MIA).await;
    put(
        &wire,
        &token,
        &request(&scope("kv-open"), 1),
        &activation(MIA_ID),
    )
    .await;
    assert_eq!(get(&secret).await, 200, "a token of before the activation");
    let set = read("kv-open", "new");
    let body = json!({"value": "v"});
    let written = wire.call("PUT", &set, Some(&before), Some(&body)).await;
    assert_eq!(written.status, 403, "the role does not let anybody write");
    let other = wire.vault_token(ALEX).await;
    assert_eq!(
        wire.call("GET", &secret, Some(&other), None).await.status,
        403
    );
    wire.advance(Duration::from_secs(2 * 3600 + 1));
    let after = wire.vault_token(MIA).await;
    assert_eq!(
        wire.call("GET", &secret, Some(&after), None).await.status,
        403
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_a_role_for_good_is_listed_as_assigned() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.arm_token(KIM).await;
    let list = address("", "roleAssignmentScheduleInstances", Some("asTarget()"));
    let listed = wire.call("GET", &list, Some(&token), None).await;
    let properties = &listed.body["value"][0]["properties"];
    assert_eq!(properties["assignmentType"], "Assigned");
    assert_eq!(properties["principalId"], KIM_ID);
    assert_eq!(properties["endDateTime"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_pimentos_own_is_as_described() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let client = Client::signed_in(&wire).await;
    for vault in ["kv-open", "kv-approved", "kv-justified"] {
        client.activate_role(&scope(vault)).await.unwrap();
    }
    let demands = client.demands_of_role(&scope("kv-approved")).await.unwrap();
    let approvers = demands.approvers.unwrap_or_default();
    assert_eq!(approvers, [ALEX.0]);
    client.rehearse_role(&scope("kv-short")).await.unwrap();
    wire.advance(Duration::from_secs(600));
    client.deactivate_role(&scope("kv-open")).await.unwrap();
    let seen = wire.change(|world| world.seen().to_vec());
    let mut judged = 0;
    for seen in seen
        .iter()
        .filter(|seen| seen.operation.starts_with("arm."))
    {
        let mut url = url::Url::parse(&seen.url).unwrap();
        if seen.operation == "arm.roleManagementPolicyAssignments" {
            // The description lacks this filter; without it the policies of all roles are listed.
            let filter = url
                .query_pairs()
                .find(|(name, _)| name == "$filter")
                .unwrap()
                .1;
            assert!(
                filter.starts_with("roleDefinitionId eq '/subscriptions/"),
                "{filter}"
            );
            url.set_query(Some(VERSION));
        }
        wire.judge_request(&seen.method, url.as_str(), seen.body.as_ref());
        judged += 1;
    }
    assert!(judged >= 10, "{judged}");
    let ids: std::collections::BTreeSet<_> = seen
        .iter()
        .map(|seen| seen.client_request_id.clone())
        .collect();
    assert!(
        !ids.contains(&None),
        "every request carries the id of its cause"
    );
}
