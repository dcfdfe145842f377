//! `pimento doctor --keys`: the keys themselves, as the vault has them.

use std::fs;

use pimento::emulator::World as Cloud;
use serde_json::Value;

use super::doctor::{Said, doctor, doctor_with, ready};
use crate::support::home::Home;

/// Changes what the vault has of the key `web`.
fn mangle(home: &Home, change: impl Fn(&str) -> String) {
    home.emulator.change(|cloud| {
        let whole = cloud.secret("kv-linux", "web-root-ssh").unwrap().to_owned();
        cloud.put_secret("kv-linux", "web-root-ssh", &change(&whole));
    });
}

fn keys(home: &Home) -> Said {
    doctor_with(home, &["--keys"])
}

#[tokio::test(flavor = "multi_thread")]
async fn only_when_keys_are_to_be_looked_at_a_window_is_opened() {
    let (home, _agent) = ready().await;
    doctor(&home);
    assert_eq!(
        home.emulator
            .change(|cloud| cloud.count("vault.secret.get")),
        0
    );
    let said = keys(&home);
    for key in ["web", "db", "legacy"] {
        let (verdict, reason, _) = said.of("material", key);
        assert_eq!(verdict, "ok", "{key}: {reason}");
    }
    assert_eq!(
        home.emulator
            .change(|cloud| cloud.count("vault.secret.get")),
        3
    );
    let record = fs::read_to_string(home.path("state/audit/audit.jsonl")).unwrap();
    let events: Vec<Value> = record
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let inspected = events.iter().filter(|it| it["event"] == "inspecting");
    assert_eq!(inspected.count(), 3);
    assert!(!events.iter().any(|it| it["event"] == "released"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mangled_key_is_a_warning_with_what_openssh_would_do() {
    let (home, _agent) = ready().await;
    mangle(&home, |key| key.trim_end().replace('\n', " "));
    let said = keys(&home);
    let (verdict, reason, remedy) = said.of("material", "web");
    assert_eq!(verdict, "warning", "{reason}");
    assert!(reason.contains("line ends that became spaces"), "{reason}");
    assert!(reason.contains("OpenSSH would refuse it"), "{reason}");
    assert!(
        remedy.contains("`pimento import web KEYFILE --replace`"),
        "{remedy}"
    );
    assert_eq!(said.of("material", "db").0, "ok");
    mangle(&home, |key| {
        key.replacen("----- ", "-----\n", 1)
            .replacen(" -----END", "\n-----END", 1)
            + "\n\n"
    });
    let said = keys(&home);
    let (verdict, reason, _) = said.of("material", "web");
    assert!(
        verdict == "warning" && reason.contains("take it all the same"),
        "{reason}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_used_is_a_failure_with_its_remedy() {
    let (home, _agent) = ready().await;
    mangle(&home, |key| key[..key.len() / 2].to_owned());
    let said = keys(&home);
    let (verdict, reason, remedy) = said.of("material", "web");
    assert_eq!(verdict, "failure");
    assert!(reason.contains("its last line"), "{reason}");
    assert!(remedy.contains("pimento import web"), "{remedy}");
    home.emulator.change(|cloud| {
        let other = cloud.secret("kv-linux", "db-root-ssh").unwrap().to_owned();
        cloud.put_secret("kv-linux", "web-root-ssh", &other);
    });
    let (verdict, reason, _) = {
        let said = keys(&home);
        let (verdict, reason, remedy) = said.of("material", "web");
        (verdict.to_owned(), reason.to_owned(), remedy.to_owned())
    };
    assert_eq!(verdict, "failure");
    assert!(reason.contains("pinned"), "{reason}");
    home.emulator
        .change(|cloud| cloud.remove_secret("kv-linux", "web-root-ssh"));
    assert_eq!(keys(&home).of("material", "web").0, "failure");
    home.emulator.change(Cloud::reset_counts);
    home.run(&["lock"]);
    assert_eq!(keys(&home).of("material", "db").0, "failure");
    assert_eq!(
        home.emulator
            .change(|cloud| cloud.count("vault.secret.get")),
        0
    );
}
