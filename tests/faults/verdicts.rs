//! An approver's verdict × everything that can go wrong with it, once and for good.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pimento::cloud::{Decision, Verdict};
use pimento::emulator::World;
use pimento::emulator::scenario::Fault;
use pimento::refusal::{Refusal, Service};
use pimento::requester::Requester;

use crate::approvals::{ALEX, asked};
use crate::matrix::{Canary, Kind, WRONG, Wrong, pass_while_held};
use crate::stage::{Colleague, Stage};

const UPDATE: &str = "graph.assignmentApprovals.stages.update";

async fn approve(alex: &Colleague, request: &str) -> Result<(), Refusal> {
    let (broker, tenant) = (&alex.house.pipeline.broker, alex.house.tenant("")?);
    let decision = Decision {
        request,
        verdict: Verdict::Approve,
        reason: "I know her",
    };
    broker
        .decide(tenant, &[Service::Pim], &Requester::default(), &decision)
        .await
}

fn told(outcome: &Result<(), Refusal>) -> &'static str {
    outcome.as_ref().map_or_else(|no| no.code(), |()| "ok")
}

/// What is wrong with what became of one fault; empty if nothing is.
async fn cell(
    stage: &Stage,
    alex: &Colleague,
    wrong: &Wrong,
    lasts: bool,
    canary: &Canary,
) -> Vec<String> {
    stage.after_everything_ended();
    let (request, made) = (asked(stage).await, stage.made());
    stage.emulator.change(World::reset_counts);
    let mut fault = Fault {
        operation: UPDATE.to_owned(),
        times: (!lasts).then_some(1),
        ..Fault::default()
    };
    (wrong.fault)(&mut fault, canary.address);
    stage.fault(fault);
    let mut held = false;
    let outcome = tokio::select! {
        outcome = approve(alex, &request) => outcome,
        never = pass_while_held(stage, Kind::Post, &mut held) => match never {},
    };
    let seen = stage.emulator.change(|world| world.seen().to_vec());
    let sent = seen.iter().filter(|it| it.operation == UPDATE);
    // Of these the service says itself that it took nothing.
    let taken = sent.filter(|it| !matches!(it.status, 429 | 503)).count();
    stage.mend();
    // Whoever was told of a failure says it again, once the host is no longer left alone.
    stage.clock.advance(Duration::from_secs(700));
    let again = approve(alex, &request).await;
    stage.clock.advance(Duration::from_secs(15));
    // Whatever of this was under way as time passed may have been given up.
    let opened = match stage.password().await {
        Err(Refusal::Unreachable { .. }) => stage.password().await,
        opened => opened,
    };
    let wanted = wrong.verdict[usize::from(lasts)];
    let often = if lasts { "for good" } else { "once" };
    [
        (told(&outcome) != wanted).then(|| format!("{wanted} was to come of it, not {outcome:?}")),
        (taken > 1).then(|| format!("{taken} verdicts were sent")),
        (!matches!(told(&again), "ok" | "decided_already"))
            .then(|| format!("said again: {again:?}")),
        (outcome.is_ok() && told(&again) == "ok")
            .then(|| "it was told as given, and was not".to_owned()),
        opened
            .err()
            .map(|refusal| format!("nothing opened: {refusal}")),
        (stage.made() != made).then(|| format!("{made} requests became {}", stage.made())),
    ]
    .into_iter()
    .flatten()
    .map(|problem| format!("{}, {often}: {problem}", wrong.name))
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_is_given_or_refused_never_sent_twice_and_never_taken_for_given() {
    let canary = Canary::start().await;
    let stage = Stage::unhurried_with(|scenario| {
        scenario.groups[0].policy.approvers = vec![ALEX.to_owned()];
    })
    .await;
    let alex = stage.hurried_colleague(ALEX).await;
    let mut problems = Vec::new();
    // What the name of a host is worth is tested with the calls of a cold start.
    for wrong in WRONG.iter().filter(|it| !it.name.contains("another name")) {
        for lasts in [false, true] {
            problems.extend(cell(&stage, &alex, wrong, lasts, &canary).await);
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(canary.visitors.load(Ordering::SeqCst), 0);
}
