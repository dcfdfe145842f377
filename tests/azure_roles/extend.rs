//! More time for a window of an Azure role.

use std::process::Output;

use support::home::text;

use super::*;

const POLICY: &str = "arm.roleManagementPolicyAssignments";

async fn pimento(world: &World, args: &[&str]) -> Output {
    let mut command = world.pimento(args);
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    ran.await.unwrap()
}

/// A world whose window has been open for twenty minutes.
async fn open(plan: Plan) -> World {
    let world = plan.start().await;
    world.ssh("web").await.assert_ok();
    world.clock.advance(Duration::from_secs(20 * 60));
    world
        .emulator
        .change(pimento::emulator::World::reset_counts);
    world
}

fn left(world: &World) -> Duration {
    let broker = &world.house.pipeline.broker;
    broker.left(&broker.views().first().unwrap().terms)
}

const EXTEND: [&str; 3] = ["open", "linux-root", "--extend"];

async fn is_extended(world: &World) {
    let extended = pimento(world, &EXTEND).await;
    let told = text(&extended.stderr);
    assert_eq!(extended.status.code(), Some(0), "{told}");
    assert!(
        told.contains("ended at PIM and opened anew; for "),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn more_time_for_a_role_is_an_end_and_a_new_beginning() {
    let world = open(plan()).await;
    is_extended(&world).await;
    assert!(left(&world) > Duration::from_secs(3500));
    // Where the active assignment lies is looked up before it is ended.
    let calls = [POLICY, ELIGIBLE, ACTIVE, CREATE, CREATE, ACTIVE];
    assert_eq!(world.calls(), calls);
    world.ssh("web").await.assert_ok();
    assert_eq!(made(&world), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_which_pim_lets_go_late_is_open_again_once_it_does() {
    let late = plan().scenario(|it| it.delays.release = "117s".parse().unwrap());
    let world = open(late.speed(20)).await;
    // Longer than an ask may take: nobody's login waits for it.
    is_extended(&world).await;
    world.ssh("web").await.assert_ok();
    assert_eq!(made(&world), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_somebody_has_to_approve_is_not_ended() {
    let world = open(plan()).await;
    world.emulator.change(|cloud| {
        for role in &mut cloud.scenario.azure_roles {
            role.policy.approvers = vec!["alex@contoso.onmicrosoft.com".to_owned()];
        }
    });
    let refused = pimento(&world, &EXTEND).await;
    assert_eq!(refused.status.code(), Some(6));
    assert_eq!(world.calls(), [POLICY]);
    world.ssh("web").await.assert_ok();
    assert_eq!((made(&world), world.reads()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_no_longer_eligible_is_not_ended() {
    let world = open(plan()).await;
    world.emulator.change(|cloud| {
        for role in &mut cloud.scenario.azure_roles {
            role.eligible.clear();
        }
    });
    let refused = pimento(&world, &EXTEND).await;
    assert_eq!(refused.status.code(), Some(6));
    assert_eq!(world.count(CREATE), 0);
    world.ssh("web").await.assert_ok();
    assert_eq!((made(&world), world.reads()), (1, 0));
}
