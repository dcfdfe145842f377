//! `pimento sudo`: here, and on another host through real ssh, sshd and sudo.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg(target_os = "linux")]

mod support;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use support::etc::{Etc, NAME};
use support::home::{Home, Running, text};
use support::sshd::{Sshd, run};
use support::terminal::Terminal;

const HOST: &str = "db02.contoso.com";

/// A desk, and a host on which its user logs in by a key and root's password is in the vault.
struct Desk {
    home: Home,
    sshd: Sshd,
    _agent: Running,
}

impl Desk {
    async fn new(sudoers: &str) -> Option<Self> {
        let home = Home::new().await;
        let etc = Etc::new("root's \"own\" $word", sudoers)?;
        etc.with_faillock();
        home.emulator
            .change(|cloud| cloud.put_secret("kv-linux", "db02-root", "root's \"own\" $word"));
        let keys = etc.path("home/.ssh/authorized_keys");
        let sshd = Sshd::start_in(&etc, &format!("AuthorizedKeysFile {}", keys.display()));
        let there = format!(
            "[password.db02-root]\nvault = \"linux\"\nsecret = \"db02-root\"\nuser = \"root\"\n\
             hosts = [\"{HOST}\"]\n\
             [password.here]\nvault = \"linux\"\nsecret = \"db02-root\"\nuser = \"root\"\n\
             hosts = [\"localhost\"]\n[key.web]"
        );
        let home = home.configured(|config| config.replace("[key.web]", &there));
        let home = home.in_etc(etc);
        let desk = Self {
            _agent: home.agent(),
            home,
            sshd,
        };
        desk.lets_itself_in();
        desk.home.sign_in();
        desk.home
            .emulator
            .change(pimento::emulator::World::reset_counts);
        Some(desk)
    }

    fn etc(&self) -> &Etc {
        self.home.etc.as_ref().unwrap()
    }

    /// A key of the user's own, and what ssh needs to know of the host.
    fn lets_itself_in(&self) {
        let folder = self.etc().path("home/.ssh");
        std::fs::create_dir(&folder).unwrap();
        let path = |name: &str| folder.join(name);
        run(Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(path("id_ed25519")));
        std::fs::copy(path("id_ed25519.pub"), path("authorized_keys")).unwrap();
        let key = self.sshd.host_key().to_openssh().unwrap();
        std::fs::write(path("known_hosts"), format!("{HOST} {key}\n")).unwrap();
        let config = format!(
            "Host db02 {HOST}\nHostName 127.0.0.1\nPort {}\nHostKeyAlias {HOST}\nUser {NAME}\n\
             LogLevel ERROR\n",
            self.sshd.port
        );
        std::fs::write(path("config"), config).unwrap();
        self.etc().own_all(&folder);
    }

    fn sudo(&self, args: &[&str]) -> Command {
        let mut sudo = self.home.pimento(&["sudo"]);
        sudo.args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        sudo
    }

    fn run(&self, args: &[&str]) -> Output {
        self.sudo(args).output().unwrap()
    }

    fn releases(&self) -> usize {
        let audit = std::fs::read_to_string(self.home.path("state/audit/audit.jsonl")).unwrap();
        audit.matches("\"event\":\"released\"").count()
    }
}

