//! What a person is told of the end of a window, by a real program.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic
)]
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use pimento::emulator::scenario::Fault;
use support::{World, until};

/// Shows a notice by writing it into the world's folder.
fn notify(folder: &Path) -> String {
    let path = folder.join("notify");
    let body = "printf '#!/bin/sh\nprintf \"%%s|%%s\\\\n\" \"$1\" \"$2\" >> %s/notices\n' \"$1\" > \"$2\" \
                && chmod 700 \"$2\"";
    let mut write = Command::new("sh");
    write.args(["-c", body, "sh"]).arg(folder).arg(&path);
    assert!(write.status().unwrap().success());
    path.display().to_string()
}

async fn world(more: &'static str) -> World {
    let configure = move |folder: &Path, text: String| {
        let agent = format!("[agent]\nnotify = {:?}\n{more}", notify(folder));
        text.replace("[agent]\n", &agent)
    };
    World::plan().configured(configure).start().await
}

fn notices(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.folder().join("notices")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_opening_that_took_long_is_told_of_when_it_is_done() {
    let configure = |folder: &Path, text: String| {
        text.replace(
            "[agent]\n",
            &format!("[agent]\nnotify = {:?}\n", notify(folder)),
        )
    };
    // Within the agent's patience, and longer than a person watches a screen.
    let slow = World::plan().scenario(|scenario| {
        scenario.delays.provisioning = jiff::SignedDuration::from_secs(30);
    });
    let world = slow.configured(configure).start().await;
    let opened = std::sync::atomic::AtomicBool::new(false);
    let passes = async {
        while !opened.load(std::sync::atomic::Ordering::Relaxed) {
            world.clock.advance(Duration::from_millis(500));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let login = async {
        world.ssh("web").await.assert_ok();
        opened.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    tokio::join!(login, passes);
    until("it is told", || !notices(&world).is_empty()).await;
    assert_eq!(notices(&world), ["pimento|Window linux-root is open."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_warned_of_two_minutes_before_its_end_and_told_when_it_has_ended() {
    let world = world("").await;
    world.ssh("web").await.assert_ok();
    world.clock.advance(Duration::from_secs(3600 - 125));
    // What comes later is told later.
    world.ssh("web").await.assert_ok();
    assert_eq!(notices(&world), [""; 0]);
    world.clock.advance(Duration::from_secs(10));
    until("it is warned of", || notices(&world).len() == 1).await;
    assert_eq!(
        notices(&world),
        ["pimento|Window linux-root ends in 2 minutes."]
    );
    world.clock.advance(Duration::from_secs(120));
    until("its end is told", || notices(&world).len() == 2).await;
    let user = support::sshd::user();
    let told = format!(
        "pimento|Window linux-root has ended; its keys and passwords are wiped. To end what goes \
         on without it: ssh -O exit {user}@host.test"
    );
    assert_eq!(notices(&world)[1], told);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_window_is_warned_of_once_and_a_new_one_again() {
    let world = world("").await;
    for round in [1, 2] {
        world.ssh("web").await.assert_ok();
        world.clock.advance(Duration::from_secs(3600 - 60));
        until("it is warned of", || notices(&world).len() == 2 * round - 1).await;
        world.ssh("web").await.assert_ok();
        world.clock.advance(Duration::from_secs(61));
        until("its end is told", || notices(&world).len() == 2 * round).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_says_nothing_secret_and_its_absence_stops_nothing() {
    let world = world("").await;
    fs::remove_file(world.folder().join("notify")).unwrap();
    world.ssh("web").await.assert_ok();
    world.after_the_window();
    until("it is closed", || world.recorded("closed") == 1).await;
    world.ssh("web").await.assert_ok();
    assert_eq!(world.activations(), 2);
}

/// Asks for more time; tells how that ended.
async fn extend(world: &World) -> Option<i32> {
    let mut extend = world.pimento(&["open", "linux-root", "--extend"]);
    let extended = tokio::task::spawn_blocking(move || extend.output().unwrap());
    extended.await.unwrap().status.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn more_time_is_no_end_of_what_goes_on() {
    let world = world("").await;
    world.ssh("web").await.assert_ok();
    world.clock.advance(Duration::from_secs(20 * 60));
    assert_eq!(extend(&world).await, Some(0));
    assert_eq!(world.recorded("closed"), 1);
    world.clock.advance(Duration::from_secs(59 * 60));
    until("it is warned of", || !notices(&world).is_empty()).await;
    let warning = "pimento|Window linux-root ends in 1 minutes.";
    assert_eq!(notices(&world), [warning], "nothing was told before");
    world.clock.advance(Duration::from_secs(60));
    until("its end is told", || notices(&world).len() == 2).await;
    // The login of before the new beginning still goes on.
    let told = &notices(&world)[1];
    assert!(told.contains("ssh -O exit"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_not_opened_again_has_ended() {
    let world = world("").await;
    world.ssh("web").await.assert_ok();
    world.clock.advance(Duration::from_secs(20 * 60));
    // The policy is made stricter just after it was read.
    let rules =
        r#"[{"id": "Approval_EndUser_Assignment", "setting": {"isApprovalRequired": false}}]"#;
    world.fault(Fault {
        operation: "graph.roleManagementPolicyAssignments".to_owned(),
        body: Some(format!(
            r#"{{"value": [{{"policy": {{"rules": {rules}}}}}]}}"#
        )),
        ..Fault::default()
    });
    world
        .emulator
        .change(|cloud| cloud.scenario.groups[0].policy.ticketing = true);
    assert_eq!(extend(&world).await, Some(1));
    until("its end is told", || notices(&world).len() == 1).await;
    assert!(notices(&world)[0].contains("has ended"));
}
