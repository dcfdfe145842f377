//! Real logins by password, against a real sshd in an `/etc` of its own.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod support;

use std::process::{Command, Output, Stdio};

use support::etc::{Etc, OTHER};
use support::home::{Home, Running, text};
use support::sshd::Sshd;

/// A desk from which one logs in by password, and the host.
struct Desk {
    home: Home,
    sshd: Sshd,
    _agent: Running,
}

/// Passwords as such, without PAM.
const PASSWORD: &str = "PasswordAuthentication yes\nPubkeyAuthentication no";

/// What PAM asks, by keyboard-interactive.
const KEYBOARD: &str = "UsePAM yes\nKbdInteractiveAuthentication yes\nPubkeyAuthentication no";

impl Desk {
    async fn new(settings: &str, uses: &str) -> Option<Self> {
        Self::with_password(settings, uses, "the right one").await
    }

    /// A host on which the account has `password`; the vault has "the right one".
    async fn with_password(settings: &str, uses: &str, password: &str) -> Option<Self> {
        Self::configured(settings, uses, password, |text| text).await
    }

    async fn configured(
        settings: &str,
        uses: &str,
        password: &str,
        change: impl FnOnce(String) -> String,
    ) -> Option<Self> {
        let etc = Etc::new("root's", "")?;
        etc.set_password(OTHER, password);
        etc.with_faillock();
        let sshd = Sshd::start_in(&etc, settings);
        let home = Home::new().await;
        home.emulator
            .change(|cloud| cloud.put_secret("kv-linux", "deploy", "the right one"));
        let there = format!(
            "[password.deploy]\nvault = \"linux\"\nsecret = \"deploy\"\nuser = \"{OTHER}\"\n\
             hosts = [\"db02.contoso.com\"]\n{uses}\n[key.web]"
        );
        let home = home.configured(|config| change(config.replace("[key.web]", &there)));
        let key = sshd.host_key().to_openssh().unwrap();
        let hosts = ["db02.contoso.com", "db03.contoso.com"];
        let known: String = hosts.iter().map(|host| format!("{host} {key}\n")).collect();
        std::fs::write(home.path("known_hosts"), known).unwrap();
        let home = home.in_etc(etc);
        let agent = home.agent();
        home.sign_in();
        home.emulator.change(pimento::emulator::World::reset_counts);
        Some(Self {
            home,
            sshd,
            _agent: agent,
        })
    }

    fn etc(&self) -> &Etc {
        self.home.etc.as_ref().unwrap()
    }

    fn ssh(&self, host: &str, options: &[&str]) -> Command {
        let mut ssh = self.home.command("ssh");
        ssh.args(["-F", "/dev/null", "-p", &self.sshd.port.to_string()]);
        let known = self.home.path("known_hosts");
        let own = format!("UserKnownHostsFile={}", known.display());
        let alias = format!("HostKeyAlias={host}");
        for option in options.iter().copied().chain([
            own.as_str(),
            alias.as_str(),
            "StrictHostKeyChecking=yes",
            "LogLevel=ERROR",
        ]) {
            ssh.args(["-o", option]);
        }
        ssh.args([&format!("{OTHER}@127.0.0.1"), "id", "-un"]);
        ssh.env("SSH_ASKPASS", self.etc().askpass())
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        ssh
    }

    fn login(&self, options: &[&str]) -> Output {
        self.ssh("db02.contoso.com", options).output().unwrap()
    }

    fn releases(&self) -> usize {
        let audit = std::fs::read_to_string(self.home.path("state/audit/audit.jsonl")).unwrap();
        audit.matches("\"event\":\"released\"").count()
    }
}

#[track_caller]
fn logged_in(output: &Output) {
    assert_eq!(
        text(&output.stdout).trim(),
        OTHER,
        "{}",
        text(&output.stderr)
    );
}

