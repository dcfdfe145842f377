//! The life of a window around real logins: its end, clocks that jump, approvers, lost answers.
//!
//! Time passes here only where a test says so: nothing depends on how fast the machine is.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic
)]

#[path = "windows/groups.rs"]
mod groups;
mod support;

use std::process::Stdio;
use std::time::Duration;

use jiff::SignedDuration;
use pimento::emulator::scenario::Fault;
use pimento::refusal::Refusal;
use support::{GROUP, World, until};

const CREATE: &str = "graph.assignmentScheduleRequests.create";

async fn with_an_approver(answer: &str) -> World {
    let approver = |scenario: &mut pimento::emulator::Scenario| {
        let group = scenario.groups.iter_mut().find(|group| group.id == GROUP);
        group.unwrap().policy.approvers = vec!["alex@contoso.onmicrosoft.com".to_owned()];
    };
    let plan = World::plan().scenario(approver).answer_within(answer);
    plan.start().await
}

/// Decides what waits for approval, and lets the agent look again.
async fn decide(world: &World, approve: bool) {
    world.awaits_approval().await;
    let decided = world.emulator.change(|cloud| cloud.decide(GROUP, approve));
    assert_eq!(decided, 1);
    world.clock.advance(Duration::from_secs(5));
}

fn made(world: &World) -> usize {
    world.emulator.change(|cloud| cloud.requests_of(GROUP))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_tells_a_window_from_its_first_ask_to_its_end_and_the_next_one() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    world.after_the_window();
    until("the end is recorded", || world.recorded("closed") == 1).await;
    world.ssh("web").await.assert_ok();
    let login = ["asked", "opening", "opened", "released"];
    let story = [&login[..], &["closed"], &login[..]].concat();
    assert_eq!(world.events(), story);
    let record = world.audit();
    assert_eq!(pimento::audit::verify(record.as_bytes()).unwrap().lines, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_holds_in_its_last_minute_and_not_after_it() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    world.clock.advance(Duration::from_secs(3600 - 60));
    world.ssh("web").await.assert_ok();
    assert_eq!(made(&world), 1);
    world.clock.advance(Duration::from_secs(60));
    world.ssh("web").await.assert_ok();
    assert_eq!((made(&world), world.reads()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_window_is_held_beyond_pims_own_end_whatever_the_part_of_the_second() {
    let world = World::start().await;
    for _ in 0..4 {
        world.ssh("web").await.assert_ok();
        let views = world.house.pipeline.broker.views();
        let terms = &views.first().unwrap().terms;
        let now = world.clock.true_wall();
        // An HTTP date has whole seconds only: the agent has to allow for what it leaves out.
        let left = world.house.pipeline.broker.left(terms);
        let of_pim = Duration::try_from(terms.ends.duration_since(now)).unwrap();
        assert!(left <= of_pim, "{left:?} of {of_pim:?}");
        world.clock.advance(Duration::from_millis(3_601_250));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspend_over_the_end_wipes_without_being_asked() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    world.ssh("db").await.assert_ok();
    world.clock.advance(Duration::from_secs(9 * 3600));
    until("the end is recorded", || world.recorded("closed") == 1).await;
    let closed = world.records().pop().unwrap();
    assert_eq!(closed.get("why"), Some(&"ended".into()));
    assert_eq!(closed.get("wiped"), Some(&vec!["db", "web"].into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_opened_under_a_wrong_wall_clock_lasts_as_long_as_pim_says() {
    for hours in [5, -5] {
        let world = World::start().await;
        let wrong = SignedDuration::from_hours(hours);
        world.clock.set_wall_ahead(wrong);
        world.ssh("web").await.assert_ok();
        // Setting it right again is a jump of its own.
        world.clock.set_wall_ahead(SignedDuration::ZERO);
        world.clock.advance(Duration::from_secs(3600 - 60));
        world.ssh("web").await.assert_ok();
        assert_eq!(made(&world), 1, "{hours} h off: it holds");
        world.clock.advance(Duration::from_secs(60));
        world.ssh("web").await.assert_ok();
        assert_eq!(made(&world), 2, "{hours} h off: it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_logins_that_all_wait_share_one_activation_and_one_read() {
    const LOGINS: usize = 100;
    // Nobody is answered until everybody has asked: the approver sees to that.
    let world = with_an_approver("110s").await;
    let logins: Vec<_> = (0..LOGINS)
        .map(|_| {
            let mut ssh = world.ssh_command("web");
            ssh.stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    until("all of them ask", || world.recorded("asked") == LOGINS).await;
    assert_eq!(world.recorded("released"), 0);
    decide(&world, true).await;
    for login in logins {
        let ended = tokio::task::spawn_blocking(|| login.wait_with_output().unwrap());
        let ended = ended.await.unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{stderr}");
    }
    assert_eq!((world.activations(), world.reads()), (1, 1));
    assert_eq!(world.recorded("released"), LOGINS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_without_its_approval_is_told_the_request_before_sshd_gives_up() {
    let world = with_an_approver("60s").await;
    let minute = async {
        world.awaits_approval().await;
        world.clock.advance(Duration::from_secs(60));
    };
    let (login, ()) = tokio::join!(world.ssh("web"), minute);
    login.assert_refused();
    let refusal = world.why();
    let Refusal::AwaitingApproval {
        window,
        request,
        approvers,
    } = &refusal
    else {
        panic!("{refusal:?}");
    };
    assert_eq!(approvers, &["alex@contoso.onmicrosoft.com"]);
    assert_eq!(window, "linux-root");
    assert!(!request.is_empty() && refusal.advice().contains(request));
    let records = world.records();
    let at = |event: &str| {
        let of = |record: &&serde_json::Value| record.get("event") == Some(&event.into());
        let record = records.iter().find(of).unwrap();
        record.get("boot_ms").unwrap().as_u64().unwrap()
    };
    // sshd gives a login 120 s.
    assert!(at("refused") - at("asked") < 120_000);
    assert_eq!((world.reads(), world.recorded("released")), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_repeated_without_asking_anybody_and_after_10_s_asked_about_anew() {
    let world = with_an_approver("60s").await;
    let (login, ()) = tokio::join!(world.ssh("web"), decide(&world, false));
    login.assert_refused();
    let calls = world.calls();
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "denied");
    assert_eq!(world.calls(), calls);
    world.clock.advance(Duration::from_secs(10));
    let (login, ()) = tokio::join!(world.ssh("web"), decide(&world, true));
    login.assert_ok();
    assert_eq!(made(&world), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_approval_whose_answer_is_lost_is_found_and_not_made_twice() {
    let world = with_an_approver("60s").await;
    world.fault(Fault {
        operation: CREATE.to_owned(),
        times: Some(1),
        reset: true,
        ..Fault::default()
    });
    let (login, ()) = tokio::join!(world.ssh("web"), decide(&world, true));
    login.assert_ok();
    assert_eq!((world.activations(), made(&world)), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_that_fails_with_500_is_not_posted_again_by_the_same_login() {
    let world = World::start().await;
    world.fault(Fault {
        operation: CREATE.to_owned(),
        times: Some(1),
        status: Some(500),
        ..Fault::default()
    });
    // Posting is not idempotent, and a 500 does not say whether it was taken.
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "cloud");
    assert_eq!((world.activations(), world.reads()), (1, 0));
    assert_eq!(world.recorded("released"), 0);
    world.clock.advance(Duration::from_secs(5));
    world.ssh("web").await.assert_ok();
    assert_eq!(made(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_that_is_turned_away_with_503_is_posted_again() {
    let world = World::plan().speed(20).start().await;
    world.fault(Fault {
        operation: CREATE.to_owned(),
        times: Some(1),
        status: Some(503),
        ..Fault::default()
    });
    world.ssh("web").await.assert_ok();
    assert_eq!((world.activations(), made(&world)), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_in_the_vault_signs_nothing_once_the_window_ended() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    world.emulator.change(|cloud| {
        let other = cloud.secret("kv-linux", "db-root-ssh").unwrap().to_owned();
        cloud.put_secret("kv-linux", "web-root-ssh", &other);
    });
    world.after_the_window();
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "material");
    assert_eq!(world.recorded("released"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_begins_by_the_clouds_clock_and_not_by_a_wrong_one_here() {
    let world = World::start().await;
    world.clock.set_wall_ahead(SignedDuration::from_hours(5));
    world.ssh("web").await.assert_ok();
    let sent = world
        .emulator
        .change(|cloud| cloud.seen().first().unwrap().body.clone());
    let start = sent
        .unwrap()
        .pointer("/scheduleInfo/startDateTime")
        .cloned()
        .unwrap();
    let start: jiff::Timestamp = start.as_str().unwrap().parse().unwrap();
    let late = world.clock.true_wall().duration_since(start);
    assert!((0..60).contains(&late.as_secs()), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_in_the_second_in_which_the_old_activation_ends_gets_a_window_of_its_own() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    // Ours ends up to a second before PIM's.
    world.clock.advance(Duration::from_millis(3_599_000));
    until("it has ended here", || {
        world.house.pipeline.broker.views().is_empty()
    })
    .await;
    world.ssh("web").await.assert_ok();
    assert!(world.count("graph.assignmentScheduleRequests.create") >= 2);
    let left = world.house.pipeline.broker.views();
    let left = world.house.pipeline.broker.left(&left[0].terms);
    assert!(left > Duration::from_secs(3500), "{left:?}");
}
