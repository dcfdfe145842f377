//! Questions and notices on a desktop of its own: a real notification service on a private bus.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::support::home::{Home, Running, text};
use crate::support::until;

/// A screen, a bus and, if there is one, a notification service.
struct Desktop {
    bus: String,
    display: String,
    dunst: Option<Child>,
    others: Vec<Child>,
}

impl Desktop {
    /// One on which a press on a notification's menu is on the button that `folder/press` names.
    async fn new(folder: &Path) -> Self {
        let mut desktop = Self::without_service(folder);
        let choose = folder.join("choose");
        // What the service offers is lines such as "#Allow (…)".
        fs::write(
            &choose,
            format!("#!/bin/sh\ngrep \"^#$(cat {}/press)\"\n", folder.display()),
        )
        .unwrap();
        fs::set_permissions(&choose, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let config = folder.join("dunstrc");
        fs::write(&config, format!("[global]\ndmenu = {}\n", choose.display())).unwrap();
        let mut dunst = desktop.command("dunst");
        dunst
            .arg("-conf")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        desktop.dunst = Some(dunst.spawn().unwrap());
        until("the service is there", || {
            desktop.dunstctl(&["count"]).status.success()
        })
        .await;
        desktop
    }

    fn without_service(folder: &Path) -> Self {
        // Nothing is started on demand there, as it would be on a desktop's bus.
        let config = folder.join("bus.conf");
        fs::write(&config, BUS).unwrap();
        let mut bus = Command::new("dbus-daemon");
        bus.arg(format!("--config-file={}", config.display()));
        bus.arg(format!("--address=unix:path={}/bus", folder.display()));
        let (bus, address) = first_line(bus.args(["--nofork", "--print-address"]));
        let mut screen = Command::new("Xvfb");
        screen.args([
            "-displayfd",
            "1",
            "-screen",
            "0",
            "800x600x24",
            "-nolisten",
            "tcp",
        ]);
        let (screen, display) = first_line(&mut screen);
        Self {
            bus: address,
            display: format!(":{display}"),
            dunst: None,
            others: vec![bus, screen],
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        command
            .env("DISPLAY", &self.display)
            .env_remove("WAYLAND_DISPLAY");
        command
    }

    fn dunstctl(&self, args: &[&str]) -> Output {
        self.command("dunstctl").args(args).output().unwrap()
    }

    /// How many notifications are on the screen.
    fn shown(&self) -> usize {
        let count = self.dunstctl(&["count", "displayed"]);
        text(&count.stdout).trim().parse().unwrap_or_default()
    }

    /// What notifications of before have said.
    fn said(&self) -> Vec<String> {
        let history = self.dunstctl(&["history"]);
        let history: serde_json::Value = serde_json::from_slice(&history.stdout).unwrap();
        let said = history["data"][0].as_array().unwrap().iter();
        said.map(|it| it["body"]["data"].as_str().unwrap().to_owned())
            .collect()
    }

    /// An agent of this desktop's, with a key that is asked about.
    async fn agent(&self, change: impl FnOnce(String) -> String) -> (Home, Running) {
        let home = Home::new().await.configured(|config| {
            change(config.replace("[key.web]\n", "[key.web]\nconfirm = true\n"))
        });
        let agent = home.agent_with(&[("DBUS_SESSION_BUS_ADDRESS", &self.bus)]);
        home.sign_in();
        (home, agent)
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        for child in self.dunst.iter_mut().chain(&mut self.others) {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

const BUS: &str = "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" \
    \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\
    <busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen>\
    <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/><allow own=\"*\"/>\
    </policy></busconfig>";

/// Starts a program that says where it is, and goes on.
fn first_line(command: &mut Command) -> (Child, String) {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, line.trim().to_owned())
}

/// Logs in while `meanwhile` is done on the desktop.
async fn login(home: Home, meanwhile: impl AsyncFnOnce()) -> (Home, bool) {
    let login = tokio::task::spawn_blocking(move || {
        let output = home.ssh("web");
        (home, output.status.success())
    });
    meanwhile().await;
    login.await.unwrap()
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn usual(config: String) -> String {
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn the_button_that_allows_is_a_yes_and_the_other_a_no() {
    let folder = folder();
    let desktop = Desktop::new(folder.path()).await;
    let (mut home, _agent) = desktop.agent(usual).await;
    for (button, allowed) in [("Allow", true), ("Deny", false)] {
        fs::write(folder.path().join("press"), button).unwrap();
        let (back, logged_in) = login(home, async || {
            until("the question is shown", || desktop.shown() == 1).await;
            assert!(desktop.dunstctl(&["context"]).status.success());
        })
        .await;
        assert_eq!(
            logged_in,
            allowed,
            "{button}: {}",
            text(&back.run(&["why"]).stdout)
        );
        home = back;
        until("the question is gone", || desktop.shown() == 0).await;
    }
    let said = desktop.said();
    assert!(
        said[0].starts_with("Allow the use of key web (SHA256:"),
        "{said:?}"
    );
    let why = text(&home.run(&["why"]).stdout);
    assert!(why.contains("the answer was no"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_pushed_aside_is_a_no() {
    let folder = folder();
    let desktop = Desktop::new(folder.path()).await;
    let (home, _agent) = desktop.agent(usual).await;
    let (_home, logged_in) = login(home, async || {
        until("the question is shown", || desktop.shown() == 1).await;
        assert!(desktop.dunstctl(&["close"]).status.success());
    })
    .await;
    assert!(!logged_in);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_nobody_answers_is_a_no_and_goes_away() {
    let folder = folder();
    let desktop = Desktop::new(folder.path()).await;
    let soon = |config: String| config.replace("[agent]\n", "[agent]\nprompt_timeout = \"5s\"\n");
    let (home, _agent) = desktop.agent(soon).await;
    let (home, logged_in) = login(home, async || {
        until("the question is shown", || desktop.shown() == 1).await;
    })
    .await;
    assert!(!logged_in);
    until("the question is gone", || desktop.shown() == 0).await;
    let why = home.run(&["why", "--json"]);
    assert!(
        text(&why.stdout).contains("\"unanswered\""),
        "{}",
        text(&why.stdout)
    );
}

/// Any program of the session can send a signal that looks as if the button had been pressed.
#[tokio::test(flavor = "multi_thread")]
async fn a_yes_by_another_program_of_the_session_is_none() {
    let folder = folder();
    let desktop = Desktop::new(folder.path()).await;
    let (home, _agent) = desktop.agent(usual).await;
    let (_home, logged_in) = login(home, async || {
        until("the question is shown", || desktop.shown() == 1).await;
        for number in 1..20 {
            let signal = "org.freedesktop.Notifications.ActionInvoked";
            let mut forged = desktop.command("dbus-send");
            forged.args([
                "--session",
                "--type=signal",
                "/org/freedesktop/Notifications",
                signal,
            ]);
            forged.args([&format!("uint32:{number}"), "string:allow"]);
            assert!(forged.status().unwrap().success());
        }
        assert_eq!(desktop.shown(), 1);
        assert!(desktop.dunstctl(&["close"]).status.success());
    })
    .await;
    assert!(!logged_in);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_service_shows_notifications_the_question_is_asked_otherwise_or_refused() {
    let folder = folder();
    let desktop = Desktop::without_service(folder.path());
    let (home, _agent) = desktop.agent(usual).await;
    let (home, logged_in) = login(home, async || {}).await;
    assert!(!logged_in);
    let why = text(&home.run(&["why"]).stdout);
    assert!(why.contains("the desktop's notifications: "), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_was_chosen_is_asked_and_not_the_desktop() {
    let folder = folder();
    let desktop = Desktop::new(folder.path()).await;
    let askpass = crate::script(folder.path(), "echo yes");
    let chosen =
        |config: String| config.replace("[agent]\n", &format!("[agent]\naskpass = {askpass:?}\n"));
    let mut home = Home::new()
        .await
        .configured(|config| chosen(config.replace("[key.web]\n", "[key.web]\nconfirm = true\n")));
    let session = [
        ("DBUS_SESSION_BUS_ADDRESS", desktop.bus.as_str()),
        ("DISPLAY", &desktop.display),
    ];
    let _agent = home.agent_with(&session);
    home.sign_in();
    let logged_in;
    (home, logged_in) = login(home, async || {}).await;
    assert!(logged_in, "{}", text(&home.run(&["why"]).stdout));
    assert_eq!(desktop.said(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_window_is_told_on_the_desktop() {
    let folder = folder();
    let desktop = Desktop::new(folder.path()).await;
    let (home, _agent) = desktop.agent(usual).await;
    assert!(
        home.run(&["open", "linux-root", "--reason", "test"])
            .status
            .success()
    );
    // PIM itself ends none so early, and says so.
    home.run(&["close", "linux-root"]);
    until("the end is told", || desktop.shown() == 1).await;
    desktop.dunstctl(&["close"]);
    let said = desktop.said();
    assert!(
        said[0].starts_with("Window linux-root has ended"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_ends_in_two_minutes_is_told_on_the_desktop() {
    let folder = folder();
    let desktop = Desktop::new(folder.path()).await;
    // Real programs have real time: it opens a little before the notice is due.
    let short = |config: String| config.replace("duration = \"1h\"", "duration = \"125s\"");
    let (home, _agent) = desktop.agent(short).await;
    let opened = home.run(&["open", "linux-root", "--reason", "test"]);
    assert!(opened.status.success(), "{}", text(&opened.stderr));
    assert_eq!(desktop.shown(), 0);
    until("the notice is shown", || desktop.shown() == 1).await;
    desktop.dunstctl(&["close"]);
    assert_eq!(desktop.said(), ["Window linux-root ends in 2 minutes."]);
}

/// An agent of `desktop` that asks by a program where the desktop does not.
async fn agent_with_askpass(desktop: &Desktop, folder: &Path) -> (Home, Running) {
    let home = Home::new()
        .await
        .configured(|config| config.replace("[key.web]\n", "[key.web]\nconfirm = true\n"));
    let askpass = crate::script(folder, "echo \"$1\" > \"$folder/asked\"");
    let agent = home.agent_with(&[
        ("DBUS_SESSION_BUS_ADDRESS", &desktop.bus),
        ("SSH_ASKPASS", &askpass),
        ("SSH_ASKPASS_REQUIRE", "force"),
    ]);
    home.sign_in();
    (home, agent)
}

/// Desktops show a few notifications of a program, and drop the oldest when there are more.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_the_desktop_drops_is_asked_otherwise() {
    let folder = folder();
    let desktop = Desktop::new(folder.path()).await;
    let (home, _agent) = agent_with_askpass(&desktop, folder.path()).await;
    let (home, logged_in) = login(home, async || {
        until("the question is shown", || desktop.shown() == 1).await;
        for number in 1..20 {
            let mut close = desktop.command("dbus-send");
            close.args([
                "--session",
                "--type=method_call",
                "--dest=org.freedesktop.Notifications",
                "/org/freedesktop/Notifications",
                "org.freedesktop.Notifications.CloseNotification",
                &format!("uint32:{number}"),
            ]);
            assert!(close.status().unwrap().success());
        }
    })
    .await;
    assert!(logged_in, "{}", text(&home.run(&["why"]).stdout));
    let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
    assert!(asked.starts_with("Allow the use of key web"), "{asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_whose_service_ends_is_asked_otherwise() {
    let folder = folder();
    let mut desktop = Desktop::new(folder.path()).await;
    let (home, _agent) = agent_with_askpass(&desktop, folder.path()).await;
    let (home, logged_in) = login(home, async || {
        until("the question is shown", || desktop.shown() == 1).await;
        let dunst = desktop.dunst.as_mut().unwrap();
        dunst.kill().unwrap();
        dunst.wait().unwrap();
    })
    .await;
    assert!(logged_in, "{}", text(&home.run(&["why"]).stdout));
    assert!(folder.path().join("asked").exists());
}
