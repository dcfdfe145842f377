//! `docs/recipes/backup.md`, with restic, borg and rclone.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use super::kitchen::{Kitchen, SECRET, told};
use super::page::Page;
use crate::support::home::text;

const BLOCKS: [&str; 4] = ["config", "restic", "borg", "rclone"];

async fn kitchen() -> Kitchen {
    let page = Page::at("docs/recipes/backup").with(&BLOCKS);
    let kitchen = Kitchen::with(page, &[], &[("backup", SECRET)]).await;
    fs::create_dir(kitchen.home.path("data")).unwrap();
    fs::write(kitchen.home.path("data/file"), "precious").unwrap();
    kitchen
}

/// That nothing was begun with an empty password, or any other.
fn refuses(kitchen: &Kitchen, script: &str) {
    kitchen.ok("pimento lock");
    let refused = kitchen.run(script);
    assert!(!refused.status.success(), "{}", told(&refused));
    assert!(
        told(&refused).contains("pimento is locked"),
        "{}",
        told(&refused)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn restic_keeps_its_repository_under_the_vaults_password() {
    let kitchen = kitchen().await;
    let paths = [("/srv/restic", "restic"), ("/srv/data", "data")];
    kitchen.follow("restic", &paths);
    let snapshots = "restic --repo restic snapshots --json";
    let mut by_hand = kitchen.shell(snapshots);
    let listed = by_hand.env("RESTIC_PASSWORD", SECRET).output().unwrap();
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.len(), 1);
    let mut wrong = kitchen.shell(snapshots);
    assert!(
        !wrong
            .env("RESTIC_PASSWORD", "another")
            .status()
            .unwrap()
            .success()
    );
    let again = [("/srv/restic", "other"), ("/srv/data", "data")];
    refuses(&kitchen, &kitchen.page.block("restic", &again));
    assert!(!kitchen.home.path("other/config").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn borg_keeps_its_repository_under_the_vaults_password() {
    let kitchen = kitchen().await;
    let folder = kitchen.home.folder.path().display().to_string();
    let paths = |name: &str| {
        let (repository, data) = (format!("{folder}/{name}"), format!("{folder}/data"));
        let paths = [
            ("/srv/borg", repository.as_str()),
            ("/srv/data", data.as_str()),
        ];
        kitchen.page.block("borg", &paths)
    };
    kitchen.ok(&paths("borg"));
    let mut by_hand = kitchen.shell("borg list --short borg");
    let listed = by_hand.env("BORG_PASSPHRASE", SECRET).output().unwrap();
    assert_eq!(text(&listed.stdout), "monday\n", "{}", told(&listed));
    let mut wrong = kitchen.shell("borg list borg");
    assert!(
        !wrong
            .env("BORG_PASSPHRASE", "another")
            .status()
            .unwrap()
            .success()
    );
    refuses(&kitchen, &paths("other"));
    // A repository without a key is none.
    let config = fs::read_to_string(kitchen.home.path("other/config")).unwrap_or_default();
    assert!(!config.contains("key = "), "{config}");
    let config = fs::read_to_string(kitchen.home.path("borg/config")).unwrap();
    assert!(config.contains("key = "), "{config}");
}

/// Lets rclone encrypt its configuration, by answering its questions as a person would: it takes
/// what has come when it asks, and loses what came before.
fn encrypt(kitchen: &Kitchen) {
    let mut rclone = kitchen.shell("exec timeout 60 rclone config 2>&1");
    let mut rclone = rclone
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = rclone.stdin.take().unwrap();
    let mut from = rclone.stdout.take().unwrap();
    let mut said = String::new();
    for (question, answer) in [
        ("e/n/d/r/c/s/q> ", "s"),
        ("a/q> ", "a"),
        ("\npassword:", SECRET),
        ("\npassword:", SECRET),
        ("c/u/q> ", "q"),
        ("e/n/d/r/c/s/q> ", "q"),
    ] {
        let mut bytes = Vec::new();
        while !bytes.ends_with(question.as_bytes()) {
            let mut byte = [0];
            let read = from.read(&mut byte).unwrap();
            assert!(read == 1, "never asked: {question}\n{said}{}", text(&bytes));
            bytes.push(byte[0]);
        }
        said.push_str(&text(&bytes));
        to.write_all(format!("{answer}\n").as_bytes()).unwrap();
    }
    drop(to);
    assert!(rclone.wait().unwrap().success(), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rclone_reads_a_configuration_that_the_vaults_password_encrypts() {
    let kitchen = kitchen().await;
    let folder = kitchen.home.path(".config/rclone");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("rclone.conf"), "[here]\ntype = local\n").unwrap();
    encrypt(&kitchen);
    let file = fs::read_to_string(folder.join("rclone.conf")).unwrap();
    assert!(file.contains("RCLONE_ENCRYPT_V0"), "{file}");
    assert_eq!(kitchen.follow("rclone", &[]), "here:\n");
    refuses(&kitchen, &kitchen.page.block("rclone", &[]));
}
