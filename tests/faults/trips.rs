//! What a login costs in round trips: each call that is made, in its order.

use std::time::Duration;

use jiff::SignedDuration;
use pimento::emulator::scenario::Fault;

use crate::stage::Stage;

const TOKEN: &str = "entra.token.refresh_token";
const CREATE: &str = "graph.assignmentScheduleRequests.create";
const ACTIVE: &str = "graph.assignmentScheduleInstances.filterByCurrentUser";
const SECRET: &str = "vault.secret.get";

#[tokio::test(flavor = "multi_thread")]
async fn the_first_password_after_a_sign_in_costs_four_round_trips() {
    let stage = Stage::unhurried().await;
    stage.password().await.unwrap();
    assert_eq!(stage.emulator.calls(), [CREATE, ACTIVE, TOKEN, SECRET]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_an_old_sign_in_it_costs_one_more_and_a_warm_one_costs_none() {
    let stage = Stage::unhurried().await;
    stage.after_everything_ended();
    stage.password().await.unwrap();
    let cold = [TOKEN, CREATE, ACTIVE, TOKEN, SECRET];
    assert_eq!(stage.emulator.calls(), cold);
    stage.password().await.unwrap();
    assert_eq!(stage.emulator.calls(), cold, "the second costs none");
    stage.clock.advance(Duration::from_secs(3601));
    stage.password().await.unwrap();
    assert_eq!(stage.emulator.calls()[5..], [CREATE, ACTIVE, TOKEN, SECRET]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_made_elsewhere_costs_the_same_and_one_read_of_the_policy_if_it_is_too_long()
{
    let stage = Stage::unhurried().await;
    stage.password().await.unwrap();
    stage.house.pipeline.broker.wipe("the agent forgets");
    stage.password().await.unwrap();
    assert_eq!(stage.emulator.calls()[4..], [CREATE, ACTIVE, TOKEN, SECRET]);
    stage.after_everything_ended();
    stage.has_a_token_for_graph().await;
    stage.emulator.change(|world| {
        world.scenario.groups[0].policy.maximum_duration = SignedDuration::from_mins(30);
    });
    stage.password().await.unwrap();
    let policy = "graph.roleManagementPolicyAssignments";
    let calls = [CREATE, policy, CREATE, ACTIVE, TOKEN, SECRET];
    assert_eq!(stage.emulator.calls(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_that_the_sign_in_satisfies_costs_two_more() {
    let stage = Stage::unhurried().await;
    // {"access_token":{"nbf":{"essential":true,"value":"1"}}}, which any new token satisfies.
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ==";
    let challenge = format!("Bearer error=\"insufficient_claims\", claims=\"{claims}\"");
    stage.fault(Fault {
        operation: CREATE.to_owned(),
        times: Some(1),
        status: Some(401),
        headers: [("WWW-Authenticate".to_owned(), challenge)].into(),
        ..Fault::default()
    });
    stage.password().await.unwrap();
    let calls = [CREATE, TOKEN, CREATE, ACTIVE, TOKEN, SECRET];
    assert_eq!(stage.emulator.calls(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_that_nobody_can_make_costs_one_token_and_no_second_activation() {
    let stage = Stage::unhurried_with(|scenario| {
        scenario.groups[0].policy.authentication_context = Some("c1".to_owned());
    })
    .await;
    let refusal = stage.password().await.unwrap_err();
    assert_eq!(refusal.code(), "step_up_failed");
    assert_eq!(stage.emulator.calls(), [CREATE, TOKEN]);
}
