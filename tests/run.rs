//! `pimento run`: who gets a password, when, and what is seen of it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use support::home::{Home, text};
use support::ready::{DB, Ready};

const MASK: &str = "<masked by pimento>";

/// What only these tests do with it.
trait Started {
    fn start(&self, args: &[&str]) -> (Child, BufReader<ChildStdout>);
    fn audit(&self) -> String;
}

impl Started for Ready {
    /// Starts it in a process group of its own, and waits until the command has printed a line.
    fn start(&self, args: &[&str]) -> (Child, BufReader<ChildStdout>) {
        let usual = self.command(args);
        // Whoever runs the tests may ignore signals (nohup does), which a child inherits.
        let mut command = std::process::Command::new("env");
        command.arg("--default-signal").arg(usual.get_program());
        command.args(usual.get_args()).env_clear();
        for (name, value) in usual.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        (child, stdout)
    }

    fn audit(&self) -> String {
        fs::read_to_string(self.home.path("state/audit/audit.jsonl")).unwrap()
    }
}

fn signal(child: &Child, signal: Signal) {
    let pid = Pid::from_raw(child.id().cast_signed()).unwrap();
    kill_process(pid, signal).unwrap();
}

fn rest(mut from: impl Read) -> String {
    let mut rest = String::new();
    from.read_to_string(&mut rest).unwrap();
    rest
}

