use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use proptest::prelude::*;
use ssh_encoding::Encode;

use super::*;
use crate::wire::Wire;

/// Type, size, and the formats that ssh-keygen writes it in.
const KEYS: &[(&str, &str)] = &[
    ("ed25519", "256"),
    ("ecdsa", "256"),
    ("ecdsa", "384"),
    ("ecdsa", "521"),
    ("rsa", "2048"),
    ("rsa", "3072"),
];

fn run(program: &str, args: &[&str]) -> std::process::Output {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    output
}

/// Makes a key with ssh-keygen and returns the file's text and the public key's line.
fn generated(folder: &Path, kind: &str, bits: &str, format: &str) -> (String, String) {
    let file = folder.join(format!("{kind}-{bits}-{format}"));
    let file = file.to_str().unwrap();
    run(
        "ssh-keygen",
        &[
            "-q", "-t", kind, "-b", bits, "-m", format, "-N", "", "-C", "c", "-f", file,
        ],
    );
    let public = std::fs::read_to_string(format!("{file}.pub")).unwrap();
    (std::fs::read_to_string(file).unwrap(), public)
}

fn an_ed25519() -> String {
    let folder = tempfile::tempdir().unwrap();
    generated(folder.path(), "ed25519", "256", "RFC4716").0
}

fn problem(bytes: &[u8]) -> KeyProblem {
    match PrivateKey::parse(bytes) {
        Ok(_) => panic!("accepted"),
        Err(problem) => problem,
    }
}

fn assert_is(key: &PrivateKey, public_line: &str) {
    let expected = PublicKey::from_openssh(public_line).unwrap();
    assert_eq!(key.public().key_data(), expected.key_data());
}

