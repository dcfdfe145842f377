//! Every call of more time × what can go wrong with it, once and for good.

use std::time::Duration;

use pimento::broker::Wish;
use pimento::cloud::{CorrelationId, Unwatched};
use pimento::emulator::World;
use pimento::emulator::scenario::Fault;
use pimento::refusal::Refusal;
use pimento::requester::Requester;

use super::{ACTIVE, CREATE, ELIGIBLE, POLICY};
use crate::matrix::recovers;
use crate::stage::Stage;

type Wrong = (&'static str, fn(&mut Fault));

const WRONG: [Wrong; 8] = [
    ("429", |fault| {
        fault.status = Some(429);
        fault.retry_after = Some("1".to_owned());
    }),
    ("429 for long", |fault| {
        fault.status = Some(429);
        fault.retry_after = Some("600".to_owned());
    }),
    ("500", |fault| fault.status = Some(500)),
    ("503", |fault| fault.status = Some(503)),
    ("reset before the answer", |fault| fault.hang_up = true),
    ("reset in the answer", |fault| fault.reset = true),
    ("half of the answer", |fault| fault.half = true),
    ("a page instead", |fault| {
        fault.body = Some("<html>Welcome to our network</html>".to_owned());
    }),
];

async fn more_time(stage: &Stage) -> Result<(), Refusal> {
    let window = stage.house.window("linux-root").unwrap();
    let wish = Wish {
        reason: Some("more time".to_owned()),
        ticket: None,
        duration: None,
        extends: true,
        person: Requester::default(),
        id: CorrelationId::new(),
    };
    let broker = &stage.house.pipeline.broker;
    broker.open(window, wish, &Unwatched).await
}

/// How many ends of the window PIM has taken and answered.
fn ended(stage: &Stage) -> usize {
    let seen = stage.emulator.change(|world| world.seen().to_vec());
    let posts = seen.iter().filter(|seen| seen.operation == CREATE);
    let end = posts.filter(|seen| {
        let body = seen.body.as_ref();
        body.is_some_and(|body| body["action"] == "selfDeactivate") && seen.status == 201
    });
    end.count()
}

/// What is wrong with what became of it; empty if nothing is.
async fn problems(
    stage: &Stage,
    operation: &str,
    (name, wrong): Wrong,
    lasts: bool,
) -> Vec<String> {
    stage.after_everything_ended();
    stage.password().await.unwrap();
    stage.clock.advance(Duration::from_secs(20 * 60));
    stage.emulator.change(World::reset_counts);
    let (made, mut fault) = (stage.made(), Fault::default());
    operation.clone_into(&mut fault.operation);
    fault.times = (!lasts).then_some(1);
    wrong(&mut fault);
    stage.fault(fault);
    let outcome = more_time(stage).await;
    let (left, anew) = (stage.left(), stage.made() - made);
    let sound = match &outcome {
        Ok(()) => anew == 1 && left > Duration::from_secs(2700),
        Err(Refusal::NotExtended { .. }) => anew == 0 && left > Duration::ZERO && ended(stage) == 0,
        Err(Refusal::NotReopened { refusal, .. }) => {
            anew <= 1 && left == Duration::ZERO && !refusal.advice().is_empty()
        }
        Err(_) => false,
    };
    let told =
        format!("{operation}, {name}, for good {lasts}: {outcome:?}, {anew} made, {left:?} left");
    let recovers = recovers(stage).await.map(|no| format!("{told}: {no}"));
    (!sound)
        .then_some(told)
        .into_iter()
        .chain(recovers)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_the_window_is_longer_or_as_it_was_or_told_to_have_ended() {
    let stage = Stage::start(|_| {}).await;
    let mut found = Vec::new();
    for operation in [POLICY, ELIGIBLE, CREATE, ACTIVE] {
        for wrong in WRONG {
            for lasts in [false, true] {
                found.extend(problems(&stage, operation, wrong, lasts).await);
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
