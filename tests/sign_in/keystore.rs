//! A sign-in that outlasts the agent, in a real Secret Service: gnome-keyring on a bus of its own.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use crate::support::home::{Home, text};
use crate::support::{USER, until};
use crate::{REVEAL, device_login};

use locked::Locked;

#[path = "locked.rs"]
mod locked;

/// A session bus of its own, and its address.
fn session_bus(home: &Home) -> (Child, String) {
    let config = home.folder.path().join("bus.conf");
    let listen = home.folder.path().display();
    std::fs::write(&config, BUS.replace("FOLDER", &listen.to_string())).unwrap();
    let mut bus = home.command("dbus-daemon");
    let mut bus = bus
        .arg("--config-file")
        .arg(config)
        .args(["--nofork", "--print-address"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("dbus-daemon: {error}; run `./check tools`"));
    let mut address = String::new();
    BufReader::new(bus.stdout.take().unwrap())
        .read_line(&mut address)
        .unwrap();
    (bus, address.trim().to_owned())
}

/// A session bus with a keyring that is unlocked.
struct Keyring {
    bus: Child,
    daemon: Child,
    address: String,
}

impl Keyring {
    async fn start(home: &Home) -> Self {
        let (bus, address) = session_bus(home);
        let mut daemon = home.command("gnome-keyring-daemon");
        let mut daemon = daemon
            .args(["--foreground", "--unlock", "--components=secrets"])
            .env("DBUS_SESSION_BUS_ADDRESS", &address)
            .env("XDG_RUNTIME_DIR", home.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("gnome-keyring: {error}; run `./check tools`"));
        daemon.stdin.take().unwrap().write_all(b"unlocked").unwrap();
        let keyring = Self {
            bus,
            daemon,
            address,
        };
        until("the keyring answers", || keyring.answers()).await;
        keyring
    }

    fn answers(&self) -> bool {
        let mut ask = Command::new("dbus-send");
        let ask = ask
            .arg(format!("--bus={}", self.address))
            .args(["--dest=org.freedesktop.secrets", "--print-reply"])
            .arg("/org/freedesktop/secrets/aliases/default")
            .args(["org.freedesktop.DBus.Properties.Get"])
            .args(["string:org.freedesktop.Secret.Collection", "string:Locked"]);
        let answer = ask.output().unwrap();
        text(&answer.stdout).contains("boolean false")
    }

    fn environment(&self) -> [(&str, &str); 1] {
        [("DBUS_SESSION_BUS_ADDRESS", &self.address)]
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        for child in [&mut self.daemon, &mut self.bus] {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

/// A session bus that starts no services by itself: the first question would start a second keyring,
/// locked, if the first is not there yet.
const BUS: &str = r#"<busconfig>
  <type>session</type>
  <listen>unix:dir=FOLDER</listen>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>"#;

fn kept(text: String) -> String {
    text.replacen("client_id", "keep_sign_in = \"keystore\"\nclient_id", 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_in_the_keystore_is_there_after_a_restart_and_gone_after_logout() {
    let home = Home::new().await.configured(kept);
    let keyring = Keyring::start(&home).await;
    let first = home.agent_with(&keyring.environment());
    assert_eq!(device_login(&home).0, Some(0));
    first.kill();
    let second = home.agent_with(&keyring.environment());
    assert_eq!(home.run(&REVEAL).status.code(), Some(0));
    let status = text(&home.run(&["status"]).stdout);
    assert!(status.contains(USER), "{status}");
    // PIM does not end what was activated a moment ago, and nobody is signed in to ask for it later.
    let left = home.run(&["logout"]);
    assert_eq!(left.status.code(), Some(5), "{left:?}");
    let told = text(&left.stderr);
    assert!(
        told.contains("only five minutes after its beginning"),
        "{told}"
    );
    assert!(
        told.contains("nobody is signed in to end it later"),
        "{told}"
    );
    assert_eq!(home.run(&REVEAL).status.code(), Some(3));
    second.kill();
    let _third = home.agent_with(&keyring.environment());
    assert_eq!(home.run(&REVEAL).status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_is_in_no_keystore_unless_that_is_chosen() {
    let home = Home::new().await;
    let keyring = Keyring::start(&home).await;
    let first = home.agent_with(&keyring.environment());
    assert_eq!(device_login(&home).0, Some(0));
    first.kill();
    let _second = home.agent_with(&keyring.environment());
    assert_eq!(home.run(&REVEAL).status.code(), Some(3));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keystore_the_sign_in_holds_until_the_agent_ends() {
    let home = Home::new().await.configured(kept);
    let first = home.agent_with(&[("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")]);
    assert_eq!(device_login(&home).0, Some(0));
    assert_eq!(home.run(&REVEAL).status.code(), Some(0));
    let said = first.1.lock().unwrap().clone();
    assert!(said.contains("the keystore cannot be used"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_sign_in_that_was_revoked_is_forgotten() {
    let home = Home::new().await.configured(kept);
    let keyring = Keyring::start(&home).await;
    let first = home.agent_with(&keyring.environment());
    assert_eq!(device_login(&home).0, Some(0));
    first.kill();
    home.emulator
        .change(pimento::emulator::World::revoke_sign_ins);
    let _second = home.agent_with(&keyring.environment());
    for _ in 0..2 {
        assert_eq!(home.run(&REVEAL).status.code(), Some(3));
    }
    assert_eq!(home.emulator.count("entra.token.refresh_token"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keystore_that_nobody_unlocks_holds_up_neither_tokens_nor_the_end() {
    let home = Home::new().await.configured(kept);
    let (bus, address) = session_bus(&home);
    let keyring = Locked::on(bus, &address);
    let mut agent = home.agent_with(&[("DBUS_SESSION_BUS_ADDRESS", &address)]);
    // It looks for a sign-in of before, which has to be unlocked.
    until("somebody is asked to unlock it", || keyring.questions() > 0).await;
    assert_eq!(device_login(&home).0, Some(0));
    // Each token gives a new refresh token, which is to be kept.
    assert_eq!(home.run(&REVEAL).status.code(), Some(0));
    let said = agent.1.lock().unwrap().clone();
    assert!(said.contains("the keystore cannot be used"), "{said}");
    assert_eq!(keyring.questions(), 1, "keeping it asks nobody");
    let pid = rustix::process::Pid::from_child(&agent.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let told = std::time::Instant::now();
    assert!(agent.0.wait().unwrap().success());
    let took = told.elapsed();
    assert!(took < std::time::Duration::from_secs(20), "{took:?}");
}
