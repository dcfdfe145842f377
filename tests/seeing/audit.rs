//! The record, read by people and programs: in words, checked, and as a table.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::support::World;
use super::{ends, json, pimento, text};

/// A world in which one login went well and one did not.
async fn lived_in() -> World {
    let plan = World::plan().configured(|_, text| {
        let at = text.find("[key.db]").unwrap();
        let (before, behind) = text.split_at(at);
        let behind = behind.replacen("hosts =", "uses = [\"git\"]\nhosts =", 1);
        format!("{before}{behind}")
    });
    let world = plan.start().await;
    world.ssh("web").await.assert_ok();
    world.ssh("db").await.assert_refused();
    let shown = pimento(&world, &["password", "db01-root", "--reveal"]).await;
    ends(&shown, 0);
    world
}

fn copy(world: &World, change: impl FnOnce(String) -> String) -> std::path::PathBuf {
    let file = world.folder().join("copy.jsonl");
    fs::write(&file, change(world.audit())).unwrap();
    file
}

async fn verify(world: &World, file: &Path) -> (Option<i32>, String) {
    let done = pimento(world, &["audit", "verify", file.to_str().unwrap()]).await;
    (done.status.code(), text(&done.stdout))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_lines_are_told_in_words_and_as_they_are() {
    let world = lived_in().await;
    let told = text(&pimento(&world, &["audit", "tail", "-n", "99"]).await.stdout);
    assert_eq!(told.lines().count(), world.records().len());
    assert!(told.contains("asked       web  to log in as "), "{told}");
    assert!(told.contains("@host.test  by ssh (process "), "{told}");
    assert!(
        told.contains("opened      window linux-root  until 20"),
        "{told}"
    );
    assert!(
        told.contains("released    db01-root  to be shown, version "),
        "{told}"
    );
    let last = pimento(&world, &["audit", "tail", "-n", "2", "--json"]).await;
    let record = world.audit();
    let lines: Vec<&str> = record.lines().collect();
    let expected = lines[lines.len() - 2..].join("\n") + "\n";
    assert_eq!(text(&last.stdout), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_sees_what_comes() {
    let world = World::start().await;
    world.ssh("web").await.assert_ok();
    let mut follow = world.pimento(&["audit", "tail", "--follow", "-n", "1"]);
    let mut follow = follow.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .try_for_each(|it| sender.send(it))
    });
    let minute = std::time::Duration::from_secs(60);
    assert!(receiver.recv_timeout(minute).unwrap().contains("released"));
    ends(&pimento(&world, &["close", "linux-root"]).await, 5);
    let closed = receiver.recv_timeout(minute).unwrap();
    assert!(
        closed.contains("closed      window linux-root  closed by the user; wiped web"),
        "{closed}"
    );
    follow.kill().unwrap();
    follow.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_holds_is_sound_and_its_limits_are_told() {
    let world = lived_in().await;
    let sound = pimento(&world, &["audit", "verify"]).await;
    ends(&sound, 0);
    let told = text(&sound.stdout);
    assert!(told.starts_with("sound  "), "{told}");
    assert!(
        told.contains(&format!("{} lines", world.records().len())),
        "{told}"
    );
    assert!(text(&sound.stderr).contains("cannot show that its last lines were cut off"));
    let cut = copy(&world, |text| {
        text.lines().take(2).map(|it| format!("{it}\n")).collect()
    });
    assert_eq!(verify(&world, &cut).await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_told_by_its_line_and_a_torn_end_loudly() {
    let world = lived_in().await;
    let file = copy(&world, |text| text.replacen("host.test", "h0st.test", 1));
    let (code, told) = verify(&world, &file).await;
    assert_eq!(code, Some(1));
    assert!(
        told.contains("DAMAGED") && told.contains("line 2 does not follow"),
        "{told}"
    );
    let lines = world.records().len();
    let file = copy(&world, |text| text[..text.len() - 9].to_owned());
    let (code, told) = verify(&world, &file).await;
    assert_eq!(code, Some(1));
    assert!(told.contains(&format!("line {lines} is cut off")), "{told}");
    let gone = world.folder().join("gone.jsonl");
    let both = [
        "audit",
        "verify",
        "--json",
        file.to_str().unwrap(),
        gone.to_str().unwrap(),
    ];
    let both = pimento(&world, &both).await;
    ends(&both, 1);
    let told = json(&both);
    assert_eq!(
        (&told[0]["sound"], &told[0]["line"]),
        (&false.into(), &lines.into())
    );
    assert!(
        told[1]["problem"]
            .as_str()
            .unwrap()
            .contains("cannot be read"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ask_and_its_answer_are_one_row_of_the_table() {
    let world = lived_in().await;
    let done = pimento(&world, &["audit", "export"]).await;
    ends(&done, 0);
    let rows: Vec<Value> = text(&done.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let login = rows.iter().find(|row| row["credential"] == "web").unwrap();
    assert_eq!(login["outcome"], "released");
    assert_eq!(login["host"], "host.test");
    assert_eq!(login["program"], "ssh");
    assert_eq!(login["lines"].as_array().unwrap().len(), 2);
    let window = rows.iter().find(|row| row["kind"] == "window").unwrap();
    assert_eq!(
        (&window["outcome"], &window["id"]),
        (&"open".into(), &login["id"])
    );
    assert!(
        rows.iter()
            .any(|row| row["outcome"] == "refused" && row["code"] == "policy")
    );
    let all: u64 = rows
        .iter()
        .map(|row| row["lines"].as_array().unwrap().len() as u64)
        .sum();
    assert_eq!(all, world.records().len() as u64, "no line is lost");
    let none = pimento(&world, &["audit", "export", "--until", "2020-01-01"]).await;
    assert_eq!(text(&none.stdout), "");
    let week = pimento(&world, &["audit", "export", "--since", "7d"]).await;
    assert_eq!(text(&week.stdout), text(&done.stdout));
    ends(
        &pimento(&world, &["audit", "export", "--since", "soon"]).await,
        2,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_for_spreadsheets_has_no_formula_and_one_line_a_row() {
    let world = lived_in().await;
    let evil = copy(&world, |text| {
        text.replace("\"ssh\"", "\"=cmd|' /C calc'!A0\"")
    });
    let folder = world.folder().join("state/audit");
    let state = world.folder().join("other");
    fs::create_dir_all(state.join("audit")).unwrap();
    fs::copy(&evil, state.join("audit/audit.jsonl")).unwrap();
    assert!(folder.exists());
    let args = [
        "--state-dir",
        state.to_str().unwrap(),
        "audit",
        "export",
        "--format",
        "csv",
    ];
    let done = pimento(&world, &args).await;
    // The record was changed, which is told; what it says is exported all the same.
    ends(&done, 5);
    assert!(
        text(&done.stderr).contains("the record is damaged: line 2"),
        "{done:?}"
    );
    let table = text(&done.stdout);
    let mut lines = table.split_terminator("\r\n");
    let columns = lines.next().unwrap();
    assert!(
        columns.starts_with("\"began\",\"ended\",\"kind\",\"outcome\""),
        "{columns}"
    );
    assert!(table.contains("\"'=cmd|"), "{table}");
    assert!(!table.contains("\"=cmd"), "{table}");
    assert!(lines.all(|line| line.starts_with('"') && line.ends_with('"')));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_only_the_beginning_ends_it_without_an_error() {
    let world = lived_in().await;
    let program = env!("CARGO_BIN_EXE_pimento");
    let script = format!("{program} audit export | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}");
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", &script]).envs(world.variables());
    let done = tokio::task::spawn_blocking(move || shell.output().unwrap())
        .await
        .unwrap();
    assert_eq!(
        (text(&done.stdout).trim(), text(&done.stderr).as_str()),
        ("0", "")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_record_its_place_is_told() {
    let world = World::start().await;
    let empty = world.folder().join("empty");
    for verb in ["tail", "verify", "export"] {
        let args = ["--state-dir", empty.to_str().unwrap(), "audit", verb];
        let absent = pimento(&world, &args).await;
        ends(&absent, 1);
        let told = text(&absent.stdout) + &text(&absent.stderr);
        assert!(
            told.contains("empty/audit/audit.jsonl cannot be read"),
            "{told}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_proves_or_hands_on_the_record_does_not_guess_its_folder() {
    let world = lived_in().await;
    let mistaken = world.folder().join("mistaken.toml");
    fs::write(&mistaken, "[audit]\nfolder = \"/srv/record\"\nfodler = 1\n").unwrap();
    let with = |verb| ["--config", mistaken.to_str().unwrap(), "audit", verb];
    for verb in ["verify", "export"] {
        let done = pimento(&world, &with(verb)).await;
        ends(&done, 2);
        assert_eq!(text(&done.stdout), "", "{verb}");
        assert!(text(&done.stderr).contains("fodler"), "{done:?}");
    }
    // A person who looks gets to see what there is, and is told.
    let tail = pimento(&world, &with("tail")).await;
    ends(&tail, 0);
    assert!(text(&tail.stdout).contains("released"), "{tail:?}");
    assert!(
        text(&tail.stderr).contains("the configuration has mistakes"),
        "{tail:?}"
    );
}
