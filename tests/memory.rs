#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg(target_os = "linux")]
//! What root sees of keys and passphrases in the agent's memory: nothing, where the kernel has
//! `memfd_secret`. Read through `/proc/PID/mem`, with the agent stopped.

#[path = "support/memory.rs"]
mod memory;
#[path = "support/ssh_agent.rs"]
mod ssh_agent;

use std::fs;
use std::os::unix::process::ExitStatusExt;

use rustix::process::{Pid, Signal, getuid, kill_process};
use ssh_agent::client::{self, Answer};
use ssh_agent::keys::TestKey;
use ssh_agent::{TestAgent, skipped};

/// A secret number or text, and what it is.
struct Needle {
    what: String,
    bytes: Vec<u8>,
}

/// The secret numbers of a key, as they travel and as AWS-LC holds them.
fn needles(key: &TestKey) -> Vec<Needle> {
    let secret: &[(&str, usize)] = match key.name.split('-').next().unwrap() {
        "ed25519" => &[("seed", 2)],
        "ecdsa" => &[("d", 3)],
        _ => &[("d", 3), ("qinv", 4), ("p", 5), ("q", 6)],
    };
    let mut needles = Vec::new();
    for (what, field) in secret {
        let whole = &key.fields[*field];
        // Of Ed25519, the second half is the public key.
        let number = if *what == "seed" {
            &whole[..32]
        } else {
            whole.as_slice()
        };
        let number = number.strip_prefix(&[0]).unwrap_or(number).to_vec();
        let mut limbs = number.clone();
        limbs.reverse();
        let what = format!("{} {what}", key.name);
        needles.push(Needle {
            what: format!("{what}, limbs"),
            bytes: limbs,
        });
        needles.push(Needle {
            what,
            bytes: number,
        });
    }
    needles
}

/// Every needle that is in the memory which root can read, with the first 16 bytes for the whole.
fn found(agent: &TestAgent, needles: &[Needle]) -> Vec<String> {
    let process = Pid::from_raw(agent.pid().cast_signed()).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    let memory = memory::readable(agent.pid());
    kill_process(process, Signal::CONT).unwrap();
    let is_in = |needle: &&Needle| {
        let part = &needle.bytes[..16];
        memory
            .iter()
            .any(|map| map.windows(16).any(|window| window == part))
    };
    needles
        .iter()
        .filter(is_in)
        .map(|needle| needle.what.clone())
        .collect()
}

/// Whether memory can be read at all.
fn may_look() -> bool {
    let root = getuid().is_root();
    if !root {
        skipped("only root can read the memory of the agent");
    }
    root
}

/// Whether the test can tell anything of keys that are held.
fn can_tell(agent: &TestAgent) -> bool {
    if !may_look() {
        return false;
    }
    let maps = fs::read_to_string(format!("/proc/{}/maps", agent.pid())).unwrap();
    if !maps.contains("/secretmem") {
        skipped("this kernel has no memfd_secret: root can read keys that are held");
        return false;
    }
    true
}

#[test]
fn root_finds_no_key_while_it_is_held_and_used_and_none_after_it_is_gone() {
    let agent = TestAgent::start();
    let keys = TestKey::all();
    let mut client = agent.client();
    for key in &keys {
        assert_eq!(
            client.ask(&key.add("a comment that is no secret")),
            Answer::Success
        );
    }
    if !can_tell(&agent) {
        return;
    }
    // The search finds what is there.
    let comment = b"a comment that is no secret".to_vec();
    let control = [Needle {
        what: "comment".to_owned(),
        bytes: comment,
    }];
    assert_eq!(found(&agent, &control), ["comment"]);
    let secret: Vec<Needle> = keys.iter().flat_map(needles).collect();
    assert_eq!(secret.len(), 16);
    assert!(
        found(&agent, &secret).is_empty(),
        "held: {:?}",
        found(&agent, &secret)
    );
    for _ in 0..20 {
        for key in &keys {
            client.ask(&client::sign(&key.blob, b"data", 4)).signature();
        }
    }
    assert!(
        found(&agent, &secret).is_empty(),
        "used: {:?}",
        found(&agent, &secret)
    );
    assert_eq!(client.ask(&client::remove_all()), Answer::Success);
    assert!(
        found(&agent, &secret).is_empty(),
        "removed: {:?}",
        found(&agent, &secret)
    );
}

#[test]
fn root_finds_no_passphrase_of_a_lock() {
    let agent = TestAgent::start();
    if !may_look() {
        return;
    }
    let needle = |what: &str, bytes: &[u8]| Needle {
        what: what.to_owned(),
        bytes: bytes.to_vec(),
    };
    let secret = [needle("passphrase", b"correct horse battery staple")];
    let mut client = agent.client();
    // The search finds what is there: an address that every agent has.
    let socket = [needle(
        "socket",
        agent.socket.as_os_str().as_encoded_bytes(),
    )];
    assert_eq!(found(&agent, &socket), ["socket"]);
    assert_eq!(client.ask(&client::lock(&secret[0].bytes)), Answer::Success);
    assert!(found(&agent, &secret).is_empty(), "locked");
    assert_eq!(
        client.ask(&client::unlock(b"correct horse battery stable")),
        Answer::Failure
    );
    assert_eq!(
        client.ask(&client::unlock(&secret[0].bytes)),
        Answer::Success
    );
    assert!(found(&agent, &secret).is_empty(), "unlocked");
}

#[test]
fn an_agent_that_is_aborted_leaves_no_core() {
    let mut agent = TestAgent::start();
    let key = TestKey::new("ed25519", "256");
    assert_eq!(agent.client().ask(&key.add("key")), Answer::Success);
    let status = fs::read_to_string(format!("/proc/{}/limits", agent.pid())).unwrap();
    let core = status
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert!(!agent.aborted().core_dumped());
}

#[test]
fn keys_are_held_and_sign_when_the_limit_of_locked_memory_is_used_up() {
    if !getuid().is_root() {
        skipped("only root can take the right to lock memory from the agent");
        return;
    }
    let agent = TestAgent::start_by(&[
        "setpriv",
        "--bounding-set=-ipc_lock",
        "prlimit",
        "--memlock=65536:65536",
    ]);
    let keys = TestKey::all();
    let mut client = agent.client();
    for key in &keys {
        assert_eq!(client.ask(&key.add("key")), Answer::Success);
    }
    for key in &keys {
        client.ask(&client::sign(&key.blob, b"data", 4)).signature();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let locked = status
        .lines()
        .find(|line| line.starts_with("VmLck"))
        .unwrap();
    let locked: u32 = locked.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(locked <= 64, "{locked} KiB");
}
