use proptest::prelude::*;

use super::*;
use crate::agent::bind::tests::{Host, an_ed25519_host, bound, public_blob, ssh_keygen};
use crate::agent::payload::tests::a_login;
use crate::secret::private_key::PrivateKey;
use crate::wire::put_string;

fn parse(bytes: &[u8]) -> Result<Constraints, Malformed> {
    Constraints::parse(Wire::new(bytes))
}

/// `string user, string hostname, string reserved`, then the keys.
fn end(user: &str, name: &str, keys: &[(&[u8], u8)]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in [user, name, ""] {
        put_string(&mut out, part.as_bytes());
    }
    for (key, authority) in keys {
        put_string(&mut out, key);
        out.push(*authority);
    }
    out
}

fn leg(from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in [from, to, b""] {
        put_string(&mut out, part);
    }
    out
}

fn extension(name: &[u8], legs: &[Vec<u8>]) -> Vec<u8> {
    let mut all = Vec::new();
    legs.iter().for_each(|leg| put_string(&mut all, leg));
    let mut out = vec![EXTENSION];
    put_string(&mut out, name);
    put_string(&mut out, &all);
    out
}

fn restricted(legs: &[Vec<u8>]) -> Constraints {
    parse(&extension(RESTRICT_DESTINATION, legs)).unwrap()
}

fn from_here() -> Vec<u8> {
    end("", "", &[])
}

fn to(user: &str, host: &Host) -> Vec<u8> {
    end(user, "host", &[(&host.blob, 0)])
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn signs(constraints: &Constraints, bound: &Bound, user: &str) -> bool {
    let login = Login {
        user: user.to_owned(),
        ..a_login()
    };
    constraints.may_sign(bound, Some(&login), NOW)
}

#[test]
fn a_lifetime_and_a_confirmation_are_understood_in_any_order() {
    let expected = Constraints {
        lifetime: Some(Duration::from_secs(600)),
        confirm: true,
        legs: Vec::new(),
    };
    assert_eq!(parse(&[1, 0, 0, 2, 88, 2]), Ok(expected.clone()));
    assert_eq!(parse(&[2, 1, 0, 0, 2, 88]), Ok(expected));
    assert_eq!(parse(&[]), Ok(Constraints::default()));
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_constraint_that_is_unknown_broken_or_there_twice_refuses_the_whole() {
    let host = an_ed25519_host();
    let good = leg(&from_here(), &to("", &host));
    let twice = extension(RESTRICT_DESTINATION, std::slice::from_ref(&good));
    for bad in [
        vec![3, 0, 0, 0, 1],
        vec![0],
        vec![2, 2],
        vec![1, 0, 0, 0, 1, 1, 0, 0, 0, 1],
        vec![1, 0, 0],
        extension(
            b"restrict-destination-v01@openssh.com",
            std::slice::from_ref(&good),
        ),
        extension(b"sk-provider@openssh.com", &[]),
        extension(RESTRICT_DESTINATION, &[]),
        [twice.clone(), twice].concat(),
        // From a user, to nowhere, a host without keys, keys without a host, something reserved.
        extension(
            RESTRICT_DESTINATION,
            &[leg(&end("root", "", &[]), &to("", &host))],
        ),
        extension(RESTRICT_DESTINATION, &[leg(&from_here(), &from_here())]),
        extension(
            RESTRICT_DESTINATION,
            &[leg(&from_here(), &end("", "host", &[]))],
        ),
        extension(
            RESTRICT_DESTINATION,
            &[leg(&end("", "", &[(&host.blob, 0)]), &to("", &host))],
        ),
        extension(
            RESTRICT_DESTINATION,
            &[leg(&from_here(), &end("", "host", &[(b"no key", 0)]))],
        ),
        extension(RESTRICT_DESTINATION, &vec![good; MOST_LEGS + 1]),
    ] {
        assert_eq!(parse(&bad), Err(Malformed), "{bad:?}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_restricted_key_signs_only_logins_to_its_host_as_its_user() {
    let (host, other) = (an_ed25519_host(), an_ed25519_host());
    let key = restricted(&[leg(&from_here(), &to("ro*t", &host))]);
    let here = bound(&[host.binding(&[7; 32], 0)]);
    assert!(signs(&key, &here, "root"));
    assert!(!signs(&key, &here, "www"));
    assert!(!key.may_sign(&here, None, NOW));
    assert!(!signs(&key, &Bound::default(), "root"));
    assert!(!signs(&key, &bound(&[other.binding(&[7; 32], 0)]), "root"));
    let mut broken = here.clone();
    broken.bind(b"nonsense").unwrap_err();
    assert!(!signs(&key, &broken, "root"));
    assert!(!key.may_list(&broken, NOW));
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_restricted_key_is_listed_here_and_to_hosts_on_its_way() {
    let (hop, host, other) = (an_ed25519_host(), an_ed25519_host(), an_ed25519_host());
    let key = restricted(&[
        leg(&from_here(), &to("", &hop)),
        leg(&end("", "hop", &[(&hop.blob, 0)]), &to("", &host)),
    ]);
    assert!(key.may_list(&Bound::default(), NOW));
    assert!(key.may_list(&bound(&[hop.binding(b"1", 0)]), NOW));
    assert!(!key.may_list(&bound(&[other.binding(b"1", 0)]), NOW));
    // Asked for on the hop: it goes on from there.
    assert!(key.may_list(&bound(&[hop.binding(b"1", 1)]), NOW));
    let onward = bound(&[hop.binding(b"1", 1), host.binding(b"2", 0)]);
    assert!(signs(&key, &onward, "root"));
    let aside = bound(&[hop.binding(b"1", 1), other.binding(b"2", 0)]);
    assert!(!signs(&key, &aside, "root"));
    assert!(!key.may_list(&aside, NOW));
    // It goes to the host, and no further.
    let beyond = bound(&[hop.binding(b"1", 1), host.binding(b"2", 1)]);
    assert!(!key.may_list(&beyond, NOW));
    assert!(!signs(&key, &bound(&[host.binding(b"2", 0)]), "root"));
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn an_authority_stands_for_hosts_with_its_certificate_and_for_no_plain_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for file in ["ca", "key"] {
        ssh_keygen(folder, &["-q", "-t", "ed25519", "-N", "", "-f", file]);
    }
    ssh_keygen(
        folder,
        &[
            "-q", "-s", "ca", "-h", "-I", "x", "-n", "web*,db", "key.pub",
        ],
    );
    let mut host = Host {
        key: PrivateKey::parse(&std::fs::read(folder.join("key")).unwrap()).unwrap(),
        blob: public_blob(&folder.join("key-cert.pub")),
        flags: 0,
    };
    let authority = public_blob(&folder.join("ca.pub"));
    let to_named = |name| restricted(&[leg(&from_here(), &end("", name, &[(&authority, 1)]))]);
    let certified = bound(&[host.binding(b"1", 0)]);
    assert!(signs(&to_named("web7"), &certified, "root"));
    assert!(!signs(&to_named("mail"), &certified, "root"));
    // The authority's key as if it were the host's own.
    let own = restricted(&[leg(&from_here(), &end("", "db", &[(&authority, 0)]))]);
    assert!(!signs(&own, &certified, "root"));
    host.blob = public_blob(&folder.join("key.pub"));
    assert!(!signs(
        &to_named("db"),
        &bound(&[host.binding(b"1", 0)]),
        "root"
    ));
}

proptest! {
    #[test]
    fn any_bytes_are_constraints_or_malformed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(constraints) = parse(&bytes) {
            prop_assert!(constraints != Constraints::default() || bytes.is_empty());
        }
    }
}
