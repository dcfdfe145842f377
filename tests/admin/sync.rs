//! Public keys as the vaults have them now: compared, shown, and written once somebody agrees.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::support::home::{Home, text};
use crate::support::public_key;
use crate::support::terminal::Terminal;

/// A home whose vault has another key `web` than the configuration, and an agent that runs.
async fn home() -> (Home, crate::support::home::Running) {
    let home = Home::new().await;
    let db = home
        .emulator
        .change(|cloud| cloud.secret("kv-linux", "db-root-ssh").unwrap().to_owned());
    home.emulator
        .change(|cloud| cloud.put_secret("kv-linux", "web-root-ssh", &db));
    // Two keys may not be one, so the other goes.
    let home = home.configured(|text| {
        let (before, rest) = text.split_once("[key.db]").unwrap();
        let (_, after) = rest.split_once("[key.").unwrap();
        format!("# of the team\n{before}[key.{after}")
    });
    let agent = home.agent();
    home.sign_in();
    (home, agent)
}

fn config(home: &Home) -> String {
    fs::read_to_string(home.path("config.toml")).unwrap()
}

fn pinned(home: &Home, secret: &str) -> String {
    public_key(&home.emulator, secret).to_openssh().unwrap()
}

fn sync(home: &Home, args: &[&str]) -> Output {
    home.run(&[&["sync"], args].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_key_is_shown_and_written_only_when_that_is_said() {
    let (home, _agent) = home().await;
    let before = config(&home);
    let shown = sync(&home, &["linux-root", "--reason", "test"]);
    let said = text(&shown.stderr);
    assert_eq!(shown.status.code(), Some(5), "{said}");
    assert!(
        said.contains(&format!("+ {}", pinned(&home, "web-root-ssh"))),
        "{said}"
    );
    assert!(said.contains("pimento sync --write"), "{said}");
    assert_eq!(config(&home), before);
    // The window is open by now.
    let written = sync(&home, &["--write", "--json"]);
    let told: Value = serde_json::from_slice(&written.stdout).unwrap();
    assert_eq!(
        (told["compared"].as_u64(), told["written"].as_u64()),
        (Some(2), Some(1))
    );
    assert_eq!(written.status.code(), Some(0));
    let old: Vec<&str> = before.lines().collect();
    let now = config(&home);
    let now: Vec<&str> = now.lines().collect();
    let changed: Vec<&str> = (0..old.len())
        .filter(|at| old[*at] != now[*at])
        .map(|at| now[at])
        .collect();
    let line = format!("public_key = \"{}\"", pinned(&home, "web-root-ssh"));
    assert_eq!((changed, now.len()), (vec![line.as_str()], old.len()));
    assert!(text(&sync(&home, &[]).stdout).contains("as the configuration has them"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_does_not_say_yes_has_said_no() {
    let (home, _agent) = home().await;
    let before = config(&home);
    let ask = |answer: &str| {
        let mut terminal =
            Terminal::run(&home.pimento(&["sync", "linux-root", "--reason", "test"]));
        terminal.shows("Write 1 new public key? [y/N] ");
        terminal.types(answer);
        terminal.ends().1
    };
    assert!(ask("\n").contains("2 keys compared: 1 differ"));
    assert_eq!(config(&home), before);
    assert!(ask("y\n").contains("1 written"));
    assert!(config(&home).contains(&pinned(&home, "web-root-ssh")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_window_is_not_opened_unless_it_is_named() {
    let (home, _agent) = home().await;
    let looked = sync(&home, &[]);
    let said = text(&looked.stderr);
    assert!(looked.status.success(), "{said}");
    assert!(said.contains("pimento sync linux-root"), "{said}");
    let calls = home.emulator.calls();
    assert!(
        !calls.iter().any(|call| call.ends_with("Requests.create")),
        "{calls:?}"
    );
    let refused = sync(&home, &["linux-rot"]);
    assert_eq!(refused.status.code(), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_read_is_told_and_the_others_are_compared() {
    let (home, _agent) = home().await;
    home.emulator
        .change(|cloud| cloud.put_secret("kv-linux", "legacy-root-ssh", "a password"));
    let shown = sync(&home, &["linux-root", "--reason", "test"]);
    let said = text(&shown.stderr);
    assert_eq!(shown.status.code(), Some(5), "{said}");
    assert!(
        said.contains("legacy") && said.contains("not a private key"),
        "{said}"
    );
    assert!(text(&shown.stdout).contains("1 key compared: 1 differ"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_somebody_else_keeps_is_not_written() {
    let home = Home::new().await.configured(|text| text);
    let web = pinned(&home, "web-root-ssh");
    home.emulator.change(|cloud| {
        let other = cloud.secret("kv-linux", "db-root-ssh").unwrap().to_owned();
        cloud.put_secret("kv-linux", "web-root-ssh", &other);
    });
    let text_of = config(&home);
    let (before, rest) = text_of.split_once("[key.web]").unwrap();
    let (_, after) = rest.split_once("[key.legacy]").unwrap();
    let team = format!(
        "[key.web]\nvault = \"linux\"\nsecret = \"web-root-ssh\"\npublic_key = \"{web}\"\n"
    );
    fs::write(home.path("team.toml"), &team).unwrap();
    home.write_config(&format!(
        "include = [\"team.toml\"]\n{before}[key.legacy]{after}"
    ));
    let _agent = home.agent();
    home.sign_in();
    let shown = sync(&home, &["linux-root", "--reason", "test", "--write"]);
    let said = text(&shown.stderr);
    assert_eq!(shown.status.code(), Some(5), "{said}");
    assert!(said.contains("is not one of your own files"), "{said}");
    assert_eq!(fs::read_to_string(home.path("team.toml")).unwrap(), team);
}
