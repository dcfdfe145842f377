//! Windows of a group: as its owner, by an eligibility of another group, and for good.

use pimento::emulator::Scenario;
use pimento::emulator::scenario::Fault;
use serde_json::Value;
use support::{Plan, USER};

use super::*;

const USER_ID: &str = "b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9a1111";
const OUTER: &str = "8f3c2d10-6b7a-4c1e-9a90-00000000000f";
const ACTIVE: &str = "graph.assignmentScheduleInstances.filterByCurrentUser";

/// The window as one of the group's owners.
fn as_owner(text: &str) -> String {
    let member = format!("group = \"{GROUP}\"\n");
    text.replace(&member, &format!("{member}access = \"owner\"\n"))
}

/// A plan whose user is eligible as `access`, and whose window is that of an owner.
fn owner(access: &str) -> Plan {
    let plan = World::plan().scenario(|it| access.clone_into(&mut it.eligibilities[0].access));
    plan.configured(|_, text| as_owner(&text))
}

fn standing(scenario: &mut Scenario) {
    let mut users = scenario.users.iter_mut();
    let user = users.find(|user| user.name == USER).unwrap();
    user.member_of.push(GROUP.to_owned());
}

/// What was sent to ask for the activation.
fn sent(world: &World) -> Value {
    world.emulator.change(|cloud| {
        let mut seen = cloud.seen().iter();
        let sent = seen.find(|seen| seen.operation == CREATE).unwrap();
        sent.body.clone().unwrap()
    })
}

fn left(world: &World) -> Duration {
    let broker = &world.house.pipeline.broker;
    broker.left(&broker.views()[0].terms)
}

async fn open(world: &World) -> std::process::Output {
    let mut open = world.pimento(&["open", "linux-root"]);
    let opened = tokio::task::spawn_blocking(move || open.output().unwrap());
    opened.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owners_window_is_activated_as_owner_and_by_the_policy_for_owners() {
    let plan = owner("owner").scenario(|it| {
        it.groups[0].owner_policy.maximum_duration = SignedDuration::from_mins(30);
    });
    let world = plan.start().await;
    let opened = open(&world).await;
    assert!(opened.status.success(), "{opened:?}");
    assert_eq!(sent(&world)["accessId"], "owner");
    assert!(left(&world) <= Duration::from_secs(1800));
    assert_eq!(made(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_be_a_member_is_no_owner_and_the_other_way_round() {
    let member = World::plan().scenario(|it| "owner".clone_into(&mut it.eligibilities[0].access));
    for plan in [owner("member"), member] {
        let world = plan.start().await;
        world.ssh("web").await.assert_refused();
        assert_eq!(world.why().code(), "not_eligible");
        assert_eq!((made(&world), world.reads()), (0, 0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_reads_nothing_of_the_groups_vault_and_is_told_why() {
    let plan = owner("owner").speed(20).configured(|_, text| {
        as_owner(&text).replace("[agent]\n", "[agent]\npropagation = \"5s\"\n")
    });
    let world = plan.start().await;
    world.ssh("web").await.assert_refused();
    let refusal = world.why();
    assert_eq!(refusal.code(), "forbidden");
    assert!(
        refusal.to_string().contains("is not its member"),
        "{refusal}"
    );
    assert_eq!(world.recorded("released"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eligibility_of_another_group_is_activated_for_the_person() {
    let nested = |it: &mut Scenario| it.eligibilities[0].through = Some(OUTER.to_owned());
    let world = World::plan().scenario(nested).start().await;
    world.ssh("web").await.assert_ok();
    assert_eq!(sent(&world)["principalId"], USER_ID);
    assert_eq!(made(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eligibility_of_another_group_that_has_ended_is_none() {
    let ended = |it: &mut Scenario| {
        let eligibility = &mut it.eligibilities[0];
        eligibility.through = Some(OUTER.to_owned());
        eligibility.end = Some("2026-01-01T00:00:00Z".parse().unwrap());
    };
    let world = World::plan().scenario(ended).start().await;
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "not_eligible");
    assert_eq!((made(&world), world.reads()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_a_member_for_good_gets_in_without_an_activation_and_is_warned() {
    let no_more = |it: &mut Scenario| it.eligibilities.clear();
    for plan in [World::plan(), World::plan().scenario(no_more)] {
        let world = plan.scenario(standing).start().await;
        world.ssh("web").await.assert_ok();
        assert_eq!((made(&world), world.reads()), (0, 1));
        // PIM tells no end, so ours is what was configured.
        let left = left(&world);
        assert!(left <= Duration::from_secs(3600), "{left:?}");
        let warnings = world.house.warnings().join("\n");
        assert!(warnings.contains("linux-root"), "{warnings}");
        world.after_the_window();
        until("the end is recorded", || world.recorded("closed") == 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_member_any_more_is_refused() {
    let no_more = |it: &mut Scenario| it.eligibilities.clear();
    let world = World::plan()
        .scenario(no_more)
        .scenario(standing)
        .start()
        .await;
    world.ssh("web").await.assert_ok();
    world.after_the_window();
    until("the end is recorded", || world.recorded("closed") == 1).await;
    world.emulator.change(|cloud| {
        for user in &mut cloud.scenario.users {
            user.member_of.clear();
        }
    });
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "not_eligible");
    assert_eq!(world.recorded("released"), 1);
}

/// A world with a window of the group's owners beside that of its members, whose lists have one
/// entry on a page. The owner's is open, and the first in every list.
async fn page_by_page() -> World {
    let owners = format!(
        "[window.owners]\ntenant = \"contoso\"\ngroup = \"{GROUP}\"\n\
        access = \"owner\"\nduration = \"1h\"\nreason = \"x\"\n[window.linux-root]\n"
    );
    let plan = World::plan().scenario(|it| {
        it.page_size = 1;
        let mut owner = it.eligibilities[0].clone();
        "owner".clone_into(&mut owner.access);
        it.eligibilities.push(owner);
    });
    let plan = plan.configured(move |_, text| text.replace("[window.linux-root]\n", &owners));
    let world = plan.start().await;
    let mut open = world.pimento(&["open", "owners"]);
    let opened = tokio::task::spawn_blocking(move || open.output().unwrap());
    assert!(opened.await.unwrap().status.success());
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_several_pages_is_read_to_its_end() {
    let world = page_by_page().await;
    let before = world.count(ACTIVE);
    world.ssh("web").await.assert_ok();
    assert_eq!(world.count(ACTIVE) - before, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_another_host_is_not_followed_with_our_token() {
    for link in [
        "https://management.azure.com/providers",
        "https://graph.microsoft.com:444/v1.0",
    ] {
        let world = page_by_page().await;
        world.fault(Fault {
            operation: ACTIVE.to_owned(),
            body: Some(format!(r#"{{"value": [], "@odata.nextLink": "{link}"}}"#)),
            ..Fault::default()
        });
        world.ssh("web").await.assert_refused();
        let refusal = world.why();
        assert!(refusal.to_string().contains("another host"), "{refusal}");
        assert_eq!(world.reads(), 0);
    }
}
