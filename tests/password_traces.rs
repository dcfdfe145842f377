//! Where a password could be left behind when it has been used: in memory, in the environment and
//! the command line of a process, in a log, a record, a notice, a file.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustix::process::{Pid, Signal, kill_process};
use support::etc::{Etc, skipped};
use support::home::{Home, Running, text};
use support::memory::readable;
use support::until;

/// A password that is nowhere by chance.
const PASSWORD: &str = "Zq7-vulture-Lamp-0193-quiet-ORBIT";

struct Desk {
    home: Home,
    agent: Running,
}

impl Desk {
    async fn new() -> Option<Self> {
        let home = Home::new().await;
        let etc = Etc::new(PASSWORD, "Defaults rootpw, timestamp_timeout=0")?;
        home.emulator
            .change(|cloud| cloud.put_secret("kv-linux", "db01-root", PASSWORD));
        let notify = home.path("notify");
        let script = "printf '#!/bin/sh\nprintf \"%%s\\\\n\" \"$@\" >> %s/notices\n' \"$1\" > \"$2\" && chmod 755 \"$2\"";
        let mut write = Command::new("sh");
        write.args(["-c", script, "sh"]).arg(home.folder.path());
        assert!(write.arg(&notify).status().unwrap().success());
        let agent = format!("[agent]\nnotify = {notify:?}\n");
        let here = "[password.here]\nvault = \"linux\"\nsecret = \"db01-root\"\nuser = \"root\"\n\
                    hosts = [\"localhost\"]\n[key.web]";
        let home = home.configured(|config| {
            config
                .replace("[agent]\n", &agent)
                .replace("[key.web]", here)
        });
        let home = home.in_etc(etc);
        let agent = home.agent_with(&[("PIMENTO_LOG", "trace")]);
        home.sign_in();
        Some(Self { home, agent })
    }

    fn sudo(&self, args: &[&str]) -> String {
        let etc = self.home.etc.as_ref().unwrap();
        let mut sudo = self.home.command("sudo");
        sudo.arg("-A").args(args).env("SUDO_ASKPASS", etc.askpass());
        let output = sudo.stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// Whether root finds the password, or what it is in base64, in the agent's memory.
    fn holds_it_readably(&self) -> bool {
        let process = Pid::from_child(&self.agent.0);
        kill_process(process, Signal::STOP).unwrap();
        let memory = readable(self.agent.0.id());
        kill_process(process, Signal::CONT).unwrap();
        assert!(memory.iter().any(|map| has(map, "linux-root")), "control");
        memory.iter().any(|map| holds(map))
    }
}

fn has(bytes: &[u8], part: &str) -> bool {
    let part = part.as_bytes();
    bytes.windows(part.len()).any(|window| window == part)
}

/// Whether the password is in there, in some form.
fn holds(bytes: &[u8]) -> bool {
    let hex: String = PASSWORD.bytes().map(|byte| format!("{byte:02x}")).collect();
    let forms = [PASSWORD.to_owned(), STANDARD.encode(PASSWORD), hex];
    forms.iter().any(|form| has(bytes, form))
}

/// Every file below, with its content.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.is_file() {
            found.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn root_finds_no_password_in_the_agents_memory_after_it_was_given_or_its_window_ended() {
    let Some(desk) = Desk::new().await else {
        return;
    };
    let maps = || fs::read_to_string(format!("/proc/{}/maps", desk.agent.0.id())).unwrap();
    assert_eq!(desk.sudo(&["id", "-u"]).trim(), "0");
    let shown = desk.home.run(&["password", "db01-root"]);
    assert_eq!(text(&shown.stdout).trim(), PASSWORD);
    if maps().contains("/secretmem") {
        // A connection has what it sent until it is closed, which may be a moment after its client.
        until("no more than what is held is left of it", || {
            !desk.holds_it_readably()
        })
        .await;
    } else {
        skipped("this kernel has no memfd_secret: root can read what is held");
    }
    desk.home.run(&["close", "--all"]);
    assert!(!desk.holds_it_readably(), "closed");
    for _ in 0..20 {
        desk.sudo(&["true"]);
    }
    desk.home.run(&["lock"]);
    until("nothing is left of it", || !desk.holds_it_readably()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_process_log_record_notice_or_file_has_a_password_that_was_given_or_shown() {
    let Some(desk) = Desk::new().await else {
        return;
    };
    // As root, while the helper has just ended: what every process was started with.
    let processes = desk.sudo(&[
        "sh",
        "-c",
        "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; true",
    ]);
    assert!(
        processes.contains("PIMENTO_LOG=trace"),
        "control: {processes}"
    );
    let shown = desk.home.run(&["password", "db01-root"]);
    assert_eq!(text(&shown.stdout).trim(), PASSWORD);
    let told = text(&shown.stderr) + &text(&desk.home.run(&["status"]).stdout);
    let json = text(&desk.home.run(&["--json", "status"]).stdout);
    assert!(json.contains("\"revealed\":[{"), "{json}");
    desk.home.run(&["close", "--all"]);
    let notices = desk.home.path("notices");
    until("the end is told", || notices.exists()).await;
    let mut found = Vec::new();
    files(desk.home.folder.path(), &mut found);
    assert!(found.iter().any(|(name, _)| name.ends_with("audit.jsonl")));
    assert!(found.iter().any(|(name, _)| name.ends_with("notices")));
    let log = desk.agent.1.lock().unwrap().clone();
    assert!(log.contains("window closed"), "control");
    for (name, more) in [
        ("processes", processes),
        ("told", told),
        ("json", json),
        ("log", log),
    ] {
        found.push((name.to_owned(), more.into_bytes()));
    }
    for (name, bytes) in &found {
        assert!(!holds(bytes), "{name} holds the password");
    }
}
