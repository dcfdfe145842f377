//! What is read besides a cold start × everything that can go wrong with it, once and for good.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use pimento::broker::Signing;
use pimento::cloud::{Decision, Unwatched, Verdict};
use pimento::emulator::World;
use pimento::emulator::scenario::Fault;
use pimento::policy::{Ask, End, Route, Said, Signed};
use pimento::refusal::{Refusal, Service};
use pimento::requester::Requester;

use crate::matrix::{Canary, Kind, WRONG, Wrong, pass_while_held, recovers};
use crate::stage::Stage;

type Doing<'a> = Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>>;

/// A read, and the code that it ends with where nothing goes wrong.
struct Read {
    operation: &'static str,
    doing: fn(&Stage) -> Doing<'_>,
    usual: &'static str,
}

const READS: [Read; 5] = [
    Read {
        operation: "graph.assignmentScheduleRequests.filterByCurrentUser",
        doing: approvals,
        usual: "ok",
    },
    Read {
        operation: "graph.assignmentApprovals.get",
        doing: approval_of_nobody,
        usual: "no_match",
    },
    Read {
        operation: "vault.secrets.list",
        doing: secrets,
        usual: "ok",
    },
    Read {
        operation: "vault.key.get",
        doing: signature,
        usual: "ok",
    },
    Read {
        operation: "vault.key.sign",
        doing: signature,
        usual: "ok",
    },
];

const GROUPS: &[Service] = &[Service::Pim];

fn approvals(stage: &Stage) -> Doing<'_> {
    Box::pin(async {
        let (broker, tenant) = (&stage.house.pipeline.broker, stage.house.tenant("")?);
        let found = broker
            .waiting(tenant, GROUPS, &Requester::default())
            .await?;
        assert!(found.is_empty());
        Ok(())
    })
}

fn approval_of_nobody(stage: &Stage) -> Doing<'_> {
    Box::pin(async {
        let (broker, tenant) = (&stage.house.pipeline.broker, stage.house.tenant("")?);
        let decision = Decision {
            request: "7f6ba8f4-58e0-4ea2-8e9a-000000000000",
            verdict: Verdict::Approve,
            reason: "none",
        };
        broker
            .decide(tenant, GROUPS, &Requester::default(), &decision)
            .await
    })
}

fn secrets(stage: &Stage) -> Doing<'_> {
    Box::pin(async {
        let vault = stage.house.vaults.first().unwrap();
        let broker = &stage.house.pipeline.broker;
        let found = broker
            .secrets(vault, &Requester::default(), &Unwatched)
            .await?;
        assert_eq!(found.len(), 1);
        Ok(())
    })
}

/// By the key that stays in its vault; the window is open, and nothing was signed in it.
fn signature(stage: &Stage) -> Doing<'_> {
    Box::pin(async {
        let mut keys = stage.house.catalog.keys();
        let (credential, _) = keys.next().unwrap();
        let ask = Ask {
            credential: Arc::clone(credential),
            end: End::Sign {
                what: Signed::Unknown,
                route: Route::Unbound,
            },
            program: "tests".to_owned(),
            said: Said::default(),
        };
        let (data, flags) = (&b"data"[..], 0);
        let signing = Signing { data, flags };
        let (pipeline, nobody) = (&stage.house.pipeline, Requester::default());
        let signed = pipeline.sign_in_vault(ask, &nobody, &Unwatched, signing);
        signed.await.map(drop)
    })
}

/// What is wrong with what became of one fault; nothing if it is as it should be.
async fn cell(
    stage: &Stage,
    read: &Read,
    wrong: &Wrong,
    lasts: bool,
    canary: &Canary,
) -> Option<String> {
    // The window is opened anew, with everything in order.
    assert_eq!(recovers(stage).await, None);
    stage.emulator.change(World::reset_counts);
    let mut fault = Fault {
        operation: read.operation.to_owned(),
        times: (!lasts).then_some(1),
        ..Fault::default()
    };
    (wrong.fault)(&mut fault, canary.address);
    stage.emulator.change(|world| world.fault(fault));
    let mut held = false;
    let outcome = tokio::select! {
        outcome = (read.doing)(stage) => outcome,
        never = pass_while_held(stage, Kind::Read, &mut held) => match never {},
    };
    let told = outcome.as_ref().map_or_else(|no| no.code(), |()| "ok");
    let wanted = match wrong.read[usize::from(lasts)] {
        "ok" => read.usual,
        // That nobody knows the approval is said by the status, whatever is left of the text.
        _ if wrong.name == "half of the JSON" && read.usual == "no_match" => read.usual,
        code => code,
    };
    let often = if lasts { "for good" } else { "once" };
    let what = format!("{}, {}, {often}", read.operation, wrong.name);
    (told != wanted).then(|| format!("{what}: {wanted} was to come of it, not {outcome:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_besides_ends_in_success_or_a_typed_refusal_too() {
    let (canary, mut problems) = (Canary::start().await, Vec::new());
    for read in &READS {
        let stage = Stage::start(|_| {}).await;
        // What the name of a host is worth is tested with the calls of a cold start.
        for wrong in WRONG.iter().filter(|it| !it.name.contains("another name")) {
            for lasts in [false, true] {
                problems.extend(cell(&stage, read, wrong, lasts, &canary).await);
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert_eq!(canary.visitors.load(Ordering::SeqCst), 0);
}
