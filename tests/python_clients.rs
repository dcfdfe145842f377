#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
//! asyncssh and paramiko against the agent: clients that are not OpenSSH's. What it signs is
//! verified with Python's `cryptography`. The scripts are in `python_clients/`.

#[path = "support/python.rs"]
mod python;
#[path = "support/ssh_agent.rs"]
mod ssh_agent;

use std::path::Path;

use python::python;
use ssh_agent::keys::TestKey;
use ssh_agent::{Ran, TestAgent, ran};

/// Runs a script of these against an agent, with these keys as files.
fn script(agent: &TestAgent, keys: &[TestKey], text: &str) -> Option<Ran> {
    let python = python()?;
    let files: Vec<_> = keys.iter().map(|key| key.private.as_str()).collect();
    let mut command = agent.command(python.to_str().unwrap(), &["-c", text]);
    command
        .env("PYTHONPATH", folder())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PIMENTO_TEST_KEYS", files.join(":"));
    Some(ran(&mut command))
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python_clients")
}

fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

/// An agent that has nobody to ask.
fn agent() -> TestAgent {
    TestAgent::start_with(|command| {
        command
            .env_remove("WAYLAND_DISPLAY")
            .env("SSH_ASKPASS_REQUIRE", "never");
    })
}

#[test]
fn asyncssh_adds_restricts_signs_locks_and_removes() {
    let agent = agent();
    let keys = TestKey::all();
    for key in &keys[3..] {
        key.certify(&keys[0], &[]);
    }
    if let Some(ran) = script(&agent, &keys, &text("asyncssh_client.py")) {
        ran.ok();
    }
}

#[test]
fn paramiko_lists_and_signs() {
    let agent = agent();
    let keys = TestKey::all();
    for key in &keys {
        agent.run("ssh-add", &["-q", &key.private]).ok();
    }
    if let Some(ran) = script(&agent, &keys, &text("paramiko_client.py")) {
        ran.ok();
    }
}

#[test]
fn a_script_that_fails_fails_its_test() {
    let agent = agent();
    let keys = [TestKey::new("ed25519", "256"), TestKey::new("ecdsa", "256")];
    for key in &keys[..1] {
        agent.run("ssh-add", &["-q", &key.private]).ok();
    }
    // One key too few.
    if let Some(ran) = script(&agent, &keys, &text("paramiko_client.py")) {
        ran.refused(1, "AssertionError");
    }
    let wrong = "from agent import *\nverify(KEYS[0], DATA, b'\\0\\0\\0\\x0bssh-ed25519\\0\\0\\0\\x40' + 64 * b'x')";
    if let Some(ran) = script(&agent, &keys, wrong) {
        ran.refused(1, "InvalidSignature");
    }
}
