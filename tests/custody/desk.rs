//! Somebody who opens windows and logs in with certificates.

use std::fs;
use std::process::{Command, Output};

use crate::support::{self, Plan, World};

/// The account that the tests' host lets in.
pub(super) fn account() -> String {
    support::sshd::user()
}

/// A world whose key `web` is certified for that account, and for `more`.
pub(super) fn plan(kind: &'static str, more: &str) -> Plan {
    let principals = format!("principals = [\"{}\"]{more}", account());
    World::plan().certificate(kind, &principals)
}

/// Logs in with whatever the agent has, as a plain `ssh`.
pub(super) async fn login(world: &World) -> Output {
    let mut ssh = world.sshd.ssh(&world.paths.agent_socket(), "host.test");
    tokio::task::spawn_blocking(move || ssh.output().unwrap())
        .await
        .unwrap()
}

#[track_caller]
pub(super) fn assert_ok(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[track_caller]
pub(super) fn assert_refused(output: &Output) {
    assert!(!output.status.success(), "{output:?}");
}

/// Runs the command line of this world.
pub(super) async fn pimento(world: &World, args: &[&str]) -> Output {
    let mut command = world.pimento(args);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

pub(super) async fn open(world: &World) {
    assert_ok(&pimento(world, &["open", "linux-root"]).await);
}

/// The certificates that `ssh-add -L` shows, as lines.
pub(super) async fn listed(world: &World) -> Vec<String> {
    let socket = world.paths.agent_socket();
    let shown = tokio::task::spawn_blocking(move || {
        let mut list = Command::new("ssh-add");
        list.arg("-L").env("SSH_AUTH_SOCK", socket);
        list.output().unwrap()
    });
    let shown = String::from_utf8(shown.await.unwrap().stdout).unwrap();
    let lines = shown.lines().filter(|line| line.contains("-cert-v01@"));
    lines.map(str::to_owned).collect()
}

/// What `ssh-keygen -L` tells of a certificate.
pub(super) fn told(line: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key-cert.pub");
    fs::write(&file, format!("{line}\n")).unwrap();
    let mut tell = Command::new("ssh-keygen");
    tell.arg("-L").arg("-f").arg(&file).env("TZ", "UTC");
    let output = tell.output().unwrap();
    assert_ok(&output);
    String::from_utf8(output.stdout).unwrap()
}

/// The lines below that one, which are deeper.
pub(super) fn below(told: &str, name: &str) -> Vec<String> {
    let lines = told.lines().skip_while(|line| line.trim() != name).skip(1);
    let deeper = lines.take_while(|line| line.starts_with("                "));
    deeper.map(|line| line.trim().to_owned()).collect()
}

pub(super) fn field<'a>(told: &'a str, name: &str) -> &'a str {
    let line = told.lines().find(|line| line.trim().starts_with(name));
    line.unwrap_or_else(|| panic!("{name}: {told}")).trim()
}