#[tokio::test(flavor = "multi_thread")]
async fn references_become_passwords_in_the_commands_environment_and_nowhere_else() {
    let ready = Ready::new().await;
    let given = ready.run(&[
        "--no-masking",
        "--env",
        "TOO=db01-root",
        "--",
        "printenv",
        "DB",
        "TOO",
    ]);
    assert_eq!(text(&given.stdout), format!("{0}\n{0}\n", ready.canary));
    let url = "--env=URL=pg://u:{pimento://linux/db01-root|url}@h";
    let given = ready.run(&["--no-masking", url, "--", "printenv", "URL"]);
    assert!(text(&given.stdout).starts_with("pg://u:"), "{given:?}");
    assert!(text(&given.stdout).ends_with("@h\n"), "{given:?}");
    let look = "cat /proc/$PPID/cmdline /proc/$PPID/environ";
    let seen = ready.run(&[
        "--no-masking",
        "--file",
        "F=db01-root",
        "--",
        "sh",
        "-c",
        look,
    ]);
    assert!(text(&seen.stdout).contains(DB), "{seen:?}");
    for shown in [
        &text(&seen.stdout),
        &text(&seen.stderr),
        &text(&given.stderr),
    ] {
        assert!(!shown.contains(&ready.canary), "{shown}");
    }
    assert!(ready.audit().contains("db01-root"));
    assert!(!ready.audit().contains(&ready.canary));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_used_twice_is_asked_for_once_and_counts_as_revealed() {
    let ready = Ready::new().await;
    let both = [
        "--env",
        "A=pimento://linux/db01-root",
        "--file",
        "F=pimento://linux/db01-root",
        "--",
        "true",
    ];
    assert_eq!(ready.run(&both).status.code(), Some(0));
    let status = ready.home.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    let revealed = status.pointer("/revealed").unwrap();
    assert_eq!(revealed.as_array().unwrap().len(), 1, "{revealed}");
    assert_eq!(revealed.pointer("/0/credential").unwrap(), "db01-root");
    assert_eq!(revealed.pointer("/0/times").unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_cannot_have_all_its_passwords_is_not_started() {
    let ready = Ready::new().await;
    let started = ready.home.path("started");
    let touch = ["--", "touch", started.to_str().unwrap()];
    for (options, code, why) in [
        (&["--env", "A=db02-root"][..], 4, "db02-root"),
        (&["--env", "A=pimento://linux/nothing"], 4, "nothing"),
        (&["--file", "A=pimento://linux"], 2, "pimento://VAULT/NAME"),
        (&["--env", "A=b c"], 2, "has no password in it"),
        (&["--before=-3s"], 2, "for example --before 1m"),
        (&["--ticket", "none"], 2, "SYSTEM:NUMBER"),
    ] {
        let refused = ready.run(&[options, &touch].concat());
        assert_eq!(refused.status.code(), Some(code), "{options:?} {refused:?}");
        assert!(text(&refused.stderr).contains(why), "{refused:?}");
        assert!(refused.stdout.is_empty());
    }
    let mut broken = ready.command(&touch);
    let broken = broken.env("OTHER", "pimento://linux/a/b").output().unwrap();
    assert_eq!(broken.status.code(), Some(2), "{broken:?}");
    assert!(
        text(&broken.stderr).contains("the variable OTHER"),
        "{broken:?}"
    );
    ready.home.run(&["lock"]);
    assert_eq!(ready.run(&touch).status.code(), Some(6));
    assert!(!started.exists());
    ready.home.run(&["lock", "--off"]);
    assert_eq!(ready.run(&touch).status.code(), Some(0));
    assert!(started.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exit_code_is_the_commands_or_says_why_there_is_none() {
    let ready = Ready::new().await;
    for (command, code) in [
        (&["sh", "-c", "exit 7"][..], 7),
        (&["sh", "-c", "exit 1"], 1),
        (&["sh", "-c", "kill -TERM $$"], 143),
        (&["sh", "-c", "kill -KILL $$"], 137),
        (&["no-such-program"], 127),
        (&["/etc/passwd"], 126),
        (&["/etc"], 126),
    ] {
        let ended = ready.run(&[&["--"], command].concat());
        assert_eq!(ended.status.code(), Some(code), "{command:?} {ended:?}");
    }
    // Nobody was asked for what could not be used.
    ready.home.emulator.change(|cloud| cloud.reset_counts());
    ready.home.run(&["close", "--all"]);
    let absent = ready.run(&["--", "no-such-program"]);
    assert!(
        text(&absent.stderr).contains("nobody was asked"),
        "{absent:?}"
    );
    let status = text(&ready.home.run(&["status"]).stdout);
    assert!(status.contains("closed"), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_agent_only_a_command_without_passwords_runs() {
    let home = Home::new().await;
    let refused = home.run(&["run", "--env", "A=db01-root", "--", "true"]);
    assert_eq!(refused.status.code(), Some(10), "{refused:?}");
    let plain = home.run(&["run", "--", "sh", "-c", "echo plain; exit 3"]);
    assert_eq!(
        (text(&plain.stdout).as_str(), plain.status.code()),
        ("plain\n", Some(3))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_prints_is_masked_in_every_form() {
    let ready = Ready::new().await;
    let script = "echo \"it is $DB.\"; printf '%s' \"$DB\" >&2; printf '%s' \"$DB\" | base64 -w0; \
                  printf 'x:%s' \"$DB\" | base64 -w0; printf '%s' \"$DB\" | od -An -v -tx1 | tr -d ' \\n'";
    let masked = ready.run(&["--", "sh", "-c", script]);
    let (stdout, stderr) = (text(&masked.stdout), text(&masked.stderr));
    assert!(
        stdout.starts_with(&format!("it is {MASK}.\n{MASK}")),
        "{stdout}"
    );
    assert!(stderr.ends_with(MASK), "{stderr}");
    let plain = text(
        &ready
            .run(&["--no-masking", "--", "sh", "-c", script])
            .stdout,
    );
    let (first, encoded) = plain.split_once('\n').unwrap();
    assert_eq!(first, format!("it is {}.", ready.canary));
    // Long enough to hold all three, none of which is left in what was masked.
    assert!(encoded.len() > ready.canary.len() * 4, "{plain}");
    for piece in encoded.as_bytes().windows(12).map(text) {
        assert!(!stdout.contains(&piece), "{piece}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_shown_at_once_and_the_answer_goes_to_the_command() {
    let ready = Ready::new().await;
    let script = "echo ready; printf 'Who? '; read who; echo \"you are $who\"";
    let (mut child, mut stdout) = ready.start(&["--", "sh", "-c", script]);
    let mut prompt = [0; 5];
    stdout.read_exact(&mut prompt).unwrap();
    assert_eq!(&prompt, b"Who? ");
    child.stdin.take().unwrap().write_all(b"mia\n").unwrap();
    assert_eq!(rest(stdout), "you are mia\n");
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_whose_window_is_closed_is_told_and_its_files_are_gone() {
    let ready = Ready::new().await;
    let script = "trap 'cat $F || echo gone; exit 9' USR1; echo ready; while :; do read x; done";
    let options = [
        "--signal",
        "USR1",
        "--file",
        "F=db01-root",
        "--",
        "sh",
        "-c",
        script,
    ];
    let (mut child, stdout) = ready.start(&options);
    ready.home.run(&["close", "linux-root"]);
    assert_eq!(rest(stdout), "gone\n");
    assert_eq!(child.wait().unwrap().code(), Some(9));
    let stderr = rest(child.stderr.take().unwrap());
    let told = "window linux-root was closed; its files are gone; sh was sent USR1";
    assert!(stderr.contains(told), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_tells_too_unless_nothing_is_to_be_told() {
    let ready = Ready::new().await;
    let script = "echo ready; read line; echo ended by $line";
    let (mut child, stdout) = ready.start(&["--", "sh", "-c", script]);
    let (mut untold, untold_stdout) = ready.start(&["--signal", "none", "--", "sh", "-c", script]);
    ready.home.run(&["lock"]);
    assert_eq!(rest(stdout), "");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    let mut stderr = BufReader::new(untold.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("runs on") {
        line.clear();
        assert!(
            stderr.read_line(&mut line).unwrap() > 0,
            "never told that it runs on"
        );
    }
    assert!(
        line.contains("window linux-root was closed; sh runs on"),
        "{line}"
    );
    untold.stdin.take().unwrap().write_all(b"me\n").unwrap();
    assert_eq!(rest(untold_stdout), "ended by me\n");
    assert_eq!(untold.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_told_before_its_window_ends() {
    let ready = Ready::new().await;
    let script = "trap 'cat $F >/dev/null && echo still there; exit 0' TERM; echo ready; while :; do read x; done";
    // The window is an hour long.
    let options = [
        "--before",
        "59m57s",
        "--file",
        "F=db01-root",
        "--",
        "sh",
        "-c",
        script,
    ];
    let (mut child, stdout) = ready.start(&options);
    assert_eq!(rest(stdout), "still there\n");
    assert!(child.wait().unwrap().success());
    let stderr = rest(child.stderr.take().unwrap());
    assert!(stderr.contains("window linux-root ends in 359"), "{stderr}");
    assert!(stderr.contains("sh was sent TERM"), "{stderr}");
    let soon = ready.run(&["--before", "2h", "--", "true"]);
    assert_eq!(soon.status.code(), Some(0));
    assert!(
        text(&soon.stderr).contains("too soon for --before"),
        "{soon:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_reach_the_command_and_ignored_ones_stay_ignored() {
    let ready = Ready::new().await;
    for (sent, code) in [
        (Signal::TERM, 143),
        (Signal::INT, 130),
        (Signal::HUP, 129),
        (Signal::QUIT, 131),
        (Signal::USR1, 138),
    ] {
        let (mut child, _stdout) = ready.start(&["--", "sh", "-c", "echo ready; read line"]);
        let _open = child.stdin.take();
        signal(&child, sent);
        let status = child.wait().unwrap();
        assert_eq!(
            (status.code(), status.signal()),
            (Some(code), None),
            "{sent:?}"
        );
    }
    let script = "trap '' HUP; exec \"$0\" run -- sh -c 'echo ready; read line; echo $line'";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_pimento")]);
    let usual = ready.command(&[]);
    for (name, value) in usual.get_envs() {
        command.env(name, value.unwrap());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    signal(&child, Signal::HUP);
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"still here\n")
        .unwrap();
    assert_eq!(rest(stdout), "still here\n");
    assert!(child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn output_outlasts_the_command_and_a_reader_that_leaves_ends_it() {
    let ready = Ready::new().await;
    let fifo = ready.home.path("fifo");
    let fifo = fifo.to_str().unwrap();
    let script = format!("mkfifo {fifo}; (read x <{fifo}; echo \"late $DB\") & echo ready");
    let (mut child, stdout) = ready.start(&["--", "sh", "-c", &script]);
    fs::write(fifo, "go\n").unwrap();
    assert_eq!(rest(stdout), format!("late {MASK}\n"));
    assert!(child.wait().unwrap().success());
    let (mut child, stdout) = ready.start(&["--", "sh", "-c", "echo ready; exec yes"]);
    drop(stdout);
    assert_eq!(child.wait().unwrap().code(), Some(141));
}
