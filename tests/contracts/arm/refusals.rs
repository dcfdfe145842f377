//! What Resource Manager refuses, as published; and dry runs and requests that are taken back.

use pimento::cloud::Rehearsed;
use pimento::refusal::Refusal;
use serde_json::{Value, json};

use super::{activation, put, request, scope};
use crate::client::Client;
use crate::errors::{differences, known_members};
use crate::source;
use crate::wire::{Answer, KIM_ID, MIA, MIA_ID, Wire};

/// Provokes the published error of that name.
pub async fn provoke(wire: &Wire, name: &str) -> Option<Answer> {
    let token = wire.arm_token(MIA).await;
    let ask = async |vault: &str, name: u128, body: &Value| {
        let url = request(&scope(vault), name);
        wire.call("PUT", &url, Some(&token), Some(body)).await
    };
    let mine = activation(MIA_ID);
    let mut end = mine.clone();
    end["properties"]["requestType"] = json!("SelfDeactivate");
    Some(match name {
        "arm-pim-400-acrs-validation-failed" => ask("kv-context", 1, &mine).await,
        "arm-pim-400-policy-validation-failed-expiration" => ask("kv-short", 1, &mine).await,
        "pim-400-active-duration-too-short" => {
            ask("kv-open", 1, &mine).await;
            ask("kv-open", 2, &end).await
        }
        "pim-400-pending-role-assignment-request" => {
            ask("kv-approved", 1, &mine).await;
            ask("kv-approved", 2, &mine).await
        }
        "pim-400-policy-validation-failed-eligibility" => ask("kv-standing", 1, &mine).await,
        "pim-400-policy-validation-failed-justification" => ask("kv-justified", 1, &mine).await,
        "pim-400-policy-validation-failed-ticketing" => ask("kv-ticketed", 1, &mine).await,
        "pim-400-role-assignment-does-not-exist" => ask("kv-open", 1, &end).await,
        "pim-400-role-assignment-exists" => {
            ask("kv-open", 1, &mine).await;
            ask("kv-open", 2, &mine).await
        }
        "pim-400-subject-not-found" => ask("kv-open", 1, &activation(KIM_ID)).await,
        _ => return None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_errors_that_both_apis_of_pim_share_are_given_by_this_one_too() {
    let Some(folder) = source::folder() else {
        return;
    };
    let published = source::json_files(&folder.join("errors"));
    let known = known_members(&published);
    let mut given = 0;
    for (name, expected) in published
        .iter()
        .filter(|(name, _)| name.starts_with("pim-"))
    {
        let wire = Wire::start(&folder).await;
        let Some(answer) = provoke(&wire, name).await else {
            assert_eq!(name, "pim-400-invalid-policy", "nothing provokes it");
            continue;
        };
        let found = differences(expected, &answer, &known);
        assert!(found.is_empty(), "{name}: {found:?}");
        given += 1;
    }
    assert!(given >= 8, "{given}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_makes_nothing_and_a_request_that_waits_is_taken_back() {
    let Some(folder) = source::folder() else {
        return;
    };
    let wire = Wire::start(&folder).await;
    let client = Client::signed_in(&wire).await;
    let (open, approved) = (scope("kv-open"), scope("kv-approved"));
    assert_eq!(client.rehearse_role(&open).await, Ok(Rehearsed::Taken));
    assert_eq!(wire.change(|world| world.requests_of(&open)), 0);
    let none = client.rehearse_role(&scope("kv-standing")).await;
    assert!(matches!(none, Err(Refusal::NotEligible { .. })), "{none:?}");
    let ticket = client.rehearse_role(&scope("kv-ticketed")).await;
    assert!(
        matches!(ticket, Err(Refusal::ReasonNeeded { .. })),
        "{ticket:?}"
    );
    client.activate_role(&open).await.unwrap();
    assert_eq!(client.rehearse_role(&open).await, Ok(Rehearsed::Exists));

    let token = wire.arm_token(MIA).await;
    let waiting = put(&wire, &token, &request(&approved, 3), &activation(MIA_ID)).await;
    assert_eq!(waiting.body["properties"]["status"], "PendingApproval");
    assert_eq!(client.cancel_role(&approved).await, Ok(true));
    assert_eq!(client.cancel_role(&approved).await, Ok(false));
    let found = wire
        .call("GET", &request(&approved, 3), Some(&token), None)
        .await;
    assert_eq!(found.body["properties"]["status"], "Canceled");
}
