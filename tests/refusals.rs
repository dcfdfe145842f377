//! Real logins that cannot be: approval, denial, faults of the cloud, and secrets that are wrong.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pimento::emulator::scenario::{Fault, Scenario};
use support::{GROUP, World};

/// Something that is done to a secret in the vault.
type Change<'a> = &'a dyn Fn(&mut pimento::emulator::World);

const CREATE: &str = "graph.assignmentScheduleRequests.create";
const READ: &str = "vault.secret.get";

fn with_approval(scenario: &mut Scenario) {
    let group = scenario.groups.first_mut().unwrap();
    group.policy.approvers = vec!["alex@contoso.onmicrosoft.com".to_owned()];
}

fn failing(operation: &str, status: u16, times: u32) -> Fault {
    let operation = operation.to_owned();
    Fault {
        operation,
        status: Some(status),
        times: Some(times),
        ..Fault::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_waits_for_approval_is_refused_in_time_and_succeeds_after_it() {
    let world = World::plan()
        .scenario(with_approval)
        .speed(10)
        .start()
        .await;
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "awaiting_approval");
    assert!(world.why().advice().contains("approver"));
    assert_eq!(world.emulator.change(|cloud| cloud.decide(GROUP, true)), 1);
    world.ssh("web").await.assert_ok();
    assert_eq!(world.activations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_made_before_the_agent_started_is_joined_and_not_repeated() {
    let world = World::plan()
        .scenario(with_approval)
        .speed(10)
        .answer_within("30s")
        .start()
        .await;
    world.ssh("web").await.assert_refused();
    // The opening is forgotten with its agent; PIM still has the request.
    let restarted = world.restart().await;
    restarted.ssh("web").await.assert_refused();
    restarted.emulator.change(|cloud| cloud.decide(GROUP, true));
    restarted.ssh("web").await.assert_ok();
    assert_eq!(
        restarted.emulator.change(|cloud| cloud.requests_of(GROUP)),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denied_request_is_refused_and_not_made_again_at_once() {
    let world = World::plan()
        .scenario(with_approval)
        .speed(10)
        .answer_within("30s")
        .start()
        .await;
    world.ssh("web").await.assert_refused();
    world.emulator.change(|cloud| cloud.decide(GROUP, false));
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "denied");
    assert_eq!(world.activations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_made_elsewhere_is_adopted_with_its_true_end() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    world.clock.advance(Duration::from_secs(600));
    let restarted = world.restart().await;
    restarted.ssh("web").await.assert_ok();
    let views = restarted.house.pipeline.broker.views();
    let left = restarted
        .house
        .pipeline
        .broker
        .left(&views.first().unwrap().terms);
    assert!((2900..=3000).contains(&left.as_secs()), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_cloud_is_asked_again_when_it_says() {
    let world = World::plan().speed(20).start().await;
    for operation in [CREATE, READ] {
        world.fault(Fault {
            retry_after: Some("2".to_owned()),
            ..failing(operation, 429, 1)
        });
    }
    world.ssh("web").await.assert_ok();
    assert_eq!((world.activations(), world.reads()), (2, 2));
    assert_eq!(world.emulator.change(|cloud| cloud.requests_of(GROUP)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_asks_for_a_long_rest_is_left_alone() {
    let world = World::plan().speed(20).start().await;
    world.fault(Fault {
        retry_after: Some("600".to_owned()),
        ..failing(CREATE, 429, 100)
    });
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "throttled");
    world.ssh("web").await.assert_refused();
    assert_eq!(world.activations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_fails_is_asked_again_and_then_given_up() {
    let world = World::plan().speed(20).start().await;
    world.fault(failing(READ, 503, 2));
    world.ssh("web").await.assert_ok();
    assert_eq!(world.reads(), 3);
    world.after_the_window();
    world.fault(failing(READ, 500, 100));
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "cloud");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_is_fetched_again() {
    let world = World::plan().speed(20).start().await;
    world.fault(Fault {
        operation: READ.to_owned(),
        times: Some(1),
        reset: true,
        ..Fault::default()
    });
    world.ssh("web").await.assert_ok();
    assert_eq!(world.reads(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_activation_whose_answer_is_lost_is_found_and_not_made_twice() {
    let world = World::plan().speed(20).start().await;
    world.fault(Fault {
        operation: CREATE.to_owned(),
        times: Some(1),
        reset: true,
        ..Fault::default()
    });
    world.ssh("web").await.assert_ok();
    assert_eq!(world.activations(), 1);
    assert_eq!(world.emulator.change(|cloud| cloud.requests_of(GROUP)), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_membership_that_takes_20_s_to_spread_is_waited_for_with_new_tokens() {
    let slow = |scenario: &mut Scenario| scenario.delays.membership = SignedDuration::from_secs(20);
    let world = World::plan().scenario(slow).speed(20).start().await;
    world.ssh("web").await.assert_ok();
    assert_eq!(world.activations(), 1);
    assert!(world.reads() > 1);
    assert_eq!(world.count("entra.token.refresh_token"), world.reads());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provisioning_that_takes_its_time_is_polled() {
    let slow = |scenario: &mut Scenario| {
        scenario.delays.provisioning = SignedDuration::from_secs(6);
        scenario.delays.instance = SignedDuration::from_secs(4);
    };
    let world = World::plan().scenario(slow).speed(20).start().await;
    world.ssh("web").await.assert_ok();
    assert_eq!(world.activations(), 1);
    assert!(world.count("graph.assignmentScheduleRequests.get") >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_used_is_refused_with_what_is_wrong_with_it() {
    let world = World::plan().speed(20).start().await;
    let past: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    let future: Timestamp = "2040-01-01T00:00:00Z".parse().unwrap();
    let steps: [(&str, Change<'_>); 5] = [
        ("disabled", &|cloud| {
            cloud.set_secret_attributes("kv-linux", "web-root-ssh", false, None, None)
        }),
        ("expired", &|cloud| {
            cloud.set_secret_attributes("kv-linux", "web-root-ssh", true, None, Some(past))
        }),
        ("time has not come", &|cloud| {
            cloud.set_secret_attributes("kv-linux", "web-root-ssh", true, Some(future), None)
        }),
        ("not a private key", &|cloud| {
            cloud.put_secret("kv-linux", "web-root-ssh", "hunter2")
        }),
        ("there is no secret", &|cloud| {
            cloud.remove_secret("kv-linux", "web-root-ssh")
        }),
    ];
    for (problem, change) in steps {
        world.emulator.change(change);
        world.ssh("web").await.assert_refused();
        let refusal = world.why();
        assert_eq!(refusal.code(), "material", "{problem}: {refusal}");
        assert!(
            refusal.to_string().contains(problem),
            "{problem}: {refusal}"
        );
        // A refusal is remembered for two seconds.
        world.clock.advance(Duration::from_secs(3));
    }
    assert_eq!(
        world
            .events()
            .iter()
            .filter(|event| *event == "released")
            .count(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_the_pinned_one_signs_nothing() {
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDu2oJdLtyC4O3bMZTPHBJfjWDf2mjPGJzxXXjYSx0zE";
    let world = World::plan().pinned(other).start().await;
    // sshd knows the pinned key, so ssh asks for a signature by it.
    world.ssh("web").await.assert_refused();
    let refusal = world.why();
    assert_eq!(refusal.code(), "material");
    assert!(
        refusal.to_string().contains("pinned in the configuration"),
        "{refusal}"
    );
    assert!(!world.events().contains(&"released".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_released_once_the_record_is_deleted() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    std::fs::remove_file(world.house.pipeline.audit.path()).unwrap();
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "audit_unwritable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_was_revoked_is_told_with_the_command_that_mends_it() {
    let world = World::start().await;
    world
        .emulator
        .change(pimento::emulator::World::revoke_sign_ins);
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "sign_in_needed");
    assert_eq!(world.why().advice(), "`pimento login contoso`");
    world.sign_in().await;
    world.ssh("web").await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_takes_no_token_anywhere() {
    let world = World::start().await;
    let elsewhere = "https://kv-appliances.vault.azure.net/secrets/switch-enable?api-version=7.5";
    let headers = [("Location".to_owned(), elsewhere.to_owned())];
    world.fault(Fault {
        headers: headers.into(),
        ..failing(READ, 307, 1)
    });
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "cloud");
    assert_eq!(world.reads(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_asks_for_a_long_rest_is_not_asked_again() {
    let world = World::start().await;
    world.fault(Fault {
        retry_after: Some("600".to_owned()),
        ..failing(READ, 429, 100)
    });
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "throttled");
    assert_eq!(world.reads(), 1);
}
