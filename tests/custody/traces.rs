//! Where a key that was made for a window could be left behind.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use pimento::emulator::Scenario;
use rustix::process::{Pid, Signal, kill_process};
use ssh_key::Certificate;

use crate::support;
use crate::support::home::Home;
use crate::support::memory::readable;

/// Whether `memory` has the seed of the Ed25519 key `public` beside its public half, as libraries
/// keep the two.
fn has_seed_of(public: &[u8], memory: &[Vec<u8>]) -> bool {
    let is_seed = |bytes: Option<&[u8]>| {
        bytes.is_some_and(|seed| Ed25519KeyPair::from_seed_and_public_key(seed, public).is_ok())
    };
    memory.iter().any(|map| {
        let mut places = map.windows(32).enumerate().filter(|(_, it)| *it == public);
        places.any(|(at, _)| {
            is_seed(at.checked_sub(32).and_then(|front| map.get(front..at)))
                || is_seed(map.get(at + 32..at + 64))
        })
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn root_finds_no_certified_key_in_memory_or_on_disk_while_its_window_is_open() {
    let mut scenario = Scenario::example().unwrap();
    support::with_vault_key(&mut scenario, "ec-p256");
    let home = Home::in_scenario(scenario).await;
    let authority = home
        .emulator
        .change(|cloud| cloud.public_key("kv-linux", "web-key"));
    let authority = authority.unwrap();
    let home =
        home.configured(|text| support::certified(&text, &authority, "principals = [\"root\"]"));
    let agent = home.agent();
    home.sign_in();
    home.run(&["open", "linux-root"]);
    let mut list = home.command("ssh-add");
    let output = list
        .arg("-L")
        .env("SSH_AUTH_SOCK", home.path("run/agent.sock"))
        .output();
    let listed = String::from_utf8(output.unwrap().stdout).unwrap();
    let line = listed
        .lines()
        .find(|line| line.contains("-cert-v01@"))
        .unwrap();
    let certificate = Certificate::from_openssh(line).unwrap();
    let public = certificate.public_key().ed25519().unwrap().0;
    let maps = fs::read_to_string(format!("/proc/{}/maps", agent.0.id())).unwrap();
    if !maps.contains("/secretmem") {
        support::etc::skipped("this kernel has no memfd_secret: root can read what is held");
        return;
    }
    let process = Pid::from_child(&agent.0);
    kill_process(process, Signal::STOP).unwrap();
    let mut memory = readable(agent.0.id());
    kill_process(process, Signal::CONT).unwrap();
    let has_public = |map: &Vec<u8>| map.windows(32).any(|it| it == public);
    assert!(
        memory.iter().any(has_public),
        "control: the public half is there"
    );
    assert!(!has_seed_of(&public, &memory));
    let mut find = Command::new("grep");
    let files = find
        .args(["-rlF", "PRIVATE KEY"])
        .arg(home.folder.path())
        .output()
        .unwrap();
    assert_eq!(files.stdout, b"", "on disk");
    // That it would have been found.
    let seed = [7; 32];
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public: &[u8] = pair.public_key().as_ref();
    memory.push([&[1, 2, 3], &seed[..], public, &[4]].concat());
    assert!(has_seed_of(public, &memory));
}
