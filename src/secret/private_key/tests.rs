use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// Key types by the names of `ssh-keygen`, with the flags a client would send.
const KINDS: [(&str, &str, u32); 7] = [
    ("ed25519", "256", 0),
    ("ecdsa", "256", 0),
    ("ecdsa", "384", 0),
    ("ecdsa", "521", 0),
    ("rsa", "2048", 2),
    ("rsa", "3072", 4),
    ("rsa", "4096", 6),
];

struct Made {
    folder: TempDir,
}

impl Made {
    /// A key of `ssh-keygen`; `format` is its `-m`.
    fn new(kind: &str, bits: &str, format: &str, passphrase: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = Command::new("ssh-keygen")
            .args([
                "-q", "-t", kind, "-b", bits, "-m", format, "-N", passphrase, "-C", "", "-f",
            ])
            .arg(folder.path().join("key"))
            .status();
        assert!(made.unwrap().success());
        Self { folder }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("key")).unwrap()
    }

    fn public(&self) -> PublicKey {
        PublicKey::read_openssh_file(self.folder.path().join("key.pub")).unwrap()
    }

    /// Whether OpenSSH itself accepts `signature` of `message` by this key (`ssh-keygen -Y`).
    fn verifies(&self, key: &PrivateKey, flags: u32, namespace: &str, message: &[u8]) -> bool {
        let signed = sshsig(namespace, message);
        let signature = key.sign(&signed, flags).unwrap();
        let armored = armor(key.public(), namespace, &signature);
        let path = |name: &str| self.folder.path().join(name);
        std::fs::write(path("sig"), armored).unwrap();
        let signers = format!("me {}\n", key.public().to_openssh().unwrap());
        std::fs::write(path("signers"), signers).unwrap();
        ssh_keygen_verify(&path("signers"), namespace, &path("sig"), message)
    }
}

fn ssh_keygen_verify(signers: &Path, namespace: &str, signature: &Path, message: &[u8]) -> bool {
    use std::io::Write;
    let mut verify = Command::new("ssh-keygen")
        .args(["-Y", "verify", "-I", "me", "-n", namespace, "-f"])
        .arg(signers)
        .arg("-s")
        .arg(signature)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    verify.stdin.take().unwrap().write_all(message).unwrap();
    verify.wait().unwrap().success()
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend_from_slice(bytes);
}

/// What is signed (PROTOCOL.sshsig).
fn sshsig(namespace: &str, message: &[u8]) -> Vec<u8> {
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, message);
    let mut out = b"SSHSIG".to_vec();
    for part in [namespace.as_bytes(), b"", b"sha512", hash.as_ref()] {
        field(&mut out, part);
    }
    out
}

fn armor(public: &PublicKey, namespace: &str, signature: &[u8]) -> String {
    use base64::Engine as _;
    let mut out = b"SSHSIG\0\0\0\x01".to_vec();
    for part in [
        &public.to_bytes().unwrap()[..],
        namespace.as_bytes(),
        b"",
        b"sha512",
        signature,
    ] {
        field(&mut out, part);
    }
    let base64 = base64::engine::general_purpose::STANDARD.encode(out);
    format!("-----BEGIN SSH SIGNATURE-----\n{base64}\n-----END SSH SIGNATURE-----\n")
}

fn problem(text: &str) -> KeyProblem {
    PrivateKey::parse(text.as_bytes()).err().unwrap()
}

#[test]
fn openssh_accepts_our_signatures_by_its_keys_in_every_form() {
    for (kind, bits, flags) in KINDS {
        for format in ["RFC4716", "PEM", "PKCS8"] {
            let made = Made::new(kind, bits, format, "");
            let key = PrivateKey::parse(made.text().as_bytes())
                .unwrap_or_else(|problem| panic!("{kind} {bits} {format}: {problem}"));
            assert_eq!(key.public().key_data(), made.public().key_data());
            assert!(
                made.verifies(&key, flags, "test", b"hello"),
                "{kind} {bits} {format}"
            );
        }
    }
}

#[test]
fn a_changed_message_does_not_verify() {
    let made = Made::new("ed25519", "256", "RFC4716", "");
    let key = PrivateKey::parse(made.text().as_bytes()).unwrap();
    let signed = sshsig("test", b"hello");
    let signature = key.sign(&signed, 0).unwrap();
    let path = |name: &str| made.folder.path().join(name);
    std::fs::write(path("sig"), armor(key.public(), "test", &signature)).unwrap();
    std::fs::write(
        path("signers"),
        format!("me {}\n", key.public().to_openssh().unwrap()),
    )
    .unwrap();
    assert!(ssh_keygen_verify(
        &path("signers"),
        "test",
        &path("sig"),
        b"hello"
    ));
    assert!(!ssh_keygen_verify(
        &path("signers"),
        "test",
        &path("sig"),
        b"hellp"
    ));
}

