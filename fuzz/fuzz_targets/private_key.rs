//! Any bytes are a private key whose signatures its public half verifies, or a problem that can be
//! shown.
//!
//! The first byte of the input says what follows: the text that a vault holds, or the bytes of a
//! PEM block with one of the labels, so that what is inside of base64 is changed as well.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use pimento::signature::verify;
use pimento::secret::private_key::{KeyProblem, PrivateKey};

fuzz_target!(|input: &[u8]| {
    let Some((&label, rest)) = input.split_first() else {
        return;
    };
    let label = usize::from(label).checked_sub(1);
    let Some(label) = label.and_then(|label| LABELS.get(label)) else {
        return text(rest);
    };
    let body = STANDARD.encode(rest);
    let armoured = format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    text(armoured.as_bytes());
});

fn text(bytes: &[u8]) {
    match PrivateKey::parse(bytes) {
        Ok(key) => signs(&key),
        Err(problem) => shown(&problem),
    }
}

fn signs(key: &PrivateKey) {
    let signature = key.sign(b"data", 4).unwrap();
    let public = key.public().key_data();
    assert!(verify(public, b"data", &signature).is_ok());
    assert!(verify(public, b"date", &signature).is_err());
    assert!(key.sign(b"data", 1).is_err());
}

/// A problem is logged and shown, so nothing of the secret may be in it: it is plain text of a
/// length that does not depend on what was read.
fn shown(problem: &KeyProblem) {
    let text = problem.to_string();
    assert!(
        text.len() < 200 && !text.contains(char::is_control),
        "{text}"
    );
    assert!(!problem.remedy().is_empty());
}

const LABELS: [&str; 4] = [
    "OPENSSH PRIVATE KEY",
    "PRIVATE KEY",
    "RSA PRIVATE KEY",
    "EC PRIVATE KEY",
];
