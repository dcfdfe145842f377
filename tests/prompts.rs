//! Real logins that a person is asked about, by a real askpass.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic
)]
#![cfg(target_os = "linux")]

mod support;

#[path = "prompts/notifications.rs"]
mod notifications;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use support::{World, until};

/// A shell script in `folder`, written by a process of its own: what another thread's fork holds
/// open for writing cannot be run.
fn script(folder: &Path, body: &str) -> String {
    let path = folder.join("askpass");
    let write = "printf '#!/bin/sh\nfolder=%s\n%s\n' \"$1\" \"$2\" > \"$3\" && chmod 700 \"$3\"";
    let mut sh = Command::new("sh");
    sh.args(["-c", write, "sh"])
        .arg(folder)
        .arg(body)
        .arg(&path);
    assert!(sh.status().unwrap().success());
    path.display().to_string()
}

/// A world with this askpass.
async fn asking(body: &'static str, change: fn(String) -> String) -> World {
    let configure = move |folder: &Path, text: String| {
        let askpass = format!("[agent]\naskpass = {:?}\n", script(folder, body));
        change(text).replace("[agent]\n", &askpass)
    };
    World::plan().configured(configure).start().await
}

fn confirmed(text: String) -> String {
    text.replace("[key.web]\n", "[key.web]\nconfirm = true\n")
}

fn with_reason(text: String) -> String {
    text.replace(
        "reason = \"{program} to {user}@{host}\"",
        "reason = \"ask\"",
    )
}

/// Logs in from a session with a display, and an environment that tries to answer by itself.
fn login(world: &World, key: &str) -> Child {
    let mut ssh = world.ssh_command(key);
    ssh.env("DISPLAY", ":7")
        .env("SSH_ASKPASS", "/bin/true")
        .env("SSH_ASKPASS_REQUIRE", "force")
        .stderr(Stdio::null());
    ssh.spawn().unwrap()
}

async fn succeeds(mut login: Child) -> bool {
    tokio::task::spawn_blocking(move || login.wait().unwrap().success())
        .await
        .unwrap()
}

fn lines(world: &World, name: &str) -> usize {
    let text = fs::read_to_string(world.folder().join(name)).unwrap_or_default();
    text.lines().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_key_logs_in_after_a_yes_each_time() {
    let body = "echo \"$DISPLAY $SSH_ASKPASS_PROMPT\" >> $folder/asked; echo \"$1\" > $folder/text";
    let world = asking(body, confirmed).await;
    assert!(succeeds(login(&world, "web")).await);
    assert!(succeeds(login(&world, "web")).await);
    let asked = fs::read_to_string(world.folder().join("asked")).unwrap();
    assert_eq!(asked, ":7 confirm\n:7 confirm\n");
    let text = fs::read_to_string(world.folder().join("text")).unwrap();
    assert!(
        text.starts_with("Allow the use of key web (SHA256:"),
        "{text}"
    );
    assert!(
        text.contains("@host.test.\nAsked for locally, by ssh (process "),
        "{text}"
    );
    let (events, first) = (world.events(), ["asked", "confirmed", "opening"]);
    assert_eq!(events.get(..3).unwrap(), first);
    assert_eq!(world.recorded("confirmed"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_refuses_before_the_cloud_is_asked_for_anything() {
    let world = asking("exit 1", confirmed).await;
    assert!(!succeeds(login(&world, "web")).await);
    assert_eq!(world.why().code(), "declined");
    assert_eq!(world.calls(), [""; 0]);
    assert_eq!(world.events(), ["asked", "refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_needs_no_confirmation_is_not_asked_about() {
    let world = asking("exit 1", confirmed).await;
    assert!(succeeds(login(&world, "db")).await);
    assert_eq!(world.recorded("confirmed"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_up_takes_its_question_back() {
    let world = asking("echo $$ > $folder/pid; exec sleep 1000", confirmed).await;
    let mut ssh = login(&world, "web");
    until("the question is asked", || lines(&world, "pid") == 1).await;
    let pid = fs::read_to_string(world.folder().join("pid")).unwrap();
    let process = format!("/proc/{}", pid.trim());
    assert!(Path::new(&process).exists());
    ssh.kill().unwrap();
    ssh.wait().unwrap();
    until("the question is gone", || !Path::new(&process).exists()).await;
    assert_eq!(world.calls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reason_is_asked_for_once_by_all_who_wait_for_the_window() {
    let body = "echo >> $folder/asked; while ! test -e $folder/go; do sleep 0.01; done; \
                echo ' INC-1, disk full '";
    let world = asking(body, with_reason).await;
    let (web, db) = (login(&world, "web"), login(&world, "db"));
    until("both have asked", || world.recorded("asked") == 2).await;
    fs::write(world.folder().join("go"), "").unwrap();
    assert!(succeeds(web).await && succeeds(db).await);
    // A key that is already there, and one that is not, in a window that is open.
    assert!(succeeds(login(&world, "web")).await && succeeds(login(&world, "legacy")).await);
    assert_eq!(lines(&world, "asked"), 1);
    assert_eq!(world.activations(), 1);
    let records = world.records();
    let opening = records.iter().find(|it| it["event"] == "opening").unwrap();
    assert_eq!(opening["reason"], "INC-1, disk full");
    // The next window is another matter.
    world.after_the_window();
    assert!(succeeds(login(&world, "web")).await);
    assert_eq!(lines(&world, "asked"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_whose_asker_hangs_up_is_asked_again_for_the_next() {
    let body = "echo >> $folder/asked; while ! test -e $folder/go; do sleep 0.01; done; echo INC-1";
    let world = asking(body, with_reason).await;
    let mut first = login(&world, "web");
    until("the first is asked", || lines(&world, "asked") == 1).await;
    let second = login(&world, "db");
    until("the second has come", || world.recorded("asked") == 2).await;
    first.kill().unwrap();
    first.wait().unwrap();
    until("the second is asked", || lines(&world, "asked") == 2).await;
    fs::write(world.folder().join("go"), "").unwrap();
    assert!(succeeds(second).await);
    assert_eq!(world.activations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_reason_is_a_refusal_and_no_opening() {
    for (body, code) in [("echo '  '", "reason_needed"), ("exit 1", "declined")] {
        let world = asking(body, with_reason).await;
        assert!(!succeeds(login(&world, "web")).await);
        assert_eq!(world.why().code(), code);
        assert_eq!(world.activations(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_can_be_asked_a_reason_has_to_be_given_beforehand() {
    // Files, but no programs.
    let configure = |folder: &Path, text: String| {
        let none = folder.join("ca.pem");
        let programs = format!("[agent]\naskpass = {none:?}\npinentry = {none:?}\n");
        with_reason(text).replace("[agent]\n", &programs)
    };
    let world = World::plan().configured(configure).start().await;
    assert!(!succeeds(login(&world, "web")).await);
    assert_eq!(world.why().code(), "reason_needed");
    assert!(
        world
            .why()
            .advice()
            .contains("pimento open linux-root --reason")
    );
    assert_eq!(world.activations(), 0);
}