#[test]
fn what_the_way_into_the_vault_does_to_a_key_is_undone() {
    for (kind, bits) in [("ed25519", "256"), ("rsa", "2048"), ("ecdsa", "256")] {
        for format in ["RFC4716", "PEM"] {
            let made = Made::new(kind, bits, format, "");
            let text = made.text();
            for damaged in [
                text.replace('\n', "\r\n"),
                text.trim_end().to_owned(),
                format!("\n\n{text}"),
                format!("{text}\n\n"),
                format!("\u{feff}{text}"),
                text.trim_end().replace('\n', " "),
                text.replace('\n', "\\n"),
                text.replace('\n', ""),
            ] {
                let key = PrivateKey::parse(damaged.as_bytes())
                    .unwrap_or_else(|problem| panic!("{kind} {format} {damaged:?}: {problem}"));
                assert_eq!(key.public().key_data(), made.public().key_data());
            }
        }
    }
}

#[test]
fn what_cannot_be_undone_is_named() {
    let text = Made::new("ed25519", "256", "RFC4716", "").text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(problem(&lines[..3].join("\n")), KeyProblem::Damaged);
    let missing = format!("{}\n{}\n{}", lines[0], lines[2], lines[lines.len() - 1]);
    assert_eq!(problem(&missing), KeyProblem::Damaged);
    assert_eq!(problem(""), KeyProblem::Empty);
    assert_eq!(problem(" \n"), KeyProblem::Empty);
    assert_eq!(problem("hunter2"), KeyProblem::NotAKey);
    assert_eq!(
        problem("PuTTY-User-Key-File-3: ssh-ed25519\n"),
        KeyProblem::Putty
    );
    assert_eq!(
        problem("-----BEGIN DSA PRIVATE KEY-----\nAA==\n-----END DSA PRIVATE KEY-----"),
        KeyProblem::Dsa
    );
    assert_eq!(
        problem("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----"),
        KeyProblem::NotAKey
    );
}

#[test]
fn a_public_key_in_place_of_the_private_one_is_called_so() {
    let made = Made::new("ed25519", "256", "RFC4716", "");
    assert_eq!(
        problem(&made.public().to_openssh().unwrap()),
        KeyProblem::PublicKey
    );
    assert_eq!(
        problem("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----"),
        KeyProblem::PublicKey
    );
}

#[test]
fn a_passphrase_is_reported_in_every_form() {
    for format in ["RFC4716", "PEM", "PKCS8"] {
        let made = Made::new("rsa", "2048", format, "secret");
        assert_eq!(problem(&made.text()), KeyProblem::Encrypted, "{format}");
    }
}

#[test]
fn a_short_rsa_key_is_refused() {
    let made = Made::new("rsa", "1024", "PEM", "");
    assert_eq!(problem(&made.text()), KeyProblem::RsaRejected);
    let made = Made::new("rsa", "1024", "RFC4716", "");
    assert_eq!(problem(&made.text()), KeyProblem::RsaRejected);
}

#[test]
fn rsa_signs_with_the_hash_the_flags_name_and_never_with_sha1() {
    let made = Made::new("rsa", "2048", "RFC4716", "");
    let key = PrivateKey::parse(made.text().as_bytes()).unwrap();
    let name = |flags| {
        let signature = key.sign(b"data", flags).unwrap();
        String::from_utf8(signature[4..16].to_vec()).unwrap()
    };
    assert_eq!(name(2), "rsa-sha2-256");
    assert_eq!(name(4), "rsa-sha2-512");
    assert_eq!(name(6), "rsa-sha2-256");
    assert_eq!(key.sign(b"data", 0), Err(KeyProblem::Sha1));
    assert_eq!(key.sign(b"data", 8), Err(KeyProblem::Flags(8)));
    assert_eq!(
        key.sign(b"data", 0x8000_0002),
        Err(KeyProblem::Flags(0x8000_0002))
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _refused = PrivateKey::parse(&bytes).is_err();
    }

    #[test]
    fn no_body_makes_the_reader_panic(
        label in "(OPENSSH |RSA |EC |)PRIVATE KEY",
        body in "[A-Za-z0-9+/=\\\\n ]{0,200}",
    ) {
        let text = format!("-----BEGIN {label}-----{body}-----END {label}-----");
        prop_assert!(PrivateKey::parse(text.as_bytes()).is_err());
    }
}
