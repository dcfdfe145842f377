//! Keys and passwords written into a vault by the real program, and what is refused.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use pimento::emulator::Scenario;
use pimento::emulator::scenario::Role;
use serde_json::Value;

use crate::support::home::{Home, Running, text};

mod passphrases;
mod vaults;

/// A home whose window opens a role that may write secrets.
async fn officer() -> (Home, Running) {
    let mut scenario = Scenario::example().unwrap();
    let vault = scenario.vaults.iter_mut().find(|it| it.name == "kv-linux");
    vault.unwrap().grants[0].role = Role::SecretsOfficer;
    let home = Home::in_scenario(scenario).await;
    let agent = home.agent();
    home.sign_in();
    (home, agent)
}

fn import(home: &Home, args: &[&str]) -> Output {
    home.run(&[&["import"], args].concat())
}

/// With this as standard input.
fn piped(home: &Home, args: &[&str], input: &[u8]) -> Output {
    let mut command = home.pimento(&[&["import"], args].concat());
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// What the vault has of `secret`.
fn stored(home: &Home, secret: &str) -> Option<String> {
    home.emulator
        .change(|cloud| cloud.secret("kv-linux", secret).map(str::to_owned))
}

fn made(home: &Home, name: &str, kind: &str, passphrase: &str) -> PathBuf {
    let file = home.path(name);
    let args = ["-q", "-t", kind, "-N", passphrase, "-C", "me@laptop", "-f"];
    let made = Command::new("ssh-keygen").args(args).arg(&file).output();
    assert!(made.unwrap().status.success());
    file
}

/// A file that ssh-keygen takes for a private key.
fn private(file: &std::path::Path, text: &str) {
    fs::write(file, text).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
}

fn public(file: &std::path::Path) -> String {
    let line = fs::read_to_string(file.with_extension("pub")).unwrap();
    line.rsplit_once(' ').unwrap().0.to_owned()
}

fn record(home: &Home) -> Vec<Value> {
    let text = fs::read_to_string(home.path("state/audit/audit.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What the vault was sent last, and under which id.
fn sent(home: &Home) -> (Value, Option<String>) {
    home.emulator.change(|cloud| {
        let mut seen = cloud.seen().iter();
        let put = seen.rfind(|it| it.operation == "vault.secret.set").unwrap();
        (put.body.clone().unwrap(), put.client_request_id.clone())
    })
}

const NEW: [&str; 4] = ["--vault", "linux", "--secret", "new-ssh"];

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_key_is_stored_whole_and_logs_in_by_the_lines_that_are_told() {
    let (home, agent) = officer().await;
    let file = made(&home, "new", "ed25519", "");
    let given = fs::read_to_string(&file).unwrap();
    // As an editor of Windows would have saved it.
    fs::write(&file, format!("\u{feff}{}", given.replace('\n', "\r\n"))).unwrap();
    let file_name = file.to_str().unwrap();
    let done = import(
        &home,
        &[&["new", file_name, "--rotate-after", "90d"], &NEW[..]].concat(),
    );
    let (out, err) = (text(&done.stdout), text(&done.stderr));
    assert_eq!(code(&done), Some(0), "{out}{err}");
    assert_eq!(stored(&home, "new-ssh").unwrap(), given);
    assert!(
        err.contains("byte order mark") && err.contains("carriage returns"),
        "{err}"
    );
    let line = public(&file);
    let lines =
        format!("[key.new]\nvault = \"linux\"\nsecret = \"new-ssh\"\npublic_key = \"{line}\"\n");
    assert!(out.contains(&lines), "{out}");
    assert!(err.contains("start the agent again to use them"), "{err}");
    let (sent, sent_id) = sent(&home);
    assert_eq!(sent["contentType"], "application/x-openssh-private-key");
    assert_eq!(sent["tags"]["public-key"], line);
    assert_eq!(sent["tags"]["rotate-after"], "90d");
    assert!(
        sent["tags"]["fingerprint"]
            .as_str()
            .unwrap()
            .starts_with("SHA256:")
    );
    let record = record(&home);
    let events: Vec<&Value> = record
        .iter()
        .filter(|it| it["event"].as_str().unwrap().starts_with("stor"))
        .collect();
    assert_eq!(
        events
            .iter()
            .map(|it| it["event"].as_str().unwrap())
            .collect::<Vec<_>>(),
        ["storing", "stored"]
    );
    assert_eq!(events[0]["id"], events[1]["id"]);
    assert_eq!(events[0]["what"], sent["tags"]["fingerprint"]);
    assert!(out.contains(events[1]["version"].as_str().unwrap()));
    // The record and the vault's log have one id.
    assert_eq!(events[0]["id"].as_str(), sent_id.as_deref());
    agent.kill();
    let home =
        home.configured(|config| config.replacen("[danger]", &format!("{lines}[danger]"), 1));
    let _agent = home.agent();
    assert!(text(&home.ssh_add().stdout).contains("new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_comes_from_standard_input_and_is_what_the_program_gets() {
    let (home, _agent) = officer().await;
    let done = piped(&home, &["db01-root", "--replace"], b"correct horse\n");
    assert_eq!(code(&done), Some(0), "{}", text(&done.stderr));
    assert_eq!(stored(&home, "db01-root").unwrap(), "correct horse");
    assert!(!text(&done.stdout).contains("horse") && !text(&done.stderr).contains("horse"));
    let read = home.run(&["password", "db01-root"]);
    assert_eq!(text(&read.stdout), "correct horse\n");
    // What was held of the version before is gone at once.
    let done = piped(&home, &["db01-root", "-", "--replace"], b"battery staple");
    assert_eq!(code(&done), Some(0), "{}", text(&done.stderr));
    assert_eq!(
        text(&home.run(&["password", "db01-root"]).stdout),
        "battery staple\n"
    );
    let two_lines = piped(&home, &["db01-root", "--replace"], b"one\ntwo\n");
    assert_eq!(code(&two_lines), Some(1));
    assert!(text(&two_lines.stderr).contains("line break"));
    let new = piped(
        &home,
        &["ops", "--password", "--vault", "linux", "--secret", "ops"],
        b"s3cret\r\n",
    );
    assert!(text(&new.stdout).contains("[password.ops]\nvault = \"linux\"\nsecret = \"ops\"\n"));
    assert_eq!(stored(&home, "ops").unwrap(), "s3cret");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_there_stays_unless_it_is_to_be_replaced() {
    let (home, _agent) = officer().await;
    let before = stored(&home, "web-root-ssh").unwrap();
    let file = home.path("web");
    fs::write(&file, &before).unwrap();
    let file = file.to_str().unwrap();
    let kept = import(&home, &["web", file]);
    assert_eq!(code(&kept), Some(1));
    assert!(
        text(&kept.stderr).contains("--replace"),
        "{}",
        text(&kept.stderr)
    );
    assert_eq!(
        home.emulator
            .change(|cloud| cloud.count("vault.secret.set")),
        0
    );
    let replaced = import(&home, &["web", file, "--replace", "--json"]);
    assert_eq!(code(&replaced), Some(0), "{}", text(&replaced.stderr));
    let told: Value = serde_json::from_slice(&replaced.stdout).unwrap();
    assert_eq!(told["configured"], true);
    assert_eq!(told["repairs"], serde_json::json!([]));
    assert_eq!(stored(&home, "web-root-ssh").unwrap(), before);
    assert!(home.ssh("web").status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_than_the_pinned_one_is_refused_with_the_line_that_would_pin_it() {
    let (home, _agent) = officer().await;
    let file = made(&home, "other", "ed25519", "");
    let refused = import(&home, &["web", file.to_str().unwrap(), "--replace"]);
    let said = text(&refused.stderr);
    assert_eq!(code(&refused), Some(1), "{said}");
    assert!(
        said.contains(&format!("public_key = \"{}\"", public(&file))),
        "{said}"
    );
    // Nor by the secret's own name, under a name of its own.
    let args = [
        "mine",
        file.to_str().unwrap(),
        "--vault",
        "linux",
        "--secret",
        "web-root-ssh",
        "--replace",
    ];
    let refused = import(&home, &args);
    assert_eq!(code(&refused), Some(2));
    assert!(text(&refused.stderr).contains("`pimento import web`"));
    let calls = home.emulator.calls();
    assert!(
        !calls.iter().any(|it| it.starts_with("vault.")),
        "{calls:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_goes_has_to_be_said_and_to_be_configured() {
    let (home, _agent) = officer().await;
    for (args, exit, says) in [
        (&["new"][..], 2, "--vault"),
        (&["new", "--vault", "linus", "--secret", "x"], 4, "linux"),
        (
            &["new", "--vault", "linux", "--secret", "a/b"],
            2,
            "another name",
        ),
        (
            &["web", "--vault", "linux", "--secret", "other"],
            2,
            "web-root-ssh",
        ),
        (&["db01-root", "--rotate-after", "soon"], 2, "90d"),
    ] {
        let refused = piped(&home, args, b"s3cret");
        let said = text(&refused.stderr);
        assert!(said.contains(says), "{args:?}: {said}");
        if args[0] != "new" || exit != 2 {
            assert_eq!(code(&refused), Some(exit), "{args:?}: {said}");
        }
    }
    assert_eq!(
        home.emulator
            .change(|cloud| cloud.count("vault.secret.set")),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_opens_nothing() {
    let (home, _agent) = officer().await;
    let file = made(&home, "new", "rsa", "");
    let whole = fs::read_to_string(&file).unwrap();
    let half = &whole.as_bytes()[..whole.len() / 2];
    let swapped = whole.replacen("\nb3Bl", "\nb3Bm", 1);
    for bytes in [
        half,
        b"",
        b"hunter2",
        public(&file).as_bytes(),
        swapped.as_bytes(),
    ] {
        let refused = piped(&home, &[&["new"], &NEW[..]].concat(), bytes);
        assert_eq!(code(&refused), Some(1), "{}", text(&refused.stderr));
        assert!(text(&refused.stderr).contains("nothing was stored as new"));
    }
    let calls = home.emulator.calls();
    assert!(
        !calls.iter().any(|it| it.ends_with("Requests.create")),
        "{calls:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_agent_stores_nothing() {
    let (home, _agent) = officer().await;
    home.run(&["lock"]);
    let refused = piped(&home, &["db01-root", "--replace"], b"s3cret");
    assert_eq!(code(&refused), Some(6), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("locked"));
    assert_eq!(
        home.emulator
            .change(|cloud| cloud.count("vault.secret.set")),
        0
    );
}
