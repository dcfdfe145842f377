//! An application's token × what can go wrong with it, once and for good.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use pimento::cloud::{Cloud, CorrelationId, Freshness, Resource};
use pimento::emulator::scenario::Fault;
use pimento::refusal::Refusal;

use super::application::{Shop, cloud};
use crate::support::clock::WorldClock;

const TOKEN: &str = "entra.token.client_credentials";

/// What goes wrong, and what becomes of it once and for good: `ok`, or the code of the refusal.
type Wrong = (&'static str, fn(&mut Fault), [&'static str; 2]);

const WRONG: [Wrong; 10] = [
    (
        "429",
        |it| (it.status, it.retry_after) = (Some(429), Some("1".to_owned())),
        ["ok", "throttled"],
    ),
    (
        "429 for long",
        |it| (it.status, it.retry_after) = (Some(429), Some("600".to_owned())),
        ["throttled", "throttled"],
    ),
    ("500", |it| it.status = Some(500), ["ok", "cloud"]),
    ("503", |it| it.status = Some(503), ["ok", "cloud"]),
    (
        "no answer",
        |it| it.delay = SignedDuration::from_hours(1),
        ["ok", "unreachable"],
    ),
    (
        "reset before the answer",
        |it| it.hang_up = true,
        ["ok", "unreachable"],
    ),
    (
        "reset in the middle",
        |it| it.reset = true,
        ["ok", "unreachable"],
    ),
    (
        "half of the JSON",
        |it| it.half = true,
        ["ok", "unreachable"],
    ),
    (
        "a page instead",
        |it| it.body = Some("<html>Welcome to our network</html>".to_owned()),
        ["ok", "unreachable"],
    ),
    ("redirect", |it| it.status = Some(307), ["cloud", "cloud"]),
];

/// What becomes of one fault.
async fn outcome(cloud: &Cloud, shop: &Shop, clock: &WorldClock) -> Result<(), Refusal> {
    let tenant = shop.tenant();
    let token = cloud
        .identity
        .token(&tenant, Resource::Arm, Freshness::New, CorrelationId::new());
    let waiting = || shop.home.emulator.change(|world| world.held());
    let never = async {
        loop {
            while waiting() == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            clock.advance(Duration::from_secs(10));
            while waiting() > 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    };
    tokio::select! {
        token = token => token.map(drop),
        () = never => unreachable!(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_goes_wrong_with_an_applications_token_ends_in_one_or_in_a_typed_refusal() {
    let shop = Shop::by_certificate().await;
    // Pauses between attempts are of seconds.
    let clock = Arc::new(WorldClock::new(20));
    let cloud = cloud(&shop, &clock);
    let mut problems = Vec::new();
    for (name, fault, wanted) in WRONG {
        for (lasts, wanted) in [false, true].into_iter().zip(wanted) {
            let mut wrong = Fault {
                operation: TOKEN.to_owned(),
                times: (!lasts).then_some(1),
                ..Fault::default()
            };
            fault(&mut wrong);
            shop.home.emulator.change(|world| world.fault(wrong));
            let outcome_now = outcome(&cloud, &shop, &clock).await;
            let told = outcome_now.as_ref().map_or_else(|no| no.code(), |()| "ok");
            if told != wanted {
                problems.push(format!("{name}, {lasts}: {wanted}, not {outcome_now:?}"));
            }
            shop.home
                .emulator
                .change(|world| world.scenario.faults.clear());
            // Until a host that was out, or asked for a rest, is asked again.
            clock.advance(Duration::from_secs(700));
            shop.home.emulator.change(|world| {
                let behind = clock.true_wall().duration_since(world.now());
                world.advance(behind.try_into().unwrap_or_default());
            });
            if let Err(refusal) = outcome(&cloud, &shop, &clock).await {
                problems.push(format!("{name}, {lasts}: it does not recover: {refusal}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
