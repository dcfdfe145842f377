#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
//! OpenSSH's own tests of ssh-agent, as Debian packages them, unchanged, against `pimento
//! ssh-agent`. `openssh_regress/run` says how, and what is left out.

#[path = "support/ssh_agent.rs"]
mod ssh_agent;

use std::process::{Command, Output, Stdio};

use ssh_agent::{agent_command, skipped};

/// What `openssh_regress/run` exits with where it could run nothing.
const SKIPPED: i32 = 77;

#[test]
fn openssh_finds_no_difference() {
    let agent = agent_command();
    let mut words = vec![agent.get_program()];
    words.extend(agent.get_args());
    let Some(output) = run(words) else { return };
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
    // What runs for anybody; the rest needs root, and says so.
    for script in [
        "agent",
        "agent-memory",
        "agent-restrict",
        "agent-subprocess",
        "agent-timeout",
        "cert-file",
        "hostkey-agent",
        "sshsig",
    ] {
        assert!(told.contains(&format!("PASS {script} (")), "{told}");
    }
}

#[test]
fn an_agent_that_does_nothing_fails() {
    let Some(output) = run(["/bin/true", "--", "cert-file"]) else {
        return;
    };
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

/// An agent that is told to end and does not has to be noticed.
#[test]
fn an_agent_that_outlives_its_script_fails() {
    let immortal = "(while :; do sleep 1; done) </dev/null >/dev/null 2>&1 &";
    let Some(output) = run(["/bin/sh", "-c", immortal, "--", "agent-subprocess"]) else {
        return;
    };
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("agents outlive their scripts"), "{told}");
    assert_eq!(output.status.code(), Some(1), "{told}");
}

fn run(words: impl IntoIterator<Item = impl AsRef<std::ffi::OsStr>>) -> Option<Output> {
    let runner = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openssh_regress/run");
    let output = Command::new("python3")
        .arg(runner)
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    for line in told.lines().filter(|line| line.starts_with("SKIPPED")) {
        skipped(line);
    }
    (output.status.code() != Some(SKIPPED)).then_some(output)
}
