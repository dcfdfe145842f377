use std::path::Path;
use std::process::Command;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use proptest::prelude::*;

use super::*;
use crate::agent::Payload;
use crate::agent::payload::tests::{a_login, login_data};
use crate::secret::private_key::PrivateKey;
use crate::wire::{put_mpint, put_string};

/// A host with a key of ssh-keygen.
pub(in crate::agent) struct Host {
    pub(in crate::agent) key: PrivateKey,
    pub(in crate::agent) blob: Vec<u8>,
    pub(in crate::agent) flags: u32,
}

pub(in crate::agent) fn ssh_keygen(folder: &Path, args: &[&str]) {
    let output = Command::new("ssh-keygen")
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

pub(in crate::agent) fn public_blob(file: &Path) -> Vec<u8> {
    use base64::Engine;
    let line = std::fs::read_to_string(file).unwrap();
    let encoded = line.split(' ').nth(1).unwrap();
    base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .unwrap()
}

pub(in crate::agent) fn host(kind: &str, bits: &str, flags: u32) -> Host {
    let folder = tempfile::tempdir().unwrap();
    ssh_keygen(
        folder.path(),
        &["-q", "-t", kind, "-b", bits, "-N", "", "-f", "key"],
    );
    Host {
        key: PrivateKey::parse(&std::fs::read(folder.path().join("key")).unwrap()).unwrap(),
        blob: public_blob(&folder.path().join("key.pub")),
        flags,
    }
}

pub(in crate::agent) fn an_ed25519_host() -> Host {
    host("ed25519", "256", 0)
}

fn content(blob: &[u8], session_id: &[u8], signature: &[u8], forwarding: u8) -> Vec<u8> {
    let mut content = Vec::new();
    for part in [blob, session_id, signature] {
        put_string(&mut content, part);
    }
    content.push(forwarding);
    content
}

impl Host {
    pub(in crate::agent) fn binding(&self, session_id: &[u8], forwarding: u8) -> Vec<u8> {
        let signature = self.key.sign(session_id, self.flags).unwrap();
        content(&self.blob, session_id, &signature, forwarding)
    }
}

pub(in crate::agent) fn bound(bindings: &[Vec<u8>]) -> Bound {
    let mut bound = Bound::default();
    for binding in bindings {
        bound.bind(binding).unwrap();
    }
    bound
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn every_type_of_host_key_binds() {
    for (kind, bits, flags) in [
        ("ed25519", "256", 0),
        ("ecdsa", "256", 0),
        ("ecdsa", "384", 0),
        ("ecdsa", "521", 0),
        ("rsa", "2048", 2),
        ("rsa", "3072", 4),
    ] {
        let host = host(kind, bits, flags);
        let bound = bound(&[host.binding(b"session", 0)]);
        let expected = State::Bound {
            host_key: &KeyData::decode(&mut host.blob.as_slice()).unwrap(),
            session_id: b"session",
            forwarded: false,
            hops: 1,
        };
        assert_eq!(bound.state(), expected, "{kind} {bits}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_certificate_binds_with_its_plain_key() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for kind in ["ed25519", "rsa", "ecdsa"] {
        let (ca, key) = (format!("{kind}-ca"), format!("{kind}-key"));
        for file in [&ca, &key] {
            ssh_keygen(folder, &["-q", "-t", kind, "-N", "", "-f", file]);
        }
        ssh_keygen(
            folder,
            &["-q", "-s", &ca, "-h", "-I", "web", &format!("{key}.pub")],
        );
        let host = Host {
            key: PrivateKey::parse(&std::fs::read(folder.join(&key)).unwrap()).unwrap(),
            blob: public_blob(&folder.join(format!("{key}-cert.pub"))),
            flags: 4,
        };
        let bound = bound(&[host.binding(b"session", 0)]);
        assert!(matches!(bound.state(), State::Bound { .. }), "{kind}");
    }
}

#[test]
fn security_keys_bind_with_the_token_s_message() {
    let session_id = b"session";
    let mut message = digest(&SHA256, b"ssh:").as_ref().to_vec();
    message.extend([1, 0, 0, 0, 9]);
    message.extend(digest(&SHA256, session_id).as_ref());

    let pair = Ed25519KeyPair::generate().unwrap();
    let mut blob = Vec::new();
    for part in [
        b"sk-ssh-ed25519@openssh.com".as_slice(),
        pair.public_key().as_ref(),
        b"ssh:",
    ] {
        put_string(&mut blob, part);
    }
    let mut signature = Vec::new();
    put_string(&mut signature, b"sk-ssh-ed25519@openssh.com");
    put_string(&mut signature, pair.sign(&message).as_ref());
    signature.extend([1, 0, 0, 0, 9]);
    bound(&[content(&blob, session_id, &signature, 0)]);
    // A counter that the token did not sign.
    *signature.last_mut().unwrap() = 8;
    let forged = content(&blob, session_id, &signature, 0);
    assert_eq!(Bound::default().bind(&forged), Err(BindProblem::Signature));

    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let name = "sk-ecdsa-sha2-nistp256@openssh.com";
    let mut blob = Vec::new();
    for part in [
        name.as_bytes(),
        b"nistp256",
        pair.public_key().as_ref(),
        b"ssh:",
    ] {
        put_string(&mut blob, part);
    }
    let fixed = pair.sign(&SystemRandom::new(), &message).unwrap();
    let mut value = Vec::new();
    for half in fixed.as_ref().chunks(32) {
        put_mpint(&mut value, half);
    }
    let mut signature = Vec::new();
    put_string(&mut signature, name.as_bytes());
    put_string(&mut signature, &value);
    signature.extend([1, 0, 0, 0, 9]);
    bound(&[content(&blob, session_id, &signature, 0)]);
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_binding_that_failed_is_remembered() {
    let host = an_ed25519_host();
    let mut bound = Bound::default();
    let mut forged = host.binding(b"session", 0);
    let other = host.binding(b"other", 0);
    let at = forged.len() - 2;
    forged[at] ^= 1;
    assert_eq!(bound.bind(&forged), Err(BindProblem::Signature));
    bound.bind(&other).unwrap();
    assert_eq!(bound.state(), State::Failed(BindProblem::Signature));
    let mut login = a_login();
    login.session_id = b"other".to_vec();
    let untied = Untied::BindFailed(BindProblem::Signature);
    assert_eq!(bound.destination(&login, &login.key_blob), Err(untied));
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_signature_of_another_session_or_host_does_not_bind() {
    let (host, other) = (an_ed25519_host(), an_ed25519_host());
    let signature = host.key.sign(b"session", 0).unwrap();
    for content in [
        content(&host.blob, b"another", &signature, 0),
        content(&other.blob, b"session", &signature, 0),
    ] {
        assert_eq!(Bound::default().bind(&content), Err(BindProblem::Signature));
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn sha1_and_unknown_host_keys_do_not_bind() {
    let rsa = host("rsa", "2048", 2);
    let signature = rsa.key.sign(b"session", rsa.flags).unwrap();
    let value = Wire::new(&signature[4 + 12..]).string().unwrap();
    let mut sha1 = Vec::new();
    put_string(&mut sha1, b"ssh-rsa");
    put_string(&mut sha1, value);
    let content_of_sha1 = content(&rsa.blob, b"session", &sha1, 0);
    assert_eq!(
        Bound::default().bind(&content_of_sha1),
        Err(BindProblem::Signature)
    );

    let mut unknown = Vec::new();
    put_string(&mut unknown, b"ssh-future@example.com");
    put_string(&mut unknown, b"key");
    let content_of_unknown = content(&unknown, b"session", &signature, 0);
    assert_eq!(
        Bound::default().bind(&content_of_unknown),
        Err(BindProblem::HostKeyType)
    );
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn malformed_bindings_fail_for_good() {
    let host = an_ed25519_host();
    let good = host.binding(b"session", 0);
    let mut trailing = good.clone();
    trailing.push(0);
    let no_session = host.binding(b"", 0);
    let long_session = host.binding(&[0; 129], 0);
    let cut = good[..good.len() - 1].to_vec();
    for content in [trailing, no_session, long_session, cut, Vec::new()] {
        let mut bound = Bound::default();
        assert_eq!(bound.bind(&content), Err(BindProblem::Malformed));
        assert_eq!(bound.state(), State::Failed(BindProblem::Malformed));
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_forwarding_of_two_is_a_forwarding() {
    let bound = bound(&[an_ed25519_host().binding(b"session", 2)]);
    assert!(bound.forwarded() && bound.is_lent());
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_connection_bound_for_a_login_cannot_be_lent_on() {
    let host = an_ed25519_host();
    let mut bound = bound(&[host.binding(b"session", 0)]);
    assert_eq!(
        bound.bind(&host.binding(b"next", 1)),
        Err(BindProblem::AfterLogin)
    );
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn forwarding_is_latched_and_repeats_are_harmless() {
    let (hop, last) = (an_ed25519_host(), an_ed25519_host());
    let lent = hop.binding(b"one", 1);
    let bound = bound(&[lent.clone(), lent, last.binding(b"two", 0)]);
    let expected = State::Bound {
        host_key: &KeyData::decode(&mut last.blob.as_slice()).unwrap(),
        session_id: b"two",
        forwarded: true,
        hops: 2,
    };
    assert_eq!(bound.state(), expected);
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn one_session_has_one_host_key() {
    let (hop, other) = (an_ed25519_host(), an_ed25519_host());
    let mut bound = bound(&[hop.binding(b"one", 1)]);
    assert_eq!(
        bound.bind(&other.binding(b"one", 1)),
        Err(BindProblem::OtherHostKey)
    );
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn the_seventeenth_hop_is_one_too_many() {
    let host = an_ed25519_host();
    let bindings: Vec<_> = (0..16u8).map(|hop| host.binding(&[hop + 1], 1)).collect();
    let mut bound = bound(&bindings);
    assert_eq!(
        bound.bind(&host.binding(&[99], 0)),
        Err(BindProblem::TooManyHops)
    );
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_login_is_tied_when_all_of_it_agrees() {
    let host = an_ed25519_host();
    let bound = bound(&[host.binding(&[7; 32], 0)]);
    for host_key in [None, Some(host.blob.clone())] {
        let login = Login {
            host_key,
            ..a_login()
        };
        assert_eq!(
            Payload::parse(&login_data(&login)),
            Payload::Login(login.clone())
        );
        let destination = bound.destination(&login, &login.key_blob).unwrap();
        assert_eq!(destination.user, "root");
        assert!(!destination.forwarded);
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_login_that_differs_anywhere_is_not_tied() {
    let (host, hop) = (an_ed25519_host(), an_ed25519_host());
    let local = bound(&[host.binding(&[7; 32], 0)]);
    let lent = bound(&[hop.binding(b"one", 1)]);
    let onward = bound(&[hop.binding(b"one", 1), host.binding(&[7; 32], 0)]);
    let login = a_login();
    let other_session = Login {
        session_id: vec![8; 32],
        ..a_login()
    };
    let other_host = Login {
        host_key: Some(hop.blob.clone()),
        ..a_login()
    };
    let key: &[u8] = &login.key_blob;
    for (bound, login, key, expected) in [
        (&Bound::default(), &login, key, Untied::Unbound),
        (&local, &login, b"other", Untied::Key),
        (&local, &other_session, key, Untied::Session),
        (&local, &other_host, key, Untied::HostKey),
        (&lent, &login, key, Untied::ForwardingHop),
        (&onward, &login, key, Untied::HostKeyMissing),
    ] {
        assert_eq!(bound.destination(login, key), Err(expected));
    }
    let named = Login {
        host_key: Some(host.blob.clone()),
        ..a_login()
    };
    assert!(onward.destination(&named, key).unwrap().forwarded);
}

proptest! {
    #[test]
    fn no_content_binds_by_chance(content in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut bound = Bound::default();
        prop_assert!(bound.bind(&content).is_err());
        prop_assert!(matches!(bound.state(), State::Failed(_)));
    }

    #[test]
    #[cfg_attr(windows, ignore = "needs ssh-keygen")]
    fn a_changed_byte_never_binds_to_another_host(at in 0usize..4096, bit in 0u8..8) {
        use std::sync::LazyLock;
        static BINDING: LazyLock<Vec<u8>> = LazyLock::new(|| an_ed25519_host().binding(b"session", 0));
        let mut changed = BINDING.clone();
        let at = at % changed.len();
        changed[at] ^= 1 << bit;
        // Only the forwarding flag, which no host signs, can change; it then says "forwarded".
        let mut bound = Bound::default();
        prop_assert_eq!(bound.bind(&changed).is_ok(), at == changed.len() - 1);
        prop_assert!(bound.bind(&changed).is_err() || bound.forwarded());
    }
}
