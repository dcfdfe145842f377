//! Every operation of the emulator, driven raw; each answer is judged by the published description
//! on its way in ([`Wire::call`]).

use std::time::Duration;

use serde_json::json;

use crate::source;
use crate::wire::{
    ALEX, API, GRAPH, KIM, KIM_ID, MIA, MIA_ID, PIM, VAULT, Wire, activation, group_id,
};

#[tokio::test(flavor = "multi_thread")]
async fn eligibilities_and_policies_are_listed_as_described() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.graph_token(MIA).await;
    let get = async |url: String| wire.call("GET", &url, Some(&token), None).await;

    let eligible = "eligibilityScheduleInstances/filterByCurrentUser(on='principal')";
    let all = get(format!("{PIM}/{eligible}")).await;
    assert_eq!(all.body["value"].as_array().unwrap().len(), 5);
    let group = group_id('4');
    let one = get(format!("{PIM}/{eligible}?$filter=groupId eq '{group}'")).await;
    assert_eq!(one.body["value"].as_array().unwrap().len(), 1);
    let refused = get(format!("{PIM}/{eligible}?$filter=groupId in (1)")).await;
    assert_eq!(refused.status, 400);

    for last in ['1', '2', '3', '4', '6'] {
        let group = group_id(last);
        let found = get(format!(
            "{GRAPH}/policies/roleManagementPolicyAssignments?$filter=scopeId eq '{group}' and \
             scopeType eq 'Group' and roleDefinitionId eq 'member'&$expand=policy($expand=rules)"
        ))
        .await;
        assert_eq!(found.status, 200, "{}", found.body);
        let rules = found.body["value"][0]["policy"]["rules"]
            .as_array()
            .unwrap();
        assert!(rules.len() >= 4, "{rules:?}");
    }
    let me = get(format!("{GRAPH}/me")).await;
    assert_eq!(me.body["id"], MIA_ID);
    let example = source::json(&folder.join("graph/examples/me.get.json"));
    let defaults = example["response"]["body"].as_object().unwrap();
    for name in me
        .body
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| !name.starts_with('@'))
    {
        assert!(
            defaults.contains_key(name),
            "/me returns {name} only with $select"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_is_answered_as_described_from_request_to_end() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.graph_token(MIA).await;
    wire.change(|world| {
        world.scenario.delays.provisioning = "20s".parse().unwrap();
        world.scenario.delays.instance = "5s".parse().unwrap();
    });

    let mut body = activation(MIA_ID, '1');
    body["isValidationOnly"] = json!(true);
    assert_eq!(wire.request(&token, &body).await.status, 201);
    let made = wire.request(&token, &activation(MIA_ID, '1')).await;
    assert_eq!(
        (made.status, &made.body["status"]),
        (201, &json!("PendingProvisioning"))
    );
    let one = format!(
        "{PIM}/assignmentScheduleRequests/{}",
        made.body["id"].as_str().unwrap()
    );

    wire.advance(Duration::from_secs(21));
    let found = wire.call("GET", &one, Some(&token), None).await;
    assert_eq!(found.body["status"], "Provisioned");
    let instances =
        format!("{PIM}/assignmentScheduleInstances/filterByCurrentUser(on='principal')");
    let listed = wire.call("GET", &instances, Some(&token), None).await;
    assert_eq!(
        listed.body["value"],
        json!([]),
        "visible before its delay has passed"
    );
    wire.advance(Duration::from_secs(5));
    let listed = wire.call("GET", &instances, Some(&token), None).await;
    let instance = &listed.body["value"][0];
    assert_eq!(
        instance["assignmentScheduleId"],
        found.body["targetScheduleId"]
    );

    wire.advance(Duration::from_secs(600));
    let mut end = activation(MIA_ID, '1');
    end["action"] = json!("selfDeactivate");
    end.as_object_mut().unwrap().remove("scheduleInfo");
    let ended = wire.request(&token, &end).await;
    assert_eq!(
        (ended.status, &ended.body["status"]),
        (201, &json!("Revoked"))
    );
    let listed = wire.call("GET", &instances, Some(&token), None).await;
    assert_eq!(listed.body["value"], json!([]));
    let mine = format!("{PIM}/assignmentScheduleRequests/filterByCurrentUser(on='principal')");
    let listed = wire.call("GET", &mine, Some(&token), None).await;
    assert_eq!(listed.body["value"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_answered_as_described() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.graph_token(MIA).await;
    let approver = wire.graph_token(ALEX).await;
    let made = wire.request(&token, &activation(MIA_ID, '4')).await;
    assert_eq!(
        (made.status, &made.body["status"]),
        (201, &json!("PendingApproval"))
    );
    let id = made.body["approvalId"].as_str().unwrap().to_owned();

    let waiting = format!(
        "{PIM}/assignmentScheduleRequests/filterByCurrentUser(on='approver')?$filter=status eq \
         'PendingApproval'"
    );
    let found = wire.call("GET", &waiting, Some(&approver), None).await;
    assert_eq!(found.body["value"][0]["id"], made.body["id"]);
    let approval = format!("{PIM}/assignmentApprovals/{id}");
    let found = wire.call("GET", &approval, Some(&approver), None).await;
    let stage = found.body["stages"][0]["id"].as_str().unwrap().to_owned();
    let stage = format!("{approval}/stages/{stage}");
    let yes = json!({"reviewResult": "Approve", "justification": "known change"});
    wire.judge_request("PATCH", &stage, Some(&yes));
    let refused = wire.call("PATCH", &stage, Some(&token), Some(&yes)).await;
    assert_eq!(refused.status, 403, "nobody approves for himself");
    assert_eq!(
        wire.call("PATCH", &stage, Some(&approver), Some(&yes))
            .await
            .status,
        204
    );
    assert_eq!(
        wire.call("PATCH", &stage, Some(&approver), Some(&yes))
            .await
            .status,
        409
    );
    let one = format!(
        "{PIM}/assignmentScheduleRequests/{}",
        made.body["id"].as_str().unwrap()
    );
    assert_eq!(
        wire.call("GET", &one, Some(&token), None).await.body["status"],
        "Provisioned"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_and_a_cancellation_are_answered_as_described() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.graph_token(MIA).await;
    let made = wire.request(&token, &activation(MIA_ID, '4')).await;
    let one = format!(
        "{PIM}/assignmentScheduleRequests/{}",
        made.body["id"].as_str().unwrap()
    );
    let cancel = format!("{one}/cancel");
    assert_eq!(
        wire.call("POST", &cancel, Some(&token), None).await.status,
        204
    );
    assert_eq!(
        wire.call("GET", &one, Some(&token), None).await.body["status"],
        "Canceled"
    );
    let made = wire.request(&token, &activation(MIA_ID, '4')).await;
    assert_eq!(wire.change(|world| world.decide(&group_id('4'), false)), 1);
    let one = format!(
        "{PIM}/assignmentScheduleRequests/{}",
        made.body["id"].as_str().unwrap()
    );
    assert_eq!(
        wire.call("GET", &one, Some(&token), None).await.body["status"],
        "Denied"
    );
    let unknown = format!("{PIM}/assignmentScheduleRequests/00000000-0000-0000-0000-000000000000");
    assert_eq!(
        wire.call("GET", &unknown, Some(&token), None).await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_membership_is_listed_as_assigned() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.graph_token(KIM).await;
    let url = format!("{PIM}/assignmentScheduleInstances/filterByCurrentUser(on='principal')");
    let listed = wire.call("GET", &url, Some(&token), None).await;
    let instance = &listed.body["value"][0];
    assert_eq!(instance["principalId"], KIM_ID);
    assert!(
        instance["assignmentType"]
            .as_str()
            .unwrap()
            .eq_ignore_ascii_case("assigned")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn graph_pages_lead_from_one_to_the_next() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    wire.change(|world| world.scenario.page_size = 2);
    let token = wire.graph_token(MIA).await;
    let mut url = format!("{PIM}/eligibilityScheduleInstances/filterByCurrentUser(on='principal')");
    let mut seen = Vec::new();
    loop {
        let page = wire.call("GET", &url, Some(&token), None).await;
        let items = page.body["value"].as_array().unwrap().clone();
        seen.extend(items.into_iter().map(|item| item["groupId"].to_string()));
        match page.body["@odata.nextLink"].as_str() {
            Some(next) => url = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 5);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 5, "an item came twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_keys_are_answered_as_described() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.vault_token(MIA).await;
    let get = async |path: &str| {
        wire.call("GET", &format!("{VAULT}{path}?{API}"), Some(&token), None)
            .await
    };
    for path in [
        "/secrets",
        "/secrets/annotated",
        "/secrets/annotated/",
        "/secrets/plain",
    ] {
        assert_eq!(get(path).await.status, 200, "{path}");
    }
    let secret = get("/secrets/annotated").await;
    assert_eq!(
        secret.body["tags"],
        json!({"user": "root"}),
        "an expired secret is given out"
    );
    assert_eq!(get("/secrets/annotated/versions").await.status, 200);
    assert_eq!(get("/secrets/disabled").await.status, 403);
    assert_eq!(get("/secrets/under_score").await.status, 400);
    let url = format!("{VAULT}/secrets/new?{API}");
    let body = json!({"value": "v", "attributes": {"enabled": true}, "tags": {"a": "b"}});
    wire.judge_request("PUT", &url, Some(&body));
    assert_eq!(
        wire.call("PUT", &url, Some(&token), Some(&body))
            .await
            .status,
        200
    );
    let empty = wire.call("PUT", &url, Some(&token), Some(&json!({}))).await;
    assert_eq!(empty.status, 400);

    assert_eq!(get("/keys").await.status, 200);
    for name in ["sign-verify", "ec-p384", "ec-p521", "rsa-2048"] {
        assert_eq!(get(&format!("/keys/{name}")).await.status, 200, "{name}");
        assert_eq!(
            get(&format!("/keys/{name}/versions")).await.status,
            200,
            "{name}"
        );
    }
    assert_eq!(get("/keys/none").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_behind_its_firewall_refuses_before_it_looks_at_rights() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.vault_token(MIA).await;
    let url = format!("https://kv-closed.vault.azure.net/secrets/x?{API}");
    let answer = wire.call("GET", &url, Some(&token), None).await;
    assert_eq!(answer.status, 403);
    assert_eq!(
        answer.body["error"]["innererror"]["code"],
        "ForbiddenByFirewall"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_api_version_is_refused() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let token = wire.vault_token(MIA).await;
    let url = format!("{VAULT}/secrets/plain");
    assert_eq!(wire.call("GET", &url, Some(&token), None).await.status, 400);
}