/// Wraps a signature of ours as `ssh-keygen -Y sign` would, and lets ssh-keygen judge it.
fn assert_ssh_keygen_accepts(folder: &Path, key: &PrivateKey, public_line: &str, flags: u32) {
    let message = b"to be signed";
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, message);
    let mut signed = b"SSHSIG".to_vec();
    for part in [b"file".as_slice(), b"", b"sha512", digest.as_ref()] {
        put_string(&mut signed, part);
    }
    let mut envelope = b"SSHSIG".to_vec();
    envelope.extend(1u32.to_be_bytes());
    put_string(
        &mut envelope,
        &key.public().key_data().encode_vec().unwrap(),
    );
    for part in [b"file".as_slice(), b"", b"sha512"] {
        put_string(&mut envelope, part);
    }
    put_string(&mut envelope, &key.sign(&signed, flags).unwrap());
    let armoured = format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        base64::engine::general_purpose::STANDARD.encode(envelope)
    );
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    std::fs::write(path("sig"), armoured).unwrap();
    std::fs::write(path("message"), message).unwrap();
    std::fs::write(path("allowed"), format!("me {public_line}")).unwrap();
    let output = Command::new("ssh-keygen")
        .args([
            "-Y",
            "verify",
            "-f",
            &path("allowed"),
            "-I",
            "me",
            "-n",
            "file",
        ])
        .args(["-s", &path("sig")])
        .stdin(std::fs::File::open(path("message")).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{public_line}: {output:?}");
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn every_key_of_ssh_keygen_signs_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["RFC4716", "PKCS8", "PEM"] {
        for (kind, bits) in KEYS {
            let (private, public) = generated(folder.path(), kind, bits, format);
            let key = PrivateKey::parse(private.as_bytes())
                .unwrap_or_else(|problem| panic!("{kind} {bits} {format}: {problem}"));
            assert_is(&key, &public);
            let flags: &[u32] = if *kind == "rsa" { &[2, 4, 6] } else { &[0, 4] };
            for &flags in flags {
                assert_ssh_keygen_accepts(folder.path(), &key, &public, flags);
            }
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn an_rsa_key_of_4096_bits_signs() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = generated(folder.path(), "rsa", "4096", "RFC4716");
    let key = PrivateKey::parse(private.as_bytes()).unwrap();
    assert_is(&key, &public);
    assert_ssh_keygen_accepts(folder.path(), &key, &public, 4);
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn the_flags_choose_the_hash_and_256_wins() {
    let folder = tempfile::tempdir().unwrap();
    let (private, _) = generated(folder.path(), "rsa", "2048", "PEM");
    let key = PrivateKey::parse(private.as_bytes()).unwrap();
    for (flags, algorithm) in [
        (2, "rsa-sha2-256"),
        (4, "rsa-sha2-512"),
        (6, "rsa-sha2-256"),
    ] {
        let signature = key.sign(b"x", flags).unwrap();
        let mut wire = Wire::new(&signature);
        assert_eq!(wire.string().unwrap(), algorithm.as_bytes());
        assert_eq!(wire.string().unwrap().len(), 256);
        wire.end().unwrap();
    }
    assert_eq!(key.sign(b"x", 0), Err(KeyProblem::Sha1));
    assert_eq!(key.sign(b"x", 1), Err(KeyProblem::Flags(1)));
    assert_eq!(key.sign(b"x", 10), Err(KeyProblem::Flags(10)));
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn an_unknown_flag_is_refused_for_other_keys_too() {
    let key = PrivateKey::parse(an_ed25519().as_bytes()).unwrap();
    assert_eq!(key.sign(b"x", 8), Err(KeyProblem::Flags(8)));
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn what_forms_and_clipboards_do_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, bits, format) in [
        ("ed25519", "256", "RFC4716"),
        ("rsa", "2048", "PEM"),
        ("ecdsa", "384", "PKCS8"),
    ] {
        let (good, public) = generated(folder.path(), kind, bits, format);
        let mangled = [
            good.replace('\n', "\r\n"),
            good.replace('\n', "\n\n"),
            good.trim_end().to_owned(),
            format!("\u{feff}{good}"),
            format!("\n\n  \n{good}\n\n"),
            good.replace('\n', " "),
            good.trim_end().replace('\n', "\\n"),
            good.replace('\n', "\\r\\n"),
            format!("\"{}\"", good.replace('\n', "\\n")),
            good.replace('\n', "\n    "),
            good.replace('=', ""),
        ];
        for text in mangled {
            let key = PrivateKey::parse(text.as_bytes());
            assert_is(
                &key.unwrap_or_else(|problem| panic!("{problem}: {text}")),
                &public,
            );
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_chain_with_certificates_around_the_key_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (key, public) = generated(folder.path(), "ecdsa", "256", "PKCS8");
    let text = format!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n{key}");
    assert_is(&PrivateKey::parse(text.as_bytes()).unwrap(), &public);
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn what_is_not_a_usable_key_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (good, public) = generated(folder.path(), "ed25519", "256", "RFC4716");
    let body: String = good.lines().filter(|line| !line.starts_with('-')).collect();
    let cut = good.lines().next().unwrap();
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(good.bytes().flat_map(|b| [b, 0]))
        .collect();
    for (bytes, expected) in [
        (b"".as_slice(), "it is empty"),
        (b" \r\n", "it is empty"),
        (&utf16, "it is not a private key: it is UTF-16 text"),
        (b"\x80\x81", "it is not a private key: it is not text"),
        (
            public.as_bytes(),
            "it is a public key; the private key is needed",
        ),
        (
            b"PuTTY-User-Key-File-1: ssh-rsa\n",
            "it is in a version of PuTTY's own format that is not read",
        ),
        (
            b"PuTTY-User-Key-File-3: ssh-ed25519\n",
            "it is damaged: its line Encryption: is missing, or what follows it",
        ),
        (
            b"hunter2",
            "it is not a private key: there is no line -----BEGIN \u{2026} PRIVATE KEY----- in it",
        ),
        (
            body.as_bytes(),
            "it is damaged: its first line (-----BEGIN OPENSSH PRIVATE KEY-----) is missing",
        ),
        (
            cut.as_bytes(),
            "it is damaged: its last line (-----END \u{2026}) is missing",
        ),
        (
            b"-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----",
            "it is not a private key: it is a certificate without its key",
        ),
        (
            b"-----BEGIN PUBLIC KEY-----\nAA\n-----END PUBLIC KEY-----",
            "it is a public key; the private key is needed",
        ),
        (
            b"-----BEGIN DSA PRIVATE KEY-----\nAA\n-----END DSA PRIVATE KEY-----",
            "it is a DSA key, which no current SSH server accepts",
        ),
        (
            b"-----BEGIN RSA PRIVATE KEY-----\n!\n-----END RSA PRIVATE KEY-----",
            "it is damaged: its base64 is broken or cut short",
        ),
    ] {
        let problem = problem(bytes);
        assert_eq!(problem.to_string(), expected);
        assert!(!problem.remedy().is_empty());
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn encrypted_keys_are_told_apart_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["RFC4716", "PKCS8", "PEM"] {
        let file = folder.path().join(format);
        let file = file.to_str().unwrap();
        run(
            "ssh-keygen",
            &[
                "-q", "-t", "rsa", "-b", "2048", "-m", format, "-N", "secret", "-f", file,
            ],
        );
        assert_eq!(
            problem(&std::fs::read(file).unwrap()),
            KeyProblem::Encrypted,
            "{format}"
        );
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_short_rsa_key_is_refused_with_its_size() {
    let folder = tempfile::tempdir().unwrap();
    for format in ["RFC4716", "PKCS8", "PEM"] {
        let (private, _) = generated(folder.path(), "rsa", "1024", format);
        assert_eq!(
            problem(private.as_bytes()),
            KeyProblem::RsaSize(1024),
            "{format}"
        );
    }
}

#[test]
fn the_size_of_an_rsa_key_is_that_of_its_modulus_in_bits() {
    let mut odd = vec![0xff; 256];
    odd[0] = 0x7f;
    assert_eq!(rsa_size(&odd), Err(KeyProblem::RsaSize(2047)));
    assert_eq!(rsa_size(&[0xff; 2048]), Err(KeyProblem::RsaSize(16384)));
    assert_eq!(rsa_size(&[0xff; 512]), Ok(()));
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn halves_of_two_keys_do_not_make_one() {
    use base64::engine::general_purpose::STANDARD;
    let bytes = |text: &str| {
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(body).unwrap()
    };
    let (mut one, other) = (bytes(&an_ed25519()), bytes(&an_ed25519()));
    // The outer public key ends at the same place in both: 15 + 8 + 8 + 4 + 4 + 4 + 51.
    one.splice(43..94, other[43..94].iter().copied());
    let text = format!(
        "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----\n",
        STANDARD.encode(one)
    );
    assert_eq!(
        problem(text.as_bytes()).to_string(),
        "it is damaged: its public and private halves do not belong together"
    );
}

proptest! {
    #[test]
    fn an_ecdsa_signature_keeps_both_numbers(
        r in proptest::collection::vec(prop_oneof![Just(0u8), any::<u8>()], 66),
        s in proptest::collection::vec(prop_oneof![Just(0u8), Just(0x80), any::<u8>()], 66),
    ) {
        let significant = |number: &[u8]| number.iter().copied().skip_while(|&byte| byte == 0).collect::<Vec<_>>();
        prop_assume!(!significant(&r).is_empty() && !significant(&s).is_empty());
        let blob = ecdsa_blob("ecdsa-sha2-nistp521", &[r.clone(), s.clone()].concat()).unwrap();
        let mut wire = Wire::new(&blob);
        prop_assert_eq!(wire.string().unwrap(), b"ecdsa-sha2-nistp521");
        let mut value = Wire::new(wire.string().unwrap());
        prop_assert_eq!(value.mpint().unwrap(), significant(&r));
        prop_assert_eq!(value.mpint().unwrap(), significant(&s));
        prop_assert!(value.is_empty() && wire.is_empty());
    }

    #[test]
    fn no_bytes_make_the_parser_fall_over(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        label in prop_oneof![Just("OPENSSH "), Just("RSA "), Just("EC "), Just("")],
    ) {
        let body = base64::engine::general_purpose::STANDARD.encode(body);
        let text = format!("-----BEGIN {label}PRIVATE KEY-----\n{body}\n-----END {label}PRIVATE KEY-----\n");
        prop_assert!(PrivateKey::parse(text.as_bytes()).is_err());
    }

    #[test]
    #[cfg_attr(windows, ignore = "needs ssh-keygen")]
    fn a_changed_byte_is_never_another_key(at in 0usize..4096, with: u8) {
        use std::sync::LazyLock;
        static KEY: LazyLock<String> = LazyLock::new(an_ed25519);
        let mut bytes = KEY.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = with;
        if let Ok(key) = PrivateKey::parse(&bytes) {
            let original = PrivateKey::parse(KEY.as_bytes()).unwrap();
            prop_assert_eq!(key.public(), original.public());
        }
    }
}

/// What `ssh-add` would send of an unencrypted OpenSSH key: kind and numbers, without the comment.
pub(crate) fn added_by_ssh_add(file: &Path) -> Vec<u8> {
    let text = std::fs::read(file).unwrap();
    let body = Armour::find(&text).unwrap().decode().unwrap();
    let mut container = Wire::new(body.strip_prefix(b"openssh-key-v1\0").unwrap());
    for _cipher_kdf_and_options in 0..3 {
        container.string().unwrap();
    }
    assert_eq!(container.uint32(), Ok(1));
    let _public = container.string().unwrap();
    let private = container.string().unwrap();
    let mut wire = Wire::new(&private[8..]);
    let strings = match wire.string().unwrap() {
        b"ssh-ed25519" => 2,
        b"ssh-rsa" => 6,
        _ => 3,
    };
    for _ in 0..strings {
        wire.string().unwrap();
    }
    private[8..private.len() - wire.rest().len()].to_vec()
}
