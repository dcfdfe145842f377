//! Keys and certificates as `ssh-keygen` makes them, taken apart into the parts agents are sent.

use std::path::Path;
use std::process::Command;

use base64::Engine as _;

use super::client::{Fields, string};
use super::{ran, utf8};

/// Every kind of key an agent holds: type and bits, as `ssh-keygen` takes them.
pub const KINDS: [(&str, &str); 5] = [
    ("ed25519", "256"),
    ("ecdsa", "256"),
    ("ecdsa", "384"),
    ("ecdsa", "521"),
    ("rsa", "2048"),
];

/// A key pair in a folder of its own.
pub struct TestKey {
    pub name: String,
    /// The file of the private key.
    pub private: String,
    /// The file of the public key.
    pub public: String,
    /// The public key as SSH encodes it.
    pub blob: Vec<u8>,
    /// Algorithm and private part, field by field, in the order of section 3.2 of the RFC.
    pub fields: Vec<Vec<u8>>,
    folder: tempfile::TempDir,
}

impl TestKey {
    pub fn new(kind: &str, bits: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = format!("{kind}-{bits}");
        let private = utf8(&folder.path().join(&name));
        ssh_keygen(&[
            "-q", "-t", kind, "-b", bits, "-N", "", "-C", &name, "-f", &private,
        ]);
        let public = format!("{private}.pub");
        Self {
            blob: public_blob(Path::new(&public)),
            fields: private_fields(Path::new(&private)),
            name,
            private,
            public,
            folder,
        }
    }

    /// One of each kind.
    pub fn all() -> Vec<Self> {
        KINDS
            .iter()
            .map(|(kind, bits)| Self::new(kind, bits))
            .collect()
    }

    pub fn public_line(&self) -> String {
        std::fs::read_to_string(&self.public).unwrap()
    }

    /// Has `authority` certify it, next to the key where `ssh-add` looks; returns the file.
    pub fn certify(&self, authority: &Self, extra: &[&str]) -> String {
        let plain = [
            "-q",
            "-s",
            &authority.private,
            "-I",
            "test",
            "-n",
            "somebody",
        ];
        let args = [&plain[..], extra, &[&self.public]].concat();
        ssh_keygen(&args);
        self.certificate()
    }

    pub fn certificate(&self) -> String {
        format!("{}-cert.pub", self.private)
    }

    /// The message that adds this key.
    pub fn add(&self, comment: &str) -> Vec<u8> {
        add(&self.fields, comment.as_bytes(), &[])
    }

    pub fn add_constrained(&self, comment: &str, constraints: &[Vec<u8>]) -> Vec<u8> {
        add(&self.fields, comment.as_bytes(), constraints)
    }

    /// What is sent instead of [`Self::fields`] to add a certificate of this key.
    pub fn certificate_fields(&self, certificate: &[u8]) -> Vec<Vec<u8>> {
        let algorithm = Fields(certificate).string().unwrap();
        let mut fields = vec![algorithm, certificate.to_vec()];
        // What the certificate holds already is left out: e and n, or curve and point.
        fields.extend_from_slice(match self.fields[0].as_slice() {
            b"ssh-ed25519" => &self.fields[1..],
            _ => &self.fields[3..],
        });
        fields
    }
}

/// The message that adds a key of these fields: 17, or 25 where there are constraints.
pub fn add(fields: &[Vec<u8>], comment: &[u8], constraints: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![if constraints.is_empty() { 17 } else { 25 }];
    out.extend(fields.iter().flat_map(|field| string(field)));
    out.extend(string(comment));
    out.extend(constraints.concat());
    out
}

pub fn ssh_keygen(args: &[&str]) -> String {
    ran(Command::new("ssh-keygen").args(args)).ok()
}

pub fn public_blob(file: &Path) -> Vec<u8> {
    let line = std::fs::read_to_string(file).unwrap();
    let encoded = line.split_whitespace().nth(1).unwrap();
    base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .unwrap()
}

/// OpenSSH's private key file has the fields in just the order in which agents want them.
fn private_fields(file: &Path) -> Vec<Vec<u8>> {
    let text = std::fs::read_to_string(file).unwrap();
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(body)
        .unwrap();
    let mut outer = Fields(bytes.strip_prefix(b"openssh-key-v1\0").unwrap());
    // Cipher, derivation and its options; how many keys; the public key.
    for _ in 0..3 {
        outer.string().unwrap();
    }
    assert_eq!(outer.uint32(), Some(1));
    outer.string().unwrap();
    let secret = outer.string().unwrap();
    let mut fields = Fields(&secret);
    assert_eq!(fields.uint32(), fields.uint32());
    let algorithm = fields.string().unwrap();
    let count = match algorithm.as_slice() {
        b"ssh-ed25519" => 2,
        b"ssh-rsa" => 6,
        b"ssh-dss" => 5,
        _ => 3,
    };
    let rest = (0..count).map(|_| fields.string().unwrap());
    std::iter::once(algorithm)
        .chain(rest.collect::<Vec<_>>())
        .collect()
}
