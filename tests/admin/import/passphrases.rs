//! Keys under a passphrase, and those of PuTTY.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{NEW, code, import, made, officer, piped, private, public, sent, stored};
use crate::support::home::{Home, text};
use crate::support::terminal::Terminal;

/// The same passphrase in every format, in which the key of `file` is in all but the second.
fn protected(home: &Home, file: &Path, passphrase: &Path) -> Vec<PathBuf> {
    let pkcs8 = home.path("pkcs8");
    let secret = fs::read_to_string(passphrase).unwrap();
    let args = [
        "-q",
        "-t",
        "ecdsa",
        "-m",
        "PKCS8",
        "-N",
        secret.trim(),
        "-f",
    ];
    let made = Command::new("ssh-keygen").args(args).arg(&pkcs8).output();
    assert!(made.unwrap().status.success());
    let ppk = ["2", "3"].map(|version| {
        let out = home.path(&format!("new-{version}.ppk"));
        let version = format!("version={version}");
        let mut puttygen = Command::new("puttygen");
        puttygen
            .arg(file)
            .args(["-O", "private", "--ppk-param", &version, "-o"])
            .arg(&out);
        for option in ["--old-passphrase", "--new-passphrase"] {
            puttygen.arg(option).arg(passphrase);
        }
        assert!(puttygen.output().unwrap().status.success());
        out
    });
    [file.to_owned(), pkcs8].into_iter().chain(ppk).collect()
}

