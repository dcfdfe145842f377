//! What vaults give out for certificates, written by OpenSSL.

use std::fs;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;

/// A folder with an authority, one that it has issued, and a certificate of that one.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        folder.issue("root", EC, &[]);
        folder.issue("middle", EC, &["-CA", "root.crt", "-CAkey", "root.key"]);
        folder.issue("leaf", RSA, &["-CA", "middle.crt", "-CAkey", "middle.key"]);
        folder
    }

    fn issue(&self, name: &str, key: &[&str], by: &[&str]) {
        let (subject, days) = (format!("/CN={name}"), "30");
        let (out, private) = (format!("{name}.crt"), format!("{name}.key"));
        let start = ["req", "-x509", "-nodes", "-days", days, "-subj", &subject];
        let files = ["-out", &out, "-keyout", &private];
        self.openssl(&[&start[..], key, by, &files].concat());
    }

    fn openssl(&self, arguments: &[&str]) {
        let done = Command::new("openssl")
            .args(arguments)
            .current_dir(self.path())
            .output();
        let done = done.unwrap();
        assert!(done.status.success(), "{arguments:?} {done:?}");
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    /// A PKCS#12 file as a vault gives it out.
    fn pkcs12(&self, options: &[&str]) -> String {
        let start = ["pkcs12", "-export", "-out", "file", "-passout"];
        self.openssl(&[&start[..], options].concat());
        STANDARD.encode(fs::read(self.path().join("file")).unwrap())
    }
}

const EC: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
const RSA: &[&str] = &["-newkey", "rsa:2048"];
const ALL: &[&str] = &[
    "-in",
    "leaf.crt",
    "-inkey",
    "leaf.key",
    "-certfile",
    "middle.crt",
];

fn problem(value: &str) -> ClientCertificateProblem {
    match ClientCertificate::parse(value.as_bytes()) {
        Ok(_) => panic!("it was taken"),
        Err(problem) => problem,
    }
}

fn part(found: &ClientCertificate, part: Part) -> String {
    String::from_utf8(found.expose_secret(part).unwrap().to_vec()).unwrap()
}

/// All of `found` is what the folder has, in its order.
fn is_whole(found: &ClientCertificate, folder: &Folder) {
    let chain = folder.text("leaf.crt") + &folder.text("middle.crt");
    assert_eq!(part(found, Part::Certificate), chain);
    assert_eq!(part(found, Part::Key), folder.text("leaf.key"));
    assert_eq!(part(found, Part::Both), folder.text("leaf.key") + &chain);
    assert!(found.begins() < found.ends());
}

