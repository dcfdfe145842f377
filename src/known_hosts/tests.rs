use std::process::Command;

use aws_lc_rs::hmac;

use super::*;

const KEY: &str = crate::catalog::testing::PUBLIC_KEY;
const OTHER: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDu2oJdLtyC4O3bMZTPHBJfjWDf2mjPGJzxXXjYSx0zE";
// "db01" with salt 0..20, as `ssh-keygen -H` writes it.
const SALT: [u8; 20] = [7; 20];

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn key() -> KeyData {
    ssh_key::PublicKey::from_openssh(KEY)
        .unwrap()
        .key_data()
        .clone()
}

fn names(text: &str, wanted: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    fs::write(&file, text).unwrap();
    let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    KnownHosts::new(vec![file])
        .names(&key(), &wanted, NOW)
        .unwrap_or_default()
}

fn hashed(name: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let salt = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &SALT);
    let hash = hmac::sign(&salt, name.as_bytes());
    format!("|1|{}|{}", STANDARD.encode(SALT), STANDARD.encode(hash))
}

#[test]
fn a_host_key_has_every_name_that_its_lines_give_it() {
    let text =
        format!("# mine\nweb01,10.0.0.1 {KEY}\n\nnonsense\n[web02]:2222 {KEY}\ndb {OTHER}\n");
    assert_eq!(names(&text, &[]), ["web01", "10.0.0.1", "web02"]);
}

#[test]
fn a_hashed_name_is_found_if_it_is_one_that_is_wanted() {
    let text = format!("{} {KEY}\n", hashed("db01"));
    assert_eq!(names(&text, &["db*", "db01"]), ["db01"]);
    assert_eq!(names(&text, &["DB01"]), ["DB01"]);
    assert!(names(&text, &["db*", "db02"]).is_empty());
}

#[test]
fn a_revoked_key_has_no_name_whatever_else_is_said_of_it() {
    let text = format!("web01 {KEY}\n@revoked * {KEY}\n");
    assert!(names(&text, &[]).is_empty());
}

/// The space between the fields is the writer's choice for OpenSSH, in columns or by tabs.
#[test]
fn a_line_counts_however_its_fields_are_spaced() {
    let host = format!("db01 {KEY}");
    assert_eq!(names(&host.replace(' ', "\t"), &[]), ["db01"]);
    assert_eq!(names(&host.replace(' ', "   "), &[]), ["db01"]);
    for space in ["  ", "\t", " \t "] {
        let revoked = format!("@revoked{space}*{space}{}", KEY.replace(' ', space));
        assert_eq!(
            names(&format!("{host}\n{revoked}"), &[]),
            [""; 0],
            "{space:?}"
        );
    }
}

#[test]
fn a_wildcard_or_a_certificate_authority_gives_no_name() {
    let text = format!("*.contoso.com {KEY}\n@cert-authority web01 {KEY}\n");
    assert!(names(&text, &["web01"]).is_empty());
}

#[test]
fn a_missing_file_is_an_empty_one() {
    let files = vec![PathBuf::from("/nonexistent/known_hosts")];
    assert_eq!(
        KnownHosts::new(files).names(&key(), &[], NOW),
        Err(Nameless::Unknown)
    );
}

#[test]
fn no_name_counts_while_a_file_that_may_revoke_it_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let (mine, global) = (folder.path().join("mine"), folder.path().join("global"));
    fs::write(&mine, format!("web01 {KEY}\n")).unwrap();
    let known = KnownHosts::new(vec![mine, global.clone()]);
    let names = || known.names(&key(), &[], NOW);
    assert_eq!(names().unwrap(), ["web01"]);
    fs::create_dir(&global).unwrap();
    let unread = names().unwrap_err();
    assert!(
        unread.to_string().contains("global cannot be read ("),
        "{unread}"
    );
    fs::remove_dir(&global).unwrap();
    let long = fs::File::create(&global).unwrap();
    long.set_len(LONGEST_FILE + 1).unwrap();
    let unread = names().unwrap_err();
    assert!(unread.to_string().contains("longer than"), "{unread}");
}