/// The public half of what is stored, by ssh-keygen without a passphrase.
fn by_openssh(home: &Home, secret: &str) -> String {
    let plain = home.path("plain");
    private(&plain, &stored(home, secret).unwrap());
    let read = Command::new("ssh-keygen")
        .args(["-y", "-P", "", "-f"])
        .arg(&plain)
        .output();
    text(&read.unwrap().stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_taken_off_and_a_wrong_one_stores_nothing() {
    let (home, _agent) = officer().await;
    let (right, wrong) = (home.path("right"), home.path("wrong"));
    fs::write(&right, "open sesame\n").unwrap();
    fs::write(&wrong, "open wheat\n").unwrap();
    let key = made(&home, "new", "ecdsa", "open sesame");
    for (at, file) in protected(&home, &key, &right).iter().enumerate() {
        let secret = format!("new-{at}");
        let file = file.to_str().unwrap();
        let to = [
            "new",
            file,
            "--vault",
            "linux",
            "--secret",
            &secret,
            "--passphrase-file",
        ];
        let refused = import(&home, &[&to[..], &[wrong.to_str().unwrap()]].concat());
        let said = text(&refused.stderr);
        assert_eq!(code(&refused), Some(1), "{file}: {said}");
        assert!(said.contains("the passphrase is wrong"), "{file}: {said}");
        let done = import(&home, &[&to[..], &[right.to_str().unwrap()]].concat());
        assert_eq!(code(&done), Some(0), "{file}: {}", text(&done.stderr));
        let read = by_openssh(&home, &secret);
        assert!(read.starts_with("ecdsa-sha2-nistp256 "), "{file}: {read}");
        assert!(
            file.ends_with("pkcs8") || read.starts_with(&public(&key)),
            "{file}"
        );
    }
    let unasked = piped(
        &home,
        &[&["new"], &NEW[..]].concat(),
        &fs::read(&key).unwrap(),
    );
    assert_eq!(code(&unasked), Some(2), "{}", text(&unasked.stderr));
    assert!(text(&unasked.stderr).contains("--passphrase-file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_of_an_old_way_is_refused_with_what_makes_the_file_anew() {
    let (home, _agent) = officer().await;
    let passphrase = home.path("passphrase");
    fs::write(&passphrase, "open sesame\n").unwrap();
    let pem = home.path("pem");
    let args = [
        "-q",
        "-t",
        "rsa",
        "-b",
        "2048",
        "-m",
        "PEM",
        "-N",
        "open sesame",
        "-f",
    ];
    let made = Command::new("ssh-keygen").args(args).arg(&pem).output();
    assert!(made.unwrap().status.success());
    let old = [
        &["-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"][..],
        &["-v2", "des3"],
        &["-v1", "PBE-SHA1-3DES"],
    ];
    let old = old.iter().enumerate().map(|(at, way)| {
        let out = home.path(&format!("old-{at}"));
        let mut openssl = Command::new("openssl");
        openssl.args([
            "pkcs8",
            "-topk8",
            "-passin",
            "pass:open sesame",
            "-passout",
            "pass:open sesame",
        ]);
        openssl
            .args(*way)
            .arg("-in")
            .arg(&pem)
            .arg("-out")
            .arg(&out);
        let made = openssl.output().unwrap();
        assert!(made.status.success(), "{way:?}: {made:?}");
        out
    });
    for file in old.chain([pem.clone()]) {
        let to = [
            "new",
            file.to_str().unwrap(),
            "--passphrase-file",
            passphrase.to_str().unwrap(),
        ];
        let refused = import(&home, &[&to[..], &NEW[..]].concat());
        let said = text(&refused.stderr);
        assert_eq!(code(&refused), Some(1), "{said}");
        assert!(
            said.contains("`ssh-keygen -p -f KEYFILE`"),
            "{file:?}: {said}"
        );
    }
    assert_eq!(stored(&home, "new-ssh"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_asked_for_at_the_terminal_and_not_shown() {
    let (home, _agent) = officer().await;
    let file = made(&home, "new", "ed25519", "open sesame");
    let mut args = vec!["import", "new", file.to_str().unwrap()];
    args.extend(NEW);
    let mut terminal = Terminal::run(&home.pimento(&args));
    terminal.shows("Passphrase of new: ");
    terminal.types("open sesame\n");
    let (_, shown) = terminal.ends();
    assert!(
        shown.contains("stored new") && !shown.contains("sesame"),
        "{shown}"
    );
    assert!(
        stored(&home, "new-ssh")
            .unwrap()
            .starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_at_a_passphrase_needs_no_enter_and_leaves_nothing_for_the_shell() {
    let (home, _agent) = officer().await;
    let file = made(&home, "new", "ed25519", "open sesame");
    let mut args = vec!["import", "new", file.to_str().unwrap()];
    args.extend(NEW);
    let pimento = home.pimento(&args);
    let mut shell = Command::new("sh");
    let script = "\"$@\"; echo \"ended $?\"; read -r line; echo \"the shell got $line.\"";
    shell.args(["-c", script, "sh"]).arg(pimento.get_program());
    shell.args(pimento.get_args());
    for (name, value) in pimento.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let mut terminal = Terminal::run(&shell);
    terminal.shows("Passphrase of new: ");
    terminal.types("open ses\u{3}ame");
    let shown = terminal.shows("ended 1");
    assert!(shown.contains("interrupted"), "{shown}");
    terminal.types("next\n");
    let (_, shown) = terminal.ends();
    assert!(shown.contains("the shell got next."), "{shown}");
    assert_eq!(stored(&home, "new-ssh"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_putty_is_stored_in_the_format_of_openssh() {
    let (home, _agent) = officer().await;
    let file = made(&home, "new", "rsa", "");
    let ppk = home.path("new.ppk");
    let made = Command::new("puttygen")
        .arg(&file)
        .args(["-O", "private", "-o"])
        .arg(&ppk)
        .output();
    assert!(made.unwrap().status.success());
    let done = import(&home, &[&["new", ppk.to_str().unwrap()], &NEW[..]].concat());
    assert_eq!(code(&done), Some(0), "{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("PuTTY's format, which OpenSSH does not read"));
    let plain = home.path("plain");
    private(&plain, &stored(&home, "new-ssh").unwrap());
    let read = Command::new("ssh-keygen")
        .args(["-y", "-f"])
        .arg(&plain)
        .output()
        .unwrap();
    assert!(
        text(&read.stdout).starts_with(&public(&file)),
        "{}",
        text(&read.stderr)
    );
    // The line of such a key is longer than a tag may be.
    let (sent, _) = sent(&home);
    assert!(sent["tags"]["public-key"].is_null() && sent["tags"]["fingerprint"].is_string());
}