#[test]
#[cfg_attr(windows, ignore = "needs openssl")]
fn every_cipher_that_pkcs12_files_are_written_with_is_read() {
    let folder = Folder::new();
    let windows = [
        "-keypbe",
        "PBE-SHA1-3DES",
        "-certpbe",
        "PBE-SHA1-3DES",
        "-macalg",
        "sha1",
    ];
    let mixed = [
        "-keypbe",
        "aes-128-cbc",
        "-certpbe",
        "des-ede3-cbc",
        "-macalg",
        "sha512",
    ];
    let plain = ["-keypbe", "NONE", "-certpbe", "NONE", "-nomac"];
    for options in [&[][..], &["-legacy"], &windows, &mixed, &plain] {
        let value = folder.pkcs12(&[&["pass:"], ALL, options].concat());
        is_whole(
            &ClientCertificate::parse(value.as_bytes()).unwrap(),
            &folder,
        );
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs openssl")]
fn pem_is_read_in_any_order_and_with_any_form_of_the_key() {
    let folder = Folder::new();
    let rsa = ["rsa", "-in", "leaf.key", "-traditional", "-out", "pkcs1"];
    folder.openssl(&rsa);
    let [leaf, middle, key, pkcs1] =
        ["leaf.crt", "middle.crt", "leaf.key", "pkcs1"].map(|name| folder.text(name));
    assert!(pkcs1.contains("RSA PRIVATE KEY"));
    for text in [
        format!("{key}{leaf}{middle}"),
        format!("subject=CN = x\n{middle}{pkcs1}\n{leaf}"),
        format!("{middle}{leaf}{key}{}", folder.text("middle.crt")).replace('\n', "\r\n"),
    ] {
        is_whole(&ClientCertificate::parse(text.as_bytes()).unwrap(), &folder);
    }
    folder.openssl(&["ec", "-in", "middle.key", "-out", "sec1"]);
    let sec1 = folder.text("sec1");
    assert!(sec1.contains("EC PRIVATE KEY"));
    let found = ClientCertificate::parse(format!("{sec1}{middle}").as_bytes()).unwrap();
    folder.openssl(&["pkey", "-in", "middle.key", "-out", "pkcs8"]);
    assert_eq!(part(&found, Part::Key), folder.text("pkcs8"));
}

#[test]
#[cfg_attr(windows, ignore = "needs openssl")]
fn a_certificate_whose_key_stays_in_its_vault_comes_alone() {
    let folder = Folder::new();
    let chain = ["leaf.crt", "middle.crt"].map(|name| folder.text(name));
    let pkcs12 = folder.pkcs12(&[
        "pass:",
        "-nokeys",
        "-in",
        "leaf.crt",
        "-certfile",
        "middle.crt",
    ]);
    for value in [chain.concat(), pkcs12] {
        let found = ClientCertificate::parse(value.as_bytes()).unwrap();
        assert_eq!(part(&found, Part::Certificate), chain.concat());
        for wanted in [Part::Both, Part::Key] {
            let refused = found.expose_secret(wanted).unwrap_err();
            assert_eq!(refused, ClientCertificateProblem::NoKey);
            assert!(refused.remedy("kv", "web").contains("?part=certificate"));
        }
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs openssl")]
fn what_does_not_belong_together_is_refused() {
    use ClientCertificateProblem::{AnotherKey, Encrypted, Format, Missing, SeveralKeys};
    let folder = Folder::new();
    let [leaf, middle, key] = ["leaf.crt", "middle.crt", "leaf.key"].map(|it| folder.text(it));
    assert_eq!(problem(&format!("{key}{middle}")), AnotherKey);
    assert_eq!(problem(&key), Missing);
    let other = folder.text("middle.key");
    assert_eq!(problem(&format!("{key}{other}{leaf}")), SeveralKeys);
    let encrypt = [
        "pkcs8", "-topk8", "-in", "leaf.key", "-passout", "pass:x", "-out", "closed",
    ];
    folder.openssl(&encrypt);
    let closed = folder.text("closed");
    assert_eq!(problem(&format!("{closed}{leaf}")), Encrypted);
    assert_eq!(
        problem(&folder.pkcs12(&[&["pass:x"], ALL].concat())),
        Encrypted
    );
    for value in ["", "hunter2!", "AAAA", "ssh-ed25519 AAAA"] {
        assert_eq!(problem(value), Format, "{value}");
    }
    let cut = leaf.get(..200).unwrap();
    assert_eq!(
        problem(&format!("{key}{cut}")),
        ClientCertificateProblem::Damaged
    );
    for problem in [AnotherKey, Encrypted, Format, Missing, SeveralKeys] {
        let remedy = problem.remedy("kv-web", "client");
        assert!(remedy.contains("az keyvault certificate"), "{remedy}");
        assert!(
            remedy.contains("--vault-name kv-web --name client"),
            "{remedy}"
        );
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs openssl")]
fn a_file_with_a_byte_changed_is_refused_or_has_the_same_key() {
    let folder = Folder::new();
    let file = folder.pkcs12(&[&["pass:", "-keypbe", "NONE", "-nomac"], ALL].concat());
    let file = STANDARD.decode(file).unwrap();
    let key = folder.text("leaf.key");
    proptest!(|(at in any::<prop::sample::Index>(), byte in any::<u8>())| {
        let mut file = file.clone();
        let at = at.index(file.len());
        file[at] = byte;
        if let Ok(found) = ClientCertificate::parse(STANDARD.encode(&file).as_bytes())
            && let Ok(read) = found.expose_secret(Part::Key)
        {
            prop_assert_eq!(&read[..], key.as_bytes());
        }
    });
}