#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_logs_in_by_the_password_of_its_host() {
    let Some(desk) = Desk::new(PASSWORD, "").await else {
        return;
    };
    logged_in(&desk.login(&[]));
    logged_in(&desk.login(&[]));
    assert_eq!(desk.releases(), 2);
    let reads = desk.home.emulator.count("vault.secret.get");
    assert_eq!(reads, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyboard_interactive_prompt_is_answered_only_where_that_is_configured() {
    let uses = "uses = [\"ssh\", \"ssh-keyboard-interactive\"]";
    let Some(desk) = Desk::new(KEYBOARD, uses).await else {
        return;
    };
    logged_in(&desk.login(&["PreferredAuthentications=keyboard-interactive"]));
    let Some(desk) = Desk::new(KEYBOARD, "").await else {
        return;
    };
    let told = refused(&desk.login(&["PreferredAuthentications=keyboard-interactive"]));
    assert!(
        told.contains("do not include ssh-keyboard-interactive"),
        "{told}"
    );
    assert_eq!(desk.etc().failures(OTHER), 0, "no empty password was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_sent_once_and_nothing_empty_after_it() {
    let settings = format!("{PASSWORD}\nUsePAM yes");
    let desk = Desk::with_password(&settings, "", "another").await;
    let Some(desk) = desk else {
        return;
    };
    // Three prompts, as ssh has it by default.
    let by_password = "PreferredAuthentications=password";
    let told = refused(&desk.login(&["NumberOfPasswordPrompts=3", by_password]));
    assert!(told.contains("it seems wrong"), "{told}");
    assert!(told.contains("ssh is stopped"), "{told}");
    assert_eq!(desk.etc().failures(OTHER), 1);
    for _ in 0..5 {
        refused(&desk.login(&[by_password]));
    }
    assert_eq!(desk.etc().failures(OTHER), 1, "deny=3 is not reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_that_ignores_ctrl_c_sends_nothing_empty_either() {
    let settings = format!("{PASSWORD}\nUsePAM yes");
    let Some(desk) = Desk::new(&settings, "").await else {
        return;
    };
    // As under nohup, or from a script's background.
    let usual = desk.ssh("db03.contoso.com", &[]);
    let mut ignoring = Command::new("sh");
    ignoring.args(["-c", "trap '' HUP INT; exec \"$0\" \"$@\""]);
    ignoring.arg(usual.get_program()).args(usual.get_args());
    ignoring.env_clear().stdin(Stdio::null());
    for (name, value) in usual.get_envs() {
        ignoring.env(name, value.unwrap_or_default());
    }
    let told = refused(&ignoring.output().unwrap());
    assert!(told.contains("ssh is stopped"), "{told}");
    assert_eq!(desk.etc().failures(OTHER), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_host_gets_no_password_and_no_empty_one() {
    let settings = format!("{PASSWORD}\nUsePAM yes");
    let Some(desk) = Desk::new(&settings, "").await else {
        return;
    };
    let told = refused(&desk.ssh("db03.contoso.com", &[]).output().unwrap());
    assert!(told.contains("there is no password named"), "{told}");
    assert_eq!(desk.etc().failures(OTHER), 0);
    assert_eq!(desk.releases(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_a_host_key_is_never_answered() {
    let Some(desk) = Desk::new(PASSWORD, "").await else {
        return;
    };
    std::fs::write(desk.home.path("known_hosts"), "").unwrap();
    let mut ssh = desk.ssh("db02.contoso.com", &["StrictHostKeyChecking=ask"]);
    let told = refused(&ssh.output().unwrap());
    assert!(told.contains("not one that pimento answers"), "{told}");
    assert_eq!(desk.releases(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_connection_is_closed_with_the_window_where_that_is_configured() {
    let at_end = "[agent]\nat_end = [\"control-master\"]\n";
    let change = |text: String| text.replace("[agent]\n", at_end);
    let desk = Desk::configured(PASSWORD, "", "the right one", change).await;
    let Some(desk) = desk else {
        return;
    };
    let folder = desk.etc().path("home/.ssh");
    std::fs::create_dir(&folder).unwrap();
    // ssh looks for its configuration in the home that the account has, whatever HOME says.
    let config = format!(
        "Host db02.contoso.com\nHostName 127.0.0.1\nPort {}\nUser {OTHER}\n\
         HostKeyAlias db02.contoso.com\nUserKnownHostsFile {}\nControlMaster auto\n\
         ControlPath {}/master\nControlPersist yes\nLogLevel ERROR\n",
        desk.sshd.port,
        desk.home.path("known_hosts").display(),
        folder.display(),
    );
    std::fs::write(folder.join("config"), config).unwrap();
    desk.etc().own_all(&folder);
    let ssh = |args: &[&str]| {
        let mut ssh = desk.home.command("ssh");
        ssh.args(args).arg("db02.contoso.com");
        ssh.env("SSH_ASKPASS", desk.etc().askpass());
        ssh.env("SSH_ASKPASS_REQUIRE", "force");
        ssh
    };
    // A master holds on to its stderr, so that nobody may wait for its end.
    let mut login = ssh(&[]);
    let login = login.arg("true").stderr(Stdio::null()).status().unwrap();
    assert!(login.success());
    let lives = || ssh(&["-O", "check"]).status().unwrap().success();
    assert!(lives());
    desk.home.run(&["close", "--all"]);
    support::until("the connection is closed", || !lives()).await;
}
