//! More time for a window that is open: an end and a new beginning, or nothing at all.

use std::process::Output;
use std::time::Duration;

use jiff::SignedDuration;
use pimento::emulator::World;
use pimento::emulator::scenario::{Fault, Policy};

use crate::stage::Stage;
use crate::support::home::text;

mod faults;

const POLICY: &str = "graph.roleManagementPolicyAssignments";
const ELIGIBLE: &str = "graph.eligibilityScheduleInstances.filterByCurrentUser";
const CREATE: &str = "graph.assignmentScheduleRequests.create";
const ACTIVE: &str = "graph.assignmentScheduleInstances.filterByCurrentUser";
const TOKEN: &str = "entra.token.refresh_token";
const SECRET: &str = "vault.secret.get";

const EXTEND: [&str; 3] = ["open", "linux-root", "--extend"];

/// A window of an hour that has been open for `minutes`, its password read.
async fn open_for(minutes: u64, stage: Stage) -> Stage {
    stage.password().await.unwrap();
    stage.clock.advance(Duration::from_secs(minutes * 60));
    stage.emulator.change(World::reset_counts);
    stage
}

fn policy(stage: &Stage, change: impl FnOnce(&mut Policy)) {
    let group = |world: &mut World| change(&mut world.scenario.groups[0].policy);
    stage.emulator.change(group);
}

/// It was refused, for a reason with `why` in it, and the window goes on as it was.
async fn goes_on(stage: &Stage, refused: &Output, why: &str) {
    let told = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(6), "{told}");
    assert!(
        told.contains("gets no more time, and goes on as it was"),
        "{told}"
    );
    assert!(told.contains(why), "{why}: {told}");
    assert!(stage.left() > Duration::ZERO);
    let made = stage.made();
    stage.password().await.unwrap();
    assert_eq!((made, stage.made()), (1, 1));
}

