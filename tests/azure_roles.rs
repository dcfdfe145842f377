//! Windows of an Azure role: a role on a vault, a resource group or one secret, activated through
//! Azure Resource Manager, around real logins.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic
)]

#[path = "azure_roles/cli.rs"]
mod cli;
#[path = "azure_roles/extend.rs"]
mod extend;
#[path = "azure_roles/faults.rs"]
mod faults;
#[path = "azure_roles/policy.rs"]
mod policy;
mod support;

use std::time::Duration;

use pimento::broker::Ended;
use pimento::emulator::Scenario;
use pimento::emulator::scenario::{AzureRole, Policy, RESOURCE_GROUP, Role, vault_path};
use pimento::refusal::Refusal;
use support::{GROUP, Plan, USER, World, until};

const CREATE: &str = "arm.roleAssignmentScheduleRequests.create";
const ELIGIBLE: &str = "arm.roleEligibilityScheduleInstances";
const ACTIVE: &str = "arm.roleAssignmentScheduleInstances";
const TOKEN: &str = "entra.token.refresh_token";
const READ: &str = "vault.secret.get";

fn vault() -> String {
    vault_path("kv-linux")
}

/// Key Vault Secrets User on `scope`, for which the user is eligible.
fn role(scope: &str) -> AzureRole {
    AzureRole {
        scope: scope.to_owned(),
        role: Role::SecretsUser,
        policy: Policy {
            justification: true,
            ..Policy::default()
        },
        eligible: vec![USER.to_owned()],
        through: None,
        end: None,
        assigned: Vec::new(),
    }
}

/// A world where nothing but that role opens the vault.
fn scenario(scenario: &mut Scenario, role: AzureRole) {
    scenario.azure_roles = vec![role];
    scenario.vaults.first_mut().unwrap().grants.clear();
}

/// The window of a group made one of a role on `scope`.
fn window(text: &str, scope: &str) -> String {
    let target = format!("scope = \"{scope}\"\nrole = \"Key Vault Secrets User\"");
    text.replace(&format!("group = \"{GROUP}\""), &target)
}

/// A plan whose eligibility lies at `held`, and whose window is at `wanted`.
fn plan_at(held: &str, wanted: &str) -> Plan {
    let (role, wanted) = (role(held), wanted.to_owned());
    World::plan()
        .scenario(|it| scenario(it, role))
        .configured(move |_, text| window(&text, &wanted))
}

fn plan() -> Plan {
    plan_at(&vault(), &vault())
}

/// How many activations were ever requested at `scope`.
fn made_at(world: &World, scope: &str) -> usize {
    world.emulator.change(|cloud| cloud.requests_of(scope))
}

