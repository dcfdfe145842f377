//! A cloud that is out: what it costs, what is told, and how it comes back.

use std::time::Duration;

use jiff::SignedDuration;
use pimento::broker::Wish;
use pimento::cloud::{CorrelationId, Stage as Step, StageSink};
use pimento::emulator::scenario::Fault;
use pimento::refusal::Refusal;
use pimento::requester::Requester;

use crate::stage::Stage;
use crate::support::until;

const CREATE: &str = "graph.assignmentScheduleRequests.create";

/// A stage whose Graph cannot be reached, as the first ask has just found out.
async fn out() -> Stage {
    let stage = Stage::unhurried().await;
    graph_is_out(&stage);
    let refusal = tokio::select! {
        outcome = stage.password() => outcome.unwrap_err(),
        never = hurry(&stage) => match never {},
    };
    assert_eq!(refusal.code(), "unreachable", "{refusal}");
    assert_eq!(stage.house.pipeline.broker.outages().len(), 1);
    stage
}

fn graph_is_out(stage: &Stage) {
    let graph = "graph.microsoft.com".to_owned();
    stage
        .emulator
        .change(|world| world.scenario.misnamed.push(graph));
}

/// Lets time pass.
async fn hurry(stage: &Stage) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        stage.clock.advance(Duration::from_secs(1));
    }
}

/// Opens the window by hand.
async fn open(stage: &Stage) -> Result<(), Refusal> {
    struct Nobody;
    impl StageSink for Nobody {
        fn reached(&self, _: Step) {}
    }
    let window = stage.house.window("linux-root").unwrap();
    let wish = Wish {
        reason: Some("the network is back".to_owned()),
        ticket: None,
        duration: None,
        extends: false,
        person: Requester::default(),
        id: CorrelationId::new(),
    };
    stage
        .house
        .pipeline
        .broker
        .open(window, wish, &Nobody)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_is_out_costs_nothing_after_the_first_failure_and_says_since_when() {
    let stage = out().await;
    stage.clock.advance(Duration::from_secs(3));
    let began = stage.clock.elapsed();
    let told = stage.password().await.unwrap_err().to_string();
    assert!(stage.clock.elapsed() - began < Duration::from_secs(2));
    assert!(
        told.contains("no answer of graph.microsoft.com since "),
        "{told}"
    );
    assert!(told.contains(", tried again in "), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_answers_again_is_used_again_when_its_rest_is_over() {
    let stage = out().await;
    stage.mend();
    stage.clock.advance(Duration::from_secs(3));
    assert_eq!(stage.password().await.unwrap_err().code(), "unreachable");
    stage.clock.advance(Duration::from_secs(3));
    stage.password().await.unwrap();
    assert_eq!(stage.house.pipeline.broker.outages(), []);
    assert_eq!(stage.made(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_while_the_cloud_is_tried_again_waits_two_seconds_and_what_tries_goes_on() {
    let stage = out().await;
    stage.mend();
    stage.clock.advance(Duration::from_secs(6));
    // It answers, and takes longer over it than anybody waits.
    stage.fault(Fault {
        operation: CREATE.to_owned(),
        delay: SignedDuration::from_millis(300),
        ..Fault::default()
    });
    let waited = async {
        until("it is asked", || {
            stage.emulator.change(|world| world.held()) > 0
        })
        .await;
        stage.clock.advance(Duration::from_secs(2));
    };
    let (outcome, ()) = tokio::join!(stage.password(), waited);
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.code(), "unreachable", "{refusal}");
    until("the window is open", || {
        !stage.house.pipeline.broker.views().is_empty()
    })
    .await;
    stage.password().await.unwrap();
    assert_eq!((stage.emulator.count(CREATE), stage.made()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_opens_by_hand_does_not_wait_until_it_is_tried_again() {
    let stage = out().await;
    stage.mend();
    open(&stage).await.unwrap();
    stage.clock.advance(Duration::from_secs(3));
    stage.password().await.unwrap();
    assert_eq!(stage.made(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_is_out_keeps_no_window_from_opening() {
    let stage = Stage::unhurried().await;
    let vault = "kv-linux.vault.azure.net".to_owned();
    stage
        .emulator
        .change(|world| world.scenario.misnamed.push(vault));
    let refusal = tokio::select! {
        outcome = stage.password() => outcome.unwrap_err(),
        never = hurry(&stage) => match never {},
    };
    assert!(refusal.to_string().starts_with("Key Vault"), "{refusal}");
    assert_eq!(stage.house.pipeline.broker.views().len(), 1);
    let calls = stage.emulator.calls();
    stage.clock.advance(Duration::from_secs(3));
    let told = stage.password().await.unwrap_err().to_string();
    assert!(told.contains("kv-linux.vault.azure.net"), "{told}");
    let more = stage.emulator.calls().len() - calls.len();
    assert!(more <= 1, "no more than a token is asked for");
}
