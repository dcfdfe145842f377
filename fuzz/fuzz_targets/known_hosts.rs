//! A file gives a key only names that stand in it, whatever the order of its lines, and none once
//! it calls the key revoked.
#![no_main]

mod keys;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use keys::{hosts, public};
use libfuzzer_sys::fuzz_target;
use pimento::known_hosts::names_in;
use ssh_key::public::KeyData;

/// A host's key, the certificate it has from an authority, and their lines of public keys.
struct Shown {
    plain: KeyData,
    certificate: KeyData,
    principals: Vec<String>,
    wanted: Vec<String>,
    now: Timestamp,
}

static SHOWN: LazyLock<Shown> = LazyLock::new(|| {
    let [certified, ..] = hosts();
    let certificate = certified.shown.certificate().unwrap();
    Shown {
        plain: public(HOST),
        principals: certificate.valid_principals().to_vec(),
        certificate: certified.shown.clone(),
        wanted: ["web01", "db01", "db*"].map(str::to_owned).to_vec(),
        now: Timestamp::from_second(1_800_000_000).unwrap(),
    }
});

fuzz_target!(|text: &str| {
    let shown = &*SHOWN;
    let names = |text: &str, key: &KeyData| names_in(text, key, &shown.wanted, shown.now);
    let plain = names(text, &shown.plain);
    for name in &plain {
        assert!(!name.contains(['*', '?', '!']), "{name:?}");
        let hashed = shown.wanted.contains(name) && text.contains("|1|");
        assert!(text.contains(name.as_str()) || hashed, "{name:?}");
    }
    let certified = names(text, &shown.certificate);
    for name in &certified {
        assert!(shown.principals.contains(name) && !name.contains('*'));
    }
    if plain.is_empty() && certified.is_empty() {
        return;
    }
    let mut lines: Vec<&str> = text.lines().collect();
    lines.reverse();
    let reversed = lines.join("\n");
    assert_eq!(set(&names(&reversed, &shown.plain)), set(&plain));
    assert_eq!(set(&names(&reversed, &shown.certificate)), set(&certified));
    for (key, revoked) in [
        (&shown.plain, HOST),
        (&shown.certificate, HOST),
        (&shown.certificate, AUTHORITY),
    ] {
        let longer = format!("{text}\n@revoked * {revoked}");
        assert!(names(&longer, key).is_empty());
    }
});

fn set(names: &[String]) -> BTreeSet<&str> {
    names.iter().map(String::as_str).collect()
}

const HOST: &str = include_str!("../keys/host.pub");
const AUTHORITY: &str = include_str!("../keys/authority.pub");
