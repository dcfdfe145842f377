#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
//! `ssh-add` with every option of OpenSSH 9.2 that an agent takes part in (not PKCS#11, not FIDO),
//! and what people do with keys in an agent: sign files and commits, certify, be a host, log in.

#[path = "../support/ssh_agent.rs"]
mod ssh_agent;

mod constraints;
mod host;
mod options;
mod uses;

use rustix::process::Signal;
use ssh_agent::keys::{TestKey, ssh_keygen};
use ssh_agent::{TestAgent, ran, ran_with_input, skipped, under_test_is_stock};

fn fingerprint(key: &TestKey) -> String {
    let line = ssh_keygen(&["-l", "-f", &key.public]);
    line.split(' ').nth(1).unwrap().to_owned()
}

fn add(agent: &TestAgent, key: &TestKey) {
    agent.run("ssh-add", &["-q", &key.private]).ok();
}

/// How many keys `ssh-add -l` shows.
fn listed(agent: &TestAgent) -> usize {
    let list = agent.run("ssh-add", &["-l"]);
    match list.code {
        0 => list.stdout.lines().count(),
        1 if list.stdout == "The agent has no identities.\n" => 0,
        _ => panic!("{list:?}"),
    }
}

#[test]
fn every_kind_of_key_is_added_listed_and_removed() {
    let agent = TestAgent::start();
    for key in TestKey::all() {
        add(&agent, &key);
        let short = agent.run("ssh-add", &["-l"]).ok();
        assert!(short.contains(&fingerprint(&key)), "{short}");
        assert!(short.contains(&format!(" {} (", key.name)), "{short}");
        assert_eq!(agent.run("ssh-add", &["-L"]).ok(), key.public_line());
        agent.run("ssh-add", &["-d", &key.public]).ok();
        assert_eq!(listed(&agent), 0);
        agent
            .run("ssh-add", &["-d", &key.public])
            .refused(1, "agent refused operation");
    }
}

#[test]
fn ssh_add_verifies_the_signatures_of_a_key_that_is_there() {
    let agent = TestAgent::start();
    for key in TestKey::all() {
        let test = |agent: &TestAgent| agent.run("ssh-add", &["-T", &key.public]);
        test(&agent).refused(1, "agent refused operation");
        add(&agent, &key);
        // Before OpenSSH 9.3, ssh-add asks RSA keys for SHA-1, which ours does not make.
        if key.name == "rsa-2048" && !under_test_is_stock() && test(&agent).code != 0 {
            test(&agent).refused(1, "agent refused operation");
            continue;
        }
        test(&agent).ok();
        agent.run("ssh-add", &["-D"]).ok();
        test(&agent).refused(1, "agent refused operation");
    }
}

#[test]
fn a_key_that_is_added_again_is_there_once() {
    let agent = TestAgent::start();
    let key = TestKey::new("ed25519", "256");
    add(&agent, &key);
    ssh_keygen(&["-q", "-c", "-C", "renamed", "-f", &key.private]);
    add(&agent, &key);
    let list = agent.run("ssh-add", &["-l"]).ok();
    assert_eq!(list.lines().count(), 1);
    assert!(list.contains(" renamed ("), "{list}");
}

#[test]
fn every_kind_of_certificate_comes_and_goes_with_its_key() {
    let agent = TestAgent::start();
    let authority = TestKey::new("ed25519", "256");
    for key in TestKey::all() {
        let certificate = key.certify(&authority, &[]);
        add(&agent, &key);
        let list = agent.run("ssh-add", &["-L"]).ok();
        assert_eq!(list.lines().count(), 2, "{list}");
        let encoded = std::fs::read_to_string(&certificate).unwrap();
        let encoded = encoded.split(' ').nth(1).unwrap();
        assert!(list.contains(encoded), "{list}");
        agent.run("ssh-add", &["-d", &key.private]).ok();
        assert_eq!(listed(&agent), 0);
    }
}

#[test]
fn a_certificate_and_its_key_are_removed_each_alone() {
    let agent = TestAgent::start();
    let authority = TestKey::new("ed25519", "256");
    let key = TestKey::new("ecdsa", "256");
    let certificate = key.certify(&authority, &[]);
    let kinds = |agent: &TestAgent| {
        let list = agent.run("ssh-add", &["-L"]).stdout;
        let certificates = list
            .lines()
            .filter(|line| line.contains("-cert-v01@"))
            .count();
        (list.lines().count() - certificates, certificates)
    };
    // -k is for keys alone, without their certificates.
    add(&agent, &key);
    assert_eq!(kinds(&agent), (1, 1));
    agent.run("ssh-add", &["-d", "-k", &key.private]).ok();
    assert_eq!(kinds(&agent), (0, 1));
    agent.run("ssh-add", &["-D"]).ok();
    agent.run("ssh-add", &["-q", "-k", &key.private]).ok();
    assert_eq!(kinds(&agent), (1, 0));
    add(&agent, &key);
    assert_eq!(kinds(&agent), (1, 1));
    let from_stdin = |file: &str| {
        let text = std::fs::read(file).unwrap();
        ran_with_input(&mut agent.command("ssh-add", &["-d", "-"]), &text)
    };
    from_stdin(&certificate).ok();
    assert_eq!(kinds(&agent), (1, 0));
    from_stdin(&certificate).refused(1, "agent refused operation");
    from_stdin(&key.public).ok();
    assert_eq!(listed(&agent), 0);
}