#[test]
fn a_file_that_changes_is_read_again_and_one_that_does_not_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    fs::write(&file, format!("web01 {KEY}\n")).unwrap();
    let known = KnownHosts::new(vec![file.clone()]);
    assert_eq!(known.names(&key(), &[], NOW).unwrap(), ["web01"]);
    let first = known.read(&file).unwrap();
    assert!(Arc::ptr_eq(&first, &known.read(&file).unwrap()));
    fs::write(&file, format!("web01,web02 {KEY}\n")).unwrap();
    assert_eq!(known.names(&key(), &[], NOW).unwrap(), ["web01", "web02"]);
    fs::remove_file(&file).unwrap();
    assert!(known.names(&key(), &[], NOW).is_err());
}

#[test]
fn a_giant_file_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("known_hosts");
    fs::write(&file, format!("web01 {KEY}\n")).unwrap();
    fs::OpenOptions::new()
        .write(true)
        .open(&file)
        .unwrap()
        .set_len(LONGEST_FILE + 1)
        .unwrap();
    assert!(KnownHosts::new(vec![file]).names(&key(), &[], NOW).is_err());
}

/// A host with a certificate of an authority, by ssh-keygen.
struct Certified {
    folder: tempfile::TempDir,
    shown: KeyData,
}

fn certified_by_ssh_keygen(options: &[&str]) -> Certified {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| ssh_keygen(folder.path(), args);
    for file in ["ca", "key"] {
        run(&["-q", "-t", "ed25519", "-N", "", "-f", file]);
    }
    run(&[&["-q", "-s", "ca", "-I", "id"], options, &["key.pub"]].concat());
    let line = fs::read_to_string(folder.path().join("key-cert.pub")).unwrap();
    let certificate = Certificate::from_openssh(line.trim()).unwrap();
    Certified {
        folder,
        shown: KeyData::Certificate(Box::new(certificate)),
    }
}

fn ssh_keygen(folder: &Path, args: &[&str]) {
    let output = Command::new("ssh-keygen")
        .current_dir(folder)
        .args(args)
        .output();
    assert!(output.unwrap().status.success(), "{args:?}");
}