fn made(world: &World) -> usize {
    made_at(world, &vault())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_login_takes_six_calls_a_warm_one_none_and_the_next_window_four() {
    let world = plan().start().await;
    world.ssh("web").await.assert_ok();
    assert_eq!(
        world.calls(),
        [TOKEN, ELIGIBLE, CREATE, ACTIVE, TOKEN, READ]
    );
    world
        .emulator
        .change(pimento::emulator::World::reset_counts);
    world.ssh("web").await.assert_ok();
    assert_eq!(world.calls(), Vec::<String>::new());
    world.after_the_window();
    until("the end is recorded", || world.recorded("closed") == 1).await;
    world.ssh("web").await.assert_ok();
    // What the user is eligible for outlasts the window; Resource Manager's token does here too.
    assert_eq!(world.calls(), [CREATE, ACTIVE, TOKEN, READ]);
    assert_eq!(made(&world), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_vault_lets_nobody_in_before_the_activation_or_after_its_end() {
    let world = plan().start().await;
    world.ssh("web").await.assert_ok();
    let left = {
        let views = world.house.pipeline.broker.views();
        let terms = &views.first().unwrap().terms;
        world.house.pipeline.broker.left(terms)
    };
    assert!(left <= Duration::from_secs(3600), "{left:?}");
    world.after_the_window();
    until("the end is recorded", || world.recorded("closed") == 1).await;
    let closed = world.records().pop().unwrap();
    assert_eq!(closed.get("wiped"), Some(&vec!["web"].into()));
    // The role has ended in the cloud as well, and the user's right to it with this world's rule.
    world.emulator.change(|cloud| {
        for role in &mut cloud.scenario.azure_roles {
            role.eligible.clear();
        }
    });
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "not_eligible");
    assert_eq!(world.recorded("released"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eligibility_from_above_is_activated_where_it_lies() {
    let world = plan_at(RESOURCE_GROUP, &vault()).start().await;
    world.ssh("web").await.assert_ok();
    assert_eq!((made_at(&world, RESOURCE_GROUP), made(&world)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_narrowest_of_several_eligibilities_is_activated() {
    let wide = role(RESOURCE_GROUP);
    let world = plan()
        .scenario(|it| it.azure_roles.insert(0, wide))
        .start()
        .await;
    world.ssh("web").await.assert_ok();
    assert_eq!((made_at(&world, RESOURCE_GROUP), made(&world)), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_on_one_secret_opens_that_secret_and_no_other() {
    let secret = format!("{}/secrets/web-root-ssh", vault());
    let world = plan_at(&secret, &secret).speed(100).start().await;
    world.ssh("web").await.assert_ok();
    world.ssh("db").await.assert_refused();
    assert_eq!(world.why().code(), "not_usable_in_time");
    assert_eq!(made_at(&world, &secret), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eligibility_through_a_group_is_activated_for_the_person() {
    let mut through = role(&vault());
    through.through = Some(GROUP.to_owned());
    let world = World::plan()
        .scenario(|it| scenario(it, through))
        .configured(|_, text| window(&text, &vault()))
        .start()
        .await;
    world.ssh("web").await.assert_ok();
    let sent = world.emulator.change(|cloud| {
        let seen = cloud.seen().iter();
        seen.clone()
            .find(|seen| seen.operation == CREATE)
            .and_then(|seen| seen.body.clone())
    });
    let sent = sent.unwrap();
    let user = "b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9a1111";
    assert_eq!(sent.pointer("/properties/principalId"), Some(&user.into()));
    let linked = sent.pointer("/properties/linkedRoleEligibilityScheduleId");
    assert_eq!(linked, None, "the group's schedule is not the person's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_spreads_late_is_waited_for_with_one_and_the_same_token() {
    let world = plan()
        .scenario(|it| it.delays.assignment = "20s".parse().unwrap())
        .speed(10)
        .start()
        .await;
    world.ssh("web").await.assert_ok();
    // 2 s, 4 s, 8 s and 15 s after one another: the fifth read is the first beyond 20 s.
    assert_eq!(world.reads(), 5);
    assert_eq!(world.count(TOKEN), 2, "one for PIM, one for the vault");
    assert_eq!(made(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_never_spreads_is_refused_with_what_may_be_wrong() {
    let world = plan()
        .scenario(|it| it.delays.assignment = "2h".parse().unwrap())
        .answer_within("110s")
        .start()
        .await;
    let patience = async {
        until("the vault refuses", || world.reads() > 0).await;
        while world.recorded("refused") == 0 {
            world.clock.advance(Duration::from_secs(15));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (login, ()) = tokio::join!(world.ssh("web"), patience);
    login.assert_refused();
    assert_eq!(world.recorded("released"), 0);
    assert_eq!(world.count(TOKEN), 2);
    assert_eq!(made(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_made_elsewhere_is_adopted_with_its_true_end() {
    let world = plan().start().await;
    world.ssh("web").await.assert_ok();
    world.clock.advance(Duration::from_secs(600));
    let restarted = world.restart().await;
    restarted.ssh("web").await.assert_ok();
    let views = restarted.house.pipeline.broker.views();
    let broker = &restarted.house.pipeline.broker;
    let left = broker.left(&views.first().unwrap().terms);
    assert!((2900..=3000).contains(&left.as_secs()), "{left:?}");
    assert_eq!(made(&restarted), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_the_role_for_good_needs_no_activation() {
    let mut standing = role(&vault());
    standing.eligible.clear();
    standing.assigned = vec![USER.to_owned()];
    let world = World::plan()
        .scenario(|it| scenario(it, standing))
        .configured(|_, text| window(&text, &vault()))
        .start()
        .await;
    world.ssh("web").await.assert_ok();
    assert_eq!((made(&world), world.count(CREATE)), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_ends_the_role_at_pim_and_opening_again_outwaits_its_letting_go() {
    let world = plan()
        .scenario(|it| it.delays.release = "117s".parse().unwrap())
        .speed(20)
        .start()
        .await;
    world.ssh("web").await.assert_ok();
    let close = || {
        world
            .house
            .pipeline
            .broker
            .close(window_of(&world), "asked")
    };
    // PIM ends nothing in its first five minutes; here it is wiped all the same.
    let early = close().await.unwrap_err();
    assert!(matches!(early, Refusal::NotEndedYet { .. }), "{early}");
    assert!(world.house.pipeline.broker.views().is_empty());
    world.ssh("web").await.assert_ok();
    assert_eq!(made(&world), 1, "it was still active, and taken up again");
    world.clock.advance(Duration::from_secs(600));
    assert_eq!(close().await, Ok(Ended::Closed));
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "not_usable_in_time");
    until("PIM lets go", || made(&world) == 2).await;
    world.ssh("web").await.assert_ok();
    assert_eq!(made(&world), 2);
}

fn window_of(world: &World) -> &std::sync::Arc<pimento::catalog::WindowSpec> {
    let (credential, _) = world.house.catalog.keys().next().unwrap();
    &credential.vault.window
}