/// The same, and PIM was not asked to end anything.
async fn untouched(stage: &Stage, refused: &Output, why: &str) {
    assert_eq!(stage.emulator.count(CREATE), 0);
    goes_on(stage, refused, why).await;
    assert_eq!(stage.emulator.count(SECRET), 0, "nothing was wiped");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_time_is_an_end_and_a_new_beginning_and_the_gap_is_told() {
    let stage = open_for(20, Stage::unhurried().await).await;
    let extended = stage.pimento(&EXTEND).await;
    let told = text(&extended.stderr);
    assert_eq!(extended.status.code(), Some(0), "{told}");
    assert!(told.contains("nothing can be used meanwhile"), "{told}");
    assert!(
        told.contains("ended at PIM and opened anew; for "),
        "{told}"
    );
    assert!(
        stage.left() > Duration::from_secs(3500),
        "{:?}",
        stage.left()
    );
    let calls = [POLICY, ELIGIBLE, CREATE, CREATE, ACTIVE];
    assert_eq!(stage.emulator.calls(), calls);
    stage.password().await.unwrap();
    assert_eq!(stage.emulator.calls()[5..], [TOKEN, SECRET], "read anew");
    assert_eq!(stage.made(), 2);
    let anew = ["opening", "closed", "opened", "asked", "released"];
    assert_eq!(stage.events()[4..], anew);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_open_is_simply_opened() {
    let stage = Stage::unhurried().await;
    let opened = stage.pimento(&EXTEND).await;
    assert_eq!(opened.status.code(), Some(0), "{}", text(&opened.stderr));
    assert_eq!(stage.emulator.calls(), [CREATE, ACTIVE]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_somebody_has_to_approve_nothing_is_ended() {
    let stage = open_for(20, Stage::unhurried().await).await;
    policy(&stage, |it| {
        it.approvers = vec!["alex@contoso.onmicrosoft.com".to_owned()]
    });
    let refused = stage.pimento(&EXTEND).await;
    untouched(&stage, &refused, "needs no approval").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_policy_cannot_be_read_or_does_not_say_nothing_is_ended() {
    let silent = r#"{"value": [{"policy": {"rules": [{"id": "Expiration_EndUser_Assignment"}]}}]}"#;
    for (status, body, why) in [
        (
            403,
            r#"{"error": {"code": "Authorization_RequestDenied"}}"#,
            "cannot be read",
        ),
        (200, r#"{"value": []}"#, "does not say"),
        (200, silent, "does not say"),
    ] {
        let stage = open_for(20, Stage::unhurried().await).await;
        stage.fault(Fault {
            operation: POLICY.to_owned(),
            status: Some(status),
            body: Some(body.to_owned()),
            ..Fault::default()
        });
        let refused = stage.pimento(&EXTEND).await;
        untouched(&stage, &refused, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_keep_pim_from_opening_it_again_is_seen_before_the_end() {
    for (change, why) in [
        (
            (|world: &mut World| world.scenario.eligibilities.clear()) as fn(&mut World),
            "not eligible",
        ),
        (
            |world| {
                let policy = &mut world.scenario.groups[0].policy;
                policy.authentication_context = Some("c1".to_owned());
            },
            "asks for a step-up",
        ),
        (
            |world| {
                let policy = &mut world.scenario.groups[0].policy;
                policy.maximum_duration = SignedDuration::from_mins(30);
            },
            "it is open for",
        ),
    ] {
        let stage = open_for(20, Stage::unhurried().await).await;
        stage.emulator.change(change);
        let refused = stage.pimento(&EXTEND).await;
        untouched(&stage, &refused, why).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_lacks_is_asked_for_before_the_end() {
    let stage = open_for(20, Stage::unhurried().await).await;
    policy(&stage, |it| it.ticketing = true);
    let refused = stage.pimento(&EXTEND).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert_eq!(stage.emulator.calls(), [POLICY]);
    let with_one = [&EXTEND[..], &["--ticket", "ServiceNow:CHG1"]].concat();
    let extended = stage.pimento(&with_one).await;
    assert_eq!(
        extended.status.code(),
        Some(0),
        "{}",
        text(&extended.stderr)
    );
    assert_eq!(stage.made(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn within_five_minutes_pim_ends_nothing_and_the_window_goes_on() {
    let stage = open_for(3, Stage::unhurried().await).await;
    let left = stage.left();
    let refused = stage.pimento(&EXTEND).await;
    goes_on(&stage, &refused, "only five minutes after its beginning").await;
    assert!(stage.left() <= left && stage.left() > left / 2);
    // Nobody knew whether it still stood, so it was wiped, and is read again in the same window.
    assert_eq!(stage.emulator.count(SECRET), 1);
    let story = [
        "opening",
        "closed",
        "opened",
        "not_opened",
        "asked",
        "released",
    ];
    assert_eq!(stage.events()[4..], story);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_activation_that_fails_is_told_plainly_and_leaves_nothing_open() {
    let stage = open_for(20, Stage::unhurried().await).await;
    // The policy is made stricter just after it was read.
    let rules =
        r#"[{"id": "Approval_EndUser_Assignment", "setting": {"isApprovalRequired": false}}]"#;
    stage.fault(Fault {
        operation: POLICY.to_owned(),
        body: Some(format!(
            r#"{{"value": [{{"policy": {{"rules": {rules}}}}}]}}"#
        )),
        ..Fault::default()
    });
    policy(&stage, |it| it.ticketing = true);
    let failed = stage.pimento(&EXTEND).await;
    let told = text(&failed.stderr);
    assert_eq!(failed.status.code(), Some(1), "{told}");
    let plainly = "window linux-root was ended to get more time, and is not open again";
    assert!(told.contains(plainly), "{told}");
    assert!(told.contains("--ticket"), "{told}");
    assert_eq!((stage.left(), stage.made()), (Duration::ZERO, 1));
    assert_eq!(stage.events()[4..], ["opening", "closed", "not_opened"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_whose_answer_is_lost_is_followed_by_the_new_beginning_all_the_same() {
    let stage = open_for(20, Stage::start(|_| {}).await).await;
    stage.fault(Fault {
        operation: CREATE.to_owned(),
        times: Some(1),
        hang_up: true,
        ..Fault::default()
    });
    let extended = stage.pimento(&EXTEND).await;
    assert_eq!(
        extended.status.code(),
        Some(0),
        "{}",
        text(&extended.stderr)
    );
    assert!(
        stage.left() > Duration::from_secs(3000),
        "{:?}",
        stage.left()
    );
    assert_eq!(stage.made(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_pim_did_not_make_nor_answer_leaves_the_window_as_it_was() {
    let stage = open_for(20, Stage::unhurried().await).await;
    let left = stage.left();
    stage.fault(Fault {
        operation: CREATE.to_owned(),
        times: Some(1),
        status: Some(500),
        ..Fault::default()
    });
    let refused = stage.pimento(&EXTEND).await;
    goes_on(&stage, &refused, "PIM gave no answer").await;
    assert!(stage.left() <= left);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pim_still_lists_of_the_old_activation_is_not_taken_for_the_new_one() {
    let slow = |scenario: &mut pimento::emulator::Scenario| {
        scenario.delays.forgetting = SignedDuration::from_secs(20);
    };
    let stage = open_for(20, Stage::start(slow).await).await;
    let extended = stage.pimento(&EXTEND).await;
    assert_eq!(
        extended.status.code(),
        Some(0),
        "{}",
        text(&extended.stderr)
    );
    assert!(
        stage.left() > Duration::from_secs(3000),
        "{:?}",
        stage.left()
    );
    assert_eq!(stage.made(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_no_longer_than_the_policy_allows_and_that_is_told() {
    let stage = open_for(45, Stage::unhurried().await).await;
    policy(&stage, |it| {
        it.maximum_duration = SignedDuration::from_mins(30)
    });
    let extended = stage.pimento(&EXTEND).await;
    let told = text(&extended.stderr);
    assert_eq!(extended.status.code(), Some(0), "{told}");
    assert!(told.contains("PIM's policy allows 30m at a time"), "{told}");
    let left = stage.left().as_secs();
    assert!((1700..=1800).contains(&left), "{left}");
    // Once for the end, once for the beginning: PIM refused nothing.
    assert_eq!(stage.emulator.count(CREATE), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_in_the_gap_waits_for_the_same_opening() {
    let slow = |scenario: &mut pimento::emulator::Scenario| {
        scenario.delays.provisioning = SignedDuration::from_secs(1);
    };
    let stage = open_for(20, Stage::start(slow).await).await;
    let in_the_gap = async {
        let broker = &stage.house.pipeline.broker;
        crate::support::until("it is ended", || broker.views().is_empty()).await;
        stage.password().await.unwrap();
    };
    let (extended, ()) = tokio::join!(stage.pimento(&EXTEND), in_the_gap);
    assert_eq!(
        extended.status.code(),
        Some(0),
        "{}",
        text(&extended.stderr)
    );
    assert_eq!(stage.made(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duration_that_the_policy_shortens_is_told_at_an_ordinary_opening_too() {
    let stage = Stage::unhurried().await;
    policy(&stage, |it| {
        it.maximum_duration = SignedDuration::from_mins(30)
    });
    let opened = stage.pimento(&["open", "linux-root"]).await;
    let told = text(&opened.stderr);
    assert_eq!(opened.status.code(), Some(0), "{told}");
    assert!(told.contains("PIM's policy allows 30m at a time"), "{told}");
    assert_eq!(stage.emulator.calls(), [CREATE, POLICY, CREATE, ACTIVE]);
    // What the policy allows is neither read nor told.
    stage.after_everything_ended();
    stage.has_a_token_for_graph().await;
    let shorter = ["open", "linux-root", "--duration", "20m"];
    let opened = stage.pimento(&shorter).await;
    assert!(!text(&opened.stderr).contains("allows"), "{opened:?}");
    assert_eq!(stage.emulator.calls(), [CREATE, ACTIVE]);
}
