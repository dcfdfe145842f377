use super::*;
use crate::catalog::Kind;
use crate::catalog::testing::{PUBLIC_KEY, key};

fn host_key() -> KeyData {
    let key = ssh_key::PublicKey::from_openssh(PUBLIC_KEY).unwrap();
    key.key_data().clone()
}

fn has(listing: &Listing<'_>, hosts: &[&str], forwarded: Permission) -> bool {
    let mut credential = key("web");
    credential.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    if let Kind::Key(key) = &mut credential.kind {
        key.rules.forwarded = forwarded;
    }
    let Kind::Key(key) = &credential.kind else {
        panic!("a key");
    };
    listing.has(&credential, &key.rules)
}

fn web01(host_key: &KeyData, forwarded: bool) -> Listing<'_> {
    Listing::Host {
        host_key,
        names: Ok(vec!["web01".to_owned()]),
        forwarded,
    }
}

#[test]
fn at_a_proven_host_only_keys_for_it_are_listed() {
    let host_key = host_key();
    let listing = web01(&host_key, false);
    assert!(has(&listing, &["web*"], Permission::Refuse));
    assert!(has(&listing, &[], Permission::Refuse));
    assert!(!has(&listing, &["db*"], Permission::Refuse));
    assert!(!has(&listing, &["web*", "!web01"], Permission::Refuse));
}

#[test]
fn at_a_host_without_a_name_only_keys_for_any_host_are_listed() {
    let host_key = host_key();
    let listing = Listing::Host {
        host_key: &host_key,
        names: Err(Nameless::Revoked),
        forwarded: false,
    };
    assert!(has(&listing, &[], Permission::Refuse));
    assert!(!has(&listing, &["*"], Permission::Refuse));
    assert!(!has(&listing, &["web01"], Permission::Allow));
}

#[test]
fn over_a_forwarded_connection_only_keys_that_allow_it_are_listed() {
    let host_key = host_key();
    let listing = web01(&host_key, true);
    assert!(has(&listing, &["web*"], Permission::Allow));
    assert!(!has(&listing, &["web*"], Permission::Refuse));
    assert!(!has(&listing, &["db*"], Permission::Allow));
    assert!(has(&Listing::Lent, &["db*"], Permission::Allow));
    assert!(!has(&Listing::Lent, &[], Permission::Refuse));
}

#[test]
fn after_a_failed_binding_nothing_is_listed_and_without_one_everything() {
    let failed = Listing::Failed(BindProblem::Signature);
    for hosts in [&["web*"][..], &[]] {
        assert!(!has(&failed, hosts, Permission::Allow));
        assert!(has(&Listing::All, hosts, Permission::Refuse));
    }
}