#[track_caller]
fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_as_root_here_by_a_prompt_of_its_own() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    assert_eq!(printed(&desk.run(&["--", "id", "-u"])), "0");
    let failed = desk.run(&["--", "sh", "-c", "exit 7"]);
    assert_eq!(failed.status.code(), Some(7));
    // sudo itself says no to what it does not know, and asks for nothing.
    let unknown = desk.run(&["--user", "nobody-here", "--", "id"]);
    assert_eq!(text(&unknown.stdout), "");
    assert!(!unknown.status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_runs_as_root_on_the_host_by_whatever_name_it_has() {
    let Some(desk) = Desk::new("Defaults rootpw, timestamp_timeout=0").await else {
        return;
    };
    for host in [HOST, "db02"] {
        let output = desk.run(&[host, "--", "id", "-u"]);
        assert_eq!(printed(&output), "0");
        let told = text(&output.stderr);
        assert!(told.contains("db02-root goes to sudo for root@"), "{told}");
        assert!(
            !told.contains("[pimento"),
            "the prompt is not shown: {told}"
        );
    }
    let words = desk.run(&[HOST, "--", "printf", "%s|", "a b", "c'd", "$HOME"]);
    assert_eq!(printed(&words), "a b|c'd|$HOME|");
    let failed = desk.run(&[HOST, "--", "sh", "-c", "echo no >&2; exit 7"]);
    assert_eq!(failed.status.code(), Some(7));
    assert!(text(&failed.stderr).contains("no\n"));
    assert_eq!(desk.etc().failures("root"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_sudo_wants_no_password_the_command_gets_none_of_it() {
    let Some(desk) = Desk::new(&format!("{NAME} ALL=(ALL) NOPASSWD: ALL\n#")).await else {
        return;
    };
    desk.etc().write(
        "sudoers",
        &format!("{NAME} ALL=(ALL:ALL) NOPASSWD: ALL\n"),
        0o440,
    );
    let mut sudo = desk.sudo(&["--stdin", HOST, "--", "cat"]);
    let mut sudo = sudo.stdin(Stdio::piped()).spawn().unwrap();
    sudo.stdin.take().unwrap().write_all(b"of mine\n").unwrap();
    assert_eq!(printed(&sudo.wait_with_output().unwrap()), "of mine");
    assert_eq!(desk.releases(), 0);
    assert_eq!(desk.home.emulator.count("vault.secret.get"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_reaches_the_command_and_never_sudo() {
    let Some(desk) = Desk::new("Defaults rootpw, timestamp_timeout=0").await else {
        return;
    };
    let mut sudo = desk.sudo(&["--stdin", HOST, "--", "sh", "-c", "id -u; cat"]);
    let mut sudo = sudo.stdin(Stdio::piped()).spawn().unwrap();
    // Before sudo has asked: it would be taken for the password.
    sudo.stdin
        .take()
        .unwrap()
        .write_all(b"a line\nof mine")
        .unwrap();
    let output = sudo.wait_with_output().unwrap();
    assert_eq!(printed(&output), "0\na line\nof mine");
    assert_eq!(desk.etc().failures("root"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_written_once_and_the_command_never_runs() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    desk.etc().set_password("root", "another");
    for _ in 0..4 {
        let refused = desk.run(&[HOST, "--", "id", "-u"]);
        assert_eq!(
            (text(&refused.stdout).as_str(), refused.status.code()),
            ("", Some(6))
        );
        assert!(text(&refused.stderr).contains("seems wrong"));
    }
    // The wrong one, and the prompt after it, which ends with the connection.
    assert_eq!(desk.etc().failures("root"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_account_or_an_unknown_host_gets_nothing() {
    // sudo asks for the user's own password, which is not in the vault.
    let Some(desk) = Desk::new("").await else {
        return;
    };
    let refused = desk.run(&[HOST, "--", "id"]);
    assert_eq!(
        (text(&refused.stdout).as_str(), refused.status.code()),
        ("", Some(4))
    );
    std::fs::write(desk.etc().path("home/.ssh/known_hosts"), "").unwrap();
    let unknown = desk.run(&["-o", "StrictHostKeyChecking=no", HOST, "--", "id"]);
    assert_eq!(unknown.status.code(), Some(255));
    assert!(text(&unknown.stderr).contains("Host key verification failed"));
    assert_eq!(desk.releases(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_terminal_sudo_asks_there_and_keys_reach_the_command() {
    let Some(desk) = Desk::new("Defaults rootpw, timestamp_timeout=0").await else {
        return;
    };
    let command = [
        "sudo",
        "-t",
        HOST,
        "--",
        "sh",
        "-c",
        "tty; read -r word; echo \"got $word\"",
    ];
    let mut terminal = Terminal::run(&desk.home.pimento(&command));
    let shown = terminal.shows("/dev/pts/");
    assert!(!shown.contains("[pimento"), "{shown}");
    terminal.types("hello\r");
    terminal.shows("got hello");
    assert!(terminal.ends().0);
    assert_eq!(desk.releases(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_answers_one_sudo_of_the_session_and_leaves_nothing_behind() {
    let Some(desk) = Desk::new("Defaults rootpw, timestamp_timeout=0").await else {
        return;
    };
    let script = "sudo -A id -u; sudo -A id -u; echo rest $?; ls $(dirname $SUDO_ASKPASS); \
                  cat $SUDO_ASKPASS; echo; \
                  echo $(dirname $SUDO_ASKPASS) $(grep ^s=/ $SUDO_ASKPASS | cut -c3-)";
    let output = desk.run(&["--bridge", HOST, "--", "sh", "-c", script]);
    let shown = printed(&output);
    assert!(shown.starts_with("0\nrest 1\naskpass\n"), "{shown}");
    assert!(!shown.contains("root's"), "the shim holds no secret");
    assert_eq!(desk.releases(), 1);
    let folder = shown.lines().last().unwrap();
    assert!(folder.starts_with("/tmp/pimento."), "{shown}");
    let (gone, socket) = folder.split_once(' ').unwrap();
    assert!(!Path::new(gone).exists() && !Path::new(socket).exists());
    // The second one had no answer, which PAM counts once.
    assert!(desk.etc().failures("root") <= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bridge_answers_no_other_prompt_and_nobody_but_its_own_session() {
    let Some(desk) = Desk::new("Defaults rootpw").await else {
        return;
    };
    let script = "for prompt in 'Password: ' '[sudo] password for root: ' \
                  '[pimento 00] password for root: '; do \"$SUDO_ASKPASS\" \"$prompt\"; done; \
                  sudo -A -p 'Password: ' true; echo done";
    let output = desk.run(&["--bridge", HOST, "--", "sh", "-c", script]);
    assert_eq!(
        text(&output.stdout).trim(),
        "done",
        "{}",
        text(&output.stderr)
    );
    assert_eq!(desk.releases(), 0);
}
