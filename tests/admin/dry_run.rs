//! The doctor's dry run: what PIM would say to an activation, without one.

use pimento::emulator::World as Cloud;
use pimento::emulator::scenario::{Fault, Policy};
use serde_json::Value;

use super::doctor::{Said, doctor, group, open, ready};
use crate::support::home::Home;
use crate::support::{GROUP, USER};

const CREATE: &str = "graph.assignmentScheduleRequests.create";

fn of(said: &Said) -> (&str, &str, &str) {
    said.of("activation", "linux-root")
}

fn made(home: &Home) -> usize {
    home.emulator.change(|cloud| cloud.requests_of(GROUP))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pim_would_take_is_found_by_a_dry_run_that_makes_nothing() {
    let (home, _agent) = ready().await;
    let said = doctor(&home);
    assert_eq!(of(&said).0, "ok", "{:?}", of(&said));
    let sent: Vec<Value> = home.emulator.change(|cloud| {
        let seen = cloud.seen().iter().filter(|it| it.operation == CREATE);
        seen.filter_map(|it| it.body.clone()).collect()
    });
    let dry = |body: &Value| body["isValidationOnly"] == true;
    assert!(sent.len() == 1 && sent.iter().all(dry), "{sent:#?}");
    assert_eq!(made(&home), 0);
    let status = home.run(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["windows"][0]["state"], "closed", "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_longer_than_the_policy_is_tried_as_it_would_be_opened() {
    let (home, _agent) = ready().await;
    let short = |cloud: &mut Cloud| {
        group(cloud).policy.maximum_duration = jiff::SignedDuration::from_mins(30);
    };
    home.emulator.change(short);
    let said = doctor(&home);
    assert_eq!(of(&said).0, "ok", "{:?}", of(&said));
    assert_eq!(said.of("policy", "linux-root").0, "warning");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_would_tell_nothing_it_is_not_tried() {
    for (change, why) in [
        (
            (|it: &mut Policy| it.ticketing = true) as fn(&mut Policy),
            "ticket",
        ),
        (
            |it| it.approvers = vec!["alex@contoso.onmicrosoft.com".to_owned()],
            "approve",
        ),
        (
            |it| it.authentication_context = Some("c1".to_owned()),
            "context",
        ),
    ] {
        let (home, _agent) = ready().await;
        home.emulator
            .change(|cloud| change(&mut group(cloud).policy));
        let said = doctor(&home);
        let (verdict, reason, _) = of(&said);
        assert_eq!(verdict, "skipped", "{reason}");
        assert!(reason.contains(why), "{why}: {reason}");
        assert_eq!(home.emulator.count(CREATE), 0, "{why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_window_and_one_without_eligibility_are_not_tried() {
    let (home, _agent) = ready().await;
    open(&home);
    home.emulator.change(Cloud::reset_counts);
    assert!(of(&doctor(&home)).1.contains("it is active"));
    assert_eq!(home.emulator.count(CREATE), 0);
    let (home, _agent) = ready().await;
    home.emulator
        .change(|cloud| cloud.scenario.eligibilities.clear());
    let said = doctor(&home);
    let told = of(&said);
    assert!(told.1.contains("you may not open it"), "{told:?}");
    assert_eq!(home.emulator.count(CREATE), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_that_the_sign_in_lacks_is_a_warning() {
    let home = Home::new().await;
    home.emulator.change(|cloud| {
        for user in cloud.scenario.users.iter_mut().filter(|it| it.name == USER) {
            user.mfa = false;
        }
        group(cloud).policy.mfa = true;
    });
    let _agent = home.agent();
    home.sign_in();
    let said = doctor(&home);
    let (verdict, reason, remedy) = of(&said);
    assert_eq!(verdict, "warning", "{reason}");
    assert!(reason.contains("second factor"), "{reason}");
    assert!(remedy.contains("`pimento login contoso`"), "{remedy}");
    assert_eq!(made(&home), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pim_refuses_is_a_failure_with_its_remedy() {
    let (home, _agent) = ready().await;
    let refused = r#"{"error": {"code": "Authorization_RequestDenied", "message": "No licence."}}"#;
    home.emulator.change(|cloud| {
        cloud.fault(Fault {
            operation: CREATE.to_owned(),
            status: Some(403),
            body: Some(refused.to_owned()),
            ..Fault::default()
        });
    });
    let said = doctor(&home);
    let (verdict, reason, remedy) = of(&said);
    assert_eq!(verdict, "failure");
    assert!(reason.contains("No licence."), "{reason}");
    assert!(remedy.contains("administrator"), "{remedy}");
}