#[test]
fn remove_all_removes_all() {
    let agent = TestAgent::start();
    for key in TestKey::all() {
        add(&agent, &key);
    }
    assert_eq!(listed(&agent), 5);
    agent.run("ssh-add", &["-D"]).ok();
    assert_eq!(listed(&agent), 0);
}

#[test]
fn ssh_add_asks_and_is_told_what_there_is_none_of() {
    let agent = TestAgent::start();
    let key = TestKey::new("ed25519", "256");
    add(&agent, &key);
    // No FIDO, no PKCS#11, no resident keys, in neither direction.
    agent
        .run("ssh-add", &["-s", "/usr/lib/nothing.so"])
        .refused(1, "");
    agent
        .run("ssh-add", &["-e", "/usr/lib/nothing.so"])
        .refused(1, "");
    assert_eq!(listed(&agent), 1);
    if under_test_is_stock() {
        return;
    }
    let dsa = ran(std::process::Command::new("ssh-keygen").args([
        "-q",
        "-t",
        "dsa",
        "-N",
        "",
        "-f",
        &agent.file("unused", "").replace("unused", "dsa"),
    ]));
    if dsa.code != 0 {
        return skipped("this ssh-keygen makes no DSA keys any more");
    }
    agent
        .run("ssh-add", &["dsa"])
        .refused(1, "agent refused operation");
    assert_eq!(listed(&agent), 1);
}

/// A passphrase on stdout for whoever asks: what `SSH_ASKPASS` is set to.
fn with_passphrase(agent: &TestAgent, option: &str, passphrase: &str) -> ssh_agent::Ran {
    let askpass = agent.program("passphrase", &format!("#!/bin/sh\necho '{passphrase}'\n"));
    ran(agent
        .command("ssh-add", &[option])
        .env("SSH_ASKPASS", askpass)
        .env("SSH_ASKPASS_REQUIRE", "force"))
}

#[test]
fn a_locked_agent_shows_signs_and_takes_nothing() {
    let agent = TestAgent::start();
    let (key, other) = (TestKey::new("ed25519", "256"), TestKey::new("ecdsa", "256"));
    with_passphrase(&agent, "-X", "never locked").refused(1, "Failed to unlock agent");
    add(&agent, &key);
    with_passphrase(&agent, "-x", "correct horse").ok();
    assert_eq!(listed(&agent), 0);
    for refused in [
        ["-T", &key.public],
        ["-q", &other.private],
        ["-d", &key.public],
    ] {
        agent
            .run("ssh-add", &refused)
            .refused(1, "refused operation");
    }
    agent
        .run("ssh-add", &["-D"])
        .refused(1, "Failed to remove all");
    with_passphrase(&agent, "-x", "another").refused(1, "Failed to lock agent");
    with_passphrase(&agent, "-X", "correct hors").refused(1, "Failed to unlock agent");
    with_passphrase(&agent, "-X", "another").refused(1, "Failed to unlock agent");
    assert_eq!(listed(&agent), 0);
    with_passphrase(&agent, "-X", "correct horse").ok();
    assert_eq!(agent.run("ssh-add", &["-L"]).ok(), key.public_line());
    agent.run("ssh-add", &["-T", &key.public]).ok();
    with_passphrase(&agent, "-X", "correct horse").refused(1, "Failed to unlock agent");
}

#[test]
fn usr1_drops_the_keys_and_nothing_else() {
    if under_test_is_stock() {
        return skipped("OpenSSH's agent knows SIGUSR1 from 10.1 on");
    }
    let mut agent = TestAgent::start();
    let key = TestKey::new("ed25519", "256");
    add(&agent, &key);
    let mut client = agent.client();
    agent.signal(Signal::USR1);
    ssh_agent::eventually("the keys are gone", || listed(&agent) == 0);
    client.ask(&ssh_agent::client::list());
    assert!(agent.is_running());
    add(&agent, &key);
    assert_eq!(listed(&agent), 1);
}
