//! Real `ssh` and `sshd`, an agent, and the emulated cloud: logins as they should be.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::process::{Command, Stdio};

use jiff::SignedDuration;
use support::{KEYS, World};

const COLD: [&str; 4] = [
    "graph.assignmentScheduleRequests.create",
    "graph.assignmentScheduleInstances.filterByCurrentUser",
    "entra.token.refresh_token",
    "vault.secret.get",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_login_costs_four_requests_and_a_warm_one_none() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    assert_eq!(world.calls(), COLD);
    world.ssh("web").await.assert_ok();
    assert_eq!(world.calls().len(), COLD.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_of_key_logs_in_and_the_second_of_a_window_costs_one_request() {
    let world = World::start().await;
    for (key, _) in KEYS {
        world.ssh(key).await.assert_ok();
    }
    assert_eq!((world.activations(), world.reads()), (1, 3));
    assert_eq!(world.calls().len(), COLD.len() + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_joins_the_local_record_the_graph_request_and_the_vaults_log() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    let seen = world.emulator.change(|cloud| cloud.seen().to_vec());
    let ids: Vec<Option<String>> = seen.into_iter().map(|it| it.client_request_id).collect();
    let id = ids.first().unwrap().clone().unwrap();
    assert!(
        ids.iter().all(|other| other.as_deref() == Some(&id)),
        "{ids:?}"
    );
    for line in world.audit().lines() {
        assert!(line.contains(&id), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_logins_at_once_cause_one_activation_and_one_read() {
    let world = World::start().await;
    // A hundred ssh processes on two cores take their time; the agent is asked by all of them.
    let logins: Vec<_> = (0..100)
        .map(|_| {
            world
                .ssh_command("web")
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let failed = tokio::task::spawn_blocking(move || {
        let outputs = logins
            .into_iter()
            .map(|login| login.wait_with_output().unwrap());
        let failed = outputs.filter(|output| !output.status.success());
        failed
            .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
            .collect::<Vec<_>>()
    });
    assert_eq!(failed.await.unwrap(), Vec::<String>::new());
    assert_eq!((world.activations(), world.reads()), (1, 1));
    assert_eq!(world.calls(), COLD);
}

#[tokio::test(flavor = "multi_thread")]
async fn listing_makes_no_request_and_opens_nothing() {
    let world = World::start().await;
    let socket = world.paths.agent_socket();
    let list = move |flag| {
        Command::new("ssh-add")
            .arg(flag)
            .env("SSH_AUTH_SOCK", &socket)
            .output()
    };
    for flag in ["-l", "-L"] {
        let listed = list(flag).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&listed.stdout).lines().count(),
            KEYS.len()
        );
    }
    drop(std::os::unix::net::UnixStream::connect(world.paths.agent_socket()).unwrap());
    assert_eq!(world.calls(), Vec::<String>::new());
    assert!(world.house.pipeline.broker.views().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_that_only_reads_its_configuration_opens_nothing() {
    let world = World::start().await;
    let ssh = world.ssh_command("web");
    let read = Command::new("ssh")
        .arg("-G")
        .args(ssh.get_args())
        .output()
        .unwrap();
    assert!(read.status.success(), "{read:?}");
    assert_eq!(world.calls(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_login_after_the_window_activates_again() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    world.after_the_window();
    world.ssh("web").await.assert_ok();
    assert_eq!((world.activations(), world.reads()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn material_of_a_window_that_ended_is_never_used_while_the_next_one_cannot_open() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    world.after_the_window();
    // Old tokens still read the vault for an hour; the agent must not try.
    let denied = |cloud: &mut pimento::emulator::World| cloud.scenario.eligibilities.clear();
    world.emulator.change(denied);
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "not_eligible");
    assert_eq!(world.reads(), 1);
    assert_eq!(
        world
            .events()
            .iter()
            .filter(|event| *event == "released")
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspend_that_outlasts_the_window_ends_it() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    assert_eq!(world.house.pipeline.broker.views().len(), 1);
    // What a suspend is to the boot clock: time that passes while nothing runs.
    world.after_the_window();
    assert!(world.house.pipeline.broker.views().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wall_clock_that_is_set_neither_lengthens_nor_shortens_a_window() {
    let world = World::start().await;
    for hours in [-5, 5] {
        world
            .clock
            .set_wall_ahead(SignedDuration::from_hours(hours));
        world.ssh("web").await.assert_ok();
        let left = world.house.pipeline.broker.views();
        let left = world
            .house
            .pipeline
            .broker
            .left(&left.first().unwrap().terms);
        assert!((3500..=3600).contains(&left.as_secs()), "{left:?}");
        assert_eq!(world.activations(), 1);
    }
    world.after_the_window();
    assert!(world.house.pipeline.broker.views().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_not_used_for_a_host_it_is_not_for() {
    let world = World::start().await;
    // The host proves its key, and known_hosts knows that key by another name only.
    let mut ssh = world.ssh_command_to("web", "elsewhere.test");
    let refused = tokio::task::spawn_blocking(move || ssh.output().unwrap())
        .await
        .unwrap();
    assert!(!refused.status.success());
    assert_eq!(world.why().code(), "binding");
    assert_eq!(world.calls(), Vec::<String>::new());
}