impl Certified {
    fn public(&self, file: &str) -> String {
        let line = fs::read_to_string(self.folder.path().join(file)).unwrap();
        line.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// The names it has in a file where `CA` and `KEY` stand for the public keys.
    fn names(&self, text: &str) -> Result<Vec<String>, Nameless> {
        let file = self.folder.path().join("known_hosts");
        // Word by word: a key's base64 may have these letters in it.
        let (authority, key) = (self.public("ca.pub"), self.public("key.pub"));
        let filled = text.split_inclusive([' ', '\n']).map(|word| {
            let place = word.trim_end();
            match place {
                "CA" => word.replace(place, &authority),
                "KEY" => word.replace(place, &key),
                _ => word.to_owned(),
            }
        });
        fs::write(&file, filled.collect::<String>()).unwrap();
        KnownHosts::new(vec![file]).names(
            &self.shown,
            &[],
            Timestamp::from_second(1_800_000_000).unwrap(),
        )
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_certificate_gives_the_names_that_its_authority_may_give() {
    let host = certified_by_ssh_keygen(&["-h", "-n", "web01.contoso.com,web01,db*"]);
    for (text, expected) in [
        (
            "@cert-authority * CA\n",
            &["web01.contoso.com", "web01"][..],
        ),
        ("@cert-authority *.contoso.com CA\n", &["web01.contoso.com"]),
        ("@cert-authority [web01]:2222 CA\n", &["web01"]),
        ("@cert-authority *,!web01 CA\n", &["web01.contoso.com"]),
        ("@cert-authority mail* CA\n", &[]),
        ("@cert-authority * KEY\n", &[]),
        ("* CA\n", &[]),
        ("web01 KEY\n", &[]),
        ("@cert-authority * CA\n@revoked * CA\n", &[]),
        ("@revoked * KEY\n@cert-authority * CA\n", &[]),
    ] {
        assert_eq!(host.names(text).unwrap_or_default(), expected, "{text}");
    }
    let text = format!("@cert-authority {} CA\n", hashed("web01"));
    assert_eq!(host.names(&text).unwrap(), ["web01"]);
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_certificate_that_gives_no_name_says_why() {
    let host = certified_by_ssh_keygen(&["-h", "-n", "web01,web02"]);
    for (text, expected) in [
        ("web01 KEY\n", Nameless::AuthorityUnknown),
        ("@cert-authority * KEY\n", Nameless::AuthorityUnknown),
        (
            "@cert-authority * CA\n@revoked * CA\n",
            Nameless::AuthorityRevoked,
        ),
        ("@cert-authority * CA\n@revoked * KEY\n", Nameless::Revoked),
        (
            "@cert-authority mail* CA\n",
            Nameless::Principals("web01, web02".to_owned()),
        ),
        (
            "@cert-authority *,!web* CA\n",
            Nameless::Principals("web01, web02".to_owned()),
        ),
    ] {
        assert_eq!(host.names(text), Err(expected), "{text}");
    }
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_refusal_does_not_repeat_all_that_a_certificate_says() {
    let long = ["x".repeat(500), "y".repeat(500)].join(",");
    let many = format!("{long},a,b,c,d,e\u{1b}");
    let host = certified_by_ssh_keygen(&["-h", "-n", &many]);
    let why = host.names("@cert-authority web01 CA\n").unwrap_err();
    assert!(why.to_string().len() < 400, "{why}");
    assert!(!why.to_string().contains(char::is_control), "{why}");
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_file_that_ssh_keygen_has_hashed_means_what_it_meant() {
    let host = certified_by_ssh_keygen(&["-h", "-n", "web01"]);
    let file = host.folder.path().join("known_hosts");
    let (ca, plain) = (host.public("ca.pub"), host.public("key.pub"));
    let text = format!("@cert-authority web* {ca}\nweb01,10.0.0.1 {plain}\n[web02]:2222 {plain}\n");
    fs::write(&file, text).unwrap();
    ssh_keygen(host.folder.path(), &["-q", "-H", "-f", "known_hosts"]);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("web01") && !text.contains("web02"), "{text}");
    let known = KnownHosts::new(vec![file]);
    let shown = plain_key(&host);
    let names = |wanted: &[&str]| {
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        known.names(&shown, &wanted, NOW)
    };
    assert_eq!(names(&["web01"]).unwrap(), ["web01"]);
    assert_eq!(names(&["10.0.0.1", "db01"]).unwrap(), ["10.0.0.1"]);
    // The port is hashed with the name, so it has to be among what is wanted.
    assert_eq!(names(&["[web02]:2222"]).unwrap(), ["web02"]);
    for wanted in [&["web02"][..], &["web*"], &[]] {
        assert_eq!(names(wanted), Err(Nameless::Unknown), "{wanted:?}");
    }
    // An authority's line is left as it is, and so still counts.
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    assert_eq!(known.names(&host.shown, &[], now).unwrap(), ["web01"]);
}

fn plain_key(host: &Certified) -> KeyData {
    let line = host.public("key.pub");
    let key = ssh_key::PublicKey::from_openssh(&line).unwrap();
    key.key_data().clone()
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_certificate_that_is_not_a_hosts_or_not_valid_now_gives_no_name() {
    let text = "@cert-authority * CA\n";
    let not_now = Nameless::Certificate(CertificateProblem::Time);
    for (options, expected) in [
        (
            &["-n", "web01"][..],
            Nameless::Certificate(CertificateProblem::Type),
        ),
        (&["-h"], Nameless::Principals(String::new())),
        (
            &["-h", "-n", "web01", "-V", "20200101:20200102"],
            not_now.clone(),
        ),
        (&["-h", "-n", "web01", "-V", "20990101:20990102"], not_now),
        (
            &["-h", "-n", "web01", "-O", "critical:new@example.com=x"],
            Nameless::Certificate(CertificateProblem::Option),
        ),
    ] {
        let host = certified_by_ssh_keygen(options);
        assert_eq!(host.names(text), Err(expected), "{options:?}");
    }
    let valid = certified_by_ssh_keygen(&["-h", "-n", "web01", "-V", "20200101:20990102"]);
    assert_eq!(valid.names(text).unwrap(), ["web01"]);
}

#[test]
#[cfg_attr(windows, ignore = "needs ssh-keygen")]
fn a_certificate_with_a_forged_signature_gives_no_name() {
    let mut host = certified_by_ssh_keygen(&["-h", "-n", "web01"]);
    let KeyData::Certificate(certificate) = &host.shown else {
        panic!("a certificate");
    };
    let mut forged = certificate.to_bytes().unwrap();
    *forged.last_mut().unwrap() ^= 1;
    host.shown = KeyData::Certificate(Box::new(Certificate::from_bytes(&forged).unwrap()));
    assert_eq!(
        host.names("@cert-authority * CA\n"),
        Err(Nameless::Certificate(CertificateProblem::Signature))
    );
}
