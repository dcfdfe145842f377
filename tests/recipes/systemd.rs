//! `docs/recipes/systemd.md`, with a real user manager of systemd, and clients that are not one.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Output;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, socket};

use super::kitchen::{Kitchen, SECRET, told};
use super::page::Page;
use crate::support::home::{Home, text};

const BLOCKS: [&str; 3] = ["config", "unit", "start"];

/// Services beside the recipe's: one that shows the credential as it is, and two that must not
/// get it. Each prints it if it runs.
const SERVICES: [(&str, &str); 3] = [
    ("raw@.service", "backup"),
    ("other.service", "backup"),
    ("raw@unknown.service", "nothing"),
];

async fn kitchen() -> Kitchen {
    let page = Page::at("docs/recipes/systemd").with(&BLOCKS);
    let units = [(
        "[\"nightly-backup.service\"]",
        "[\"nightly-backup.service\", \"raw@*.service\"]",
    )];
    Kitchen::with(page, &units, &[("backup", SECRET)]).await
}

/// Writes the units, and makes the repository that the recipe's backs up to.
fn install(kitchen: &Kitchen) {
    let units = kitchen.home.path(".config/systemd/user");
    fs::create_dir_all(&units).unwrap();
    let unit = kitchen.page.block("unit", &[]);
    fs::write(units.join("nightly-backup.service"), unit).unwrap();
    for (name, credential) in SERVICES {
        let unit = format!(
            "[Service]\nType=oneshot\nLoadCredential={credential}:%t/pimento/credentials.sock\n\
             StandardOutput=file:%h/ran-%n\nExecStart=/usr/bin/systemd-creds cat {credential}\n"
        );
        fs::write(units.join(name), unit).unwrap();
    }
    fs::create_dir(kitchen.home.path("data")).unwrap();
    fs::write(kitchen.home.path("data/file"), "precious").unwrap();
    let mut init = kitchen.shell("restic --repo restic init");
    assert!(
        init.env("RESTIC_PASSWORD", SECRET)
            .output()
            .unwrap()
            .status
            .success()
    );
    fs::create_dir(kitchen.home.path("xdg")).unwrap();
    fs::set_permissions(kitchen.home.path("xdg"), PermissionsExt::from_mode(0o700)).unwrap();
    symlink(kitchen.home.path("run"), kitchen.home.path("xdg/pimento")).unwrap();
}

/// Runs a script beside a manager; `None` where there can't be one.
fn managed(kitchen: &Kitchen, script: &str) -> Option<Output> {
    let manager = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipes/manager.sh");
    let mut shell = kitchen.shell("exec sh \"$MANAGER\" \"$SCRIPT\"");
    let output = shell
        .env("MANAGER", manager)
        .env("SCRIPT", script)
        .env("XDG_RUNTIME_DIR", kitchen.home.path("xdg"))
        .output()
        .unwrap();
    if output.status.code() == Some(77) {
        crate::support::etc::skipped(
            "only root can make namespaces with control groups, and not everywhere",
        );
        return None;
    }
    Some(output)
}

/// What a service has printed; systemd makes the file before it asks for the credential.
fn printed(kitchen: &Kitchen, unit: &str) -> String {
    fs::read_to_string(kitchen.home.path(&format!("ran-{unit}"))).unwrap_or_default()
}

fn snapshots(kitchen: &Kitchen) -> usize {
    let mut shell = kitchen.shell("restic --repo restic snapshots --json");
    let listed = shell.env("RESTIC_PASSWORD", SECRET).output().unwrap();
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&listed.stdout).unwrap();
    listed.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn services_get_their_password_from_systemd_and_others_do_not_start() {
    let kitchen = kitchen().await;
    install(&kitchen);
    let start = kitchen.page.block("start", &[]);
    let script = format!(
        "{start}\nsystemctl --user start raw@1.service\n\
         for unit in other.service raw@unknown.service; do\n\
         if systemctl --user start $unit; then echo $unit started; exit 1; fi\ndone"
    );
    let Some(ran) = managed(&kitchen, &script) else {
        return;
    };
    assert!(ran.status.success(), "{}\n{}", told(&ran), kitchen.why());
    assert_eq!(snapshots(&kitchen), 1);
    // To the byte: no line break.
    assert_eq!(printed(&kitchen, "raw@1.service"), SECRET);
    for unit in ["other.service", "raw@unknown.service"] {
        assert_eq!(printed(&kitchen, unit), "", "{unit}");
    }
    let released = kitchen.recorded("released");
    let mut units: Vec<&serde_json::Value> = released.iter().map(|it| &it["command"][0]).collect();
    // It may ask again for each process of a start (`ExecStartPre=`).
    units.dedup();
    assert_eq!(units, ["nightly-backup.service", "raw@1.service"]);
    assert_eq!(released[0]["to"], "systemd");
    let why = text(&kitchen.home.run(&["why", "--last", "2"]).stdout);
    assert!(
        why.contains("its `units` do not include other.service"),
        "{why}"
    );
    assert!(
        why.contains("there is no password named \"nothing\""),
        "{why}"
    );
    assert_eq!(kitchen.recorded("refused").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_or_an_absent_agent_fails_the_start_and_nothing_runs() {
    let mut kitchen = kitchen().await;
    install(&kitchen);
    let fails = |kitchen: &Kitchen| {
        let script = "systemctl --user start raw@1.service";
        let ran = managed(kitchen, &format!("if {script}; then exit 1; fi"));
        if let Some(ran) = ran {
            assert!(ran.status.success(), "{}", told(&ran));
            assert_eq!(printed(kitchen, "raw@1.service"), "");
        }
    };
    kitchen.ok("pimento lock");
    fails(&kitchen);
    kitchen.stop_the_agent();
    fails(&kitchen);
}

#[test]
fn the_recipes_unit_is_the_packaged_one_and_systemd_finds_no_fault_with_it() {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/systemd");
    let unit = fs::read_to_string(packaging.join("nightly-backup.service")).unwrap();
    assert_eq!(
        Page::at("docs/recipes/systemd")
            .with(&BLOCKS)
            .block("unit", &[]),
        unit
    );
    let folder = tempfile::tempdir().unwrap();
    let verify = |name: &str, text: &str| {
        let file = folder.path().join(name);
        // What the man pages say is not installed everywhere.
        let text = text.replace("Documentation=", "#");
        fs::write(&file, text).unwrap();
        let verified = std::process::Command::new("systemd-analyze")
            .args(["--user", "verify"])
            .arg(&file)
            .env("XDG_RUNTIME_DIR", folder.path())
            .output()
            .unwrap();
        (
            verified.status.success() && verified.stderr.is_empty(),
            told(&verified),
        )
    };
    // The agent's own is in the package's tests.
    let (ok, told) = verify("nightly-backup.service", &unit);
    assert!(ok, "{told}");
    assert!(!verify("bad.service", &unit.replace("oneshot", "twice")).0);
}

/// A client that has bound this abstract address, and sends nothing, as systemd.
fn client(home: &Home, address: Option<&str>) -> UnixStream {
    let client = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    if let Some(address) = address {
        let address = SocketAddrUnix::new_abstract_name(address.as_bytes()).unwrap();
        bind(&client, &address).unwrap();
    }
    let door = SocketAddrUnix::new(home.path("run/credentials.sock")).unwrap();
    connect(&client, &door).unwrap();
    let client = UnixStream::from(client);
    client.shutdown(std::net::Shutdown::Write).unwrap();
    client
}

fn answer(home: &Home, address: Option<&str>) -> Vec<u8> {
    let mut answer = Vec::new();
    client(home, address).read_to_end(&mut answer).unwrap();
    answer
}

fn address(unit: &str, id: &str) -> String {
    // The same would be taken by another test.
    let random = std::process::id();
    format!("{random:x}{:x}/unit/{unit}/{id}", fastrand())
}

fn fastrand() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_only_says_it_is_systemd_fails_its_start() {
    let kitchen = kitchen().await;
    let said = address("nightly-backup.service", "backup");
    let answer = answer(&kitchen.home, Some(&said));
    // More than systemd takes, and nothing of the password.
    assert_eq!(answer.len(), 1024 * 1024 + 1);
    assert!(answer.iter().all(|byte| *byte == 0));
    let why = kitchen.why();
    assert!(why.contains("by a process of another unit"), "{why}");
    assert!(
        why.contains("systemctl start nightly-backup.service"),
        "{why}"
    );
    let refused = kitchen.recorded("refused");
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["credential"], "backup");
    assert_eq!(refused[0]["requester"]["pid"], std::process::id());
    assert_eq!(kitchen.recorded("opening").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_speak_as_systemd_gets_no_byte() {
    let kitchen = kitchen().await;
    assert_eq!(answer(&kitchen.home, None), b"");
    let other = address("nightly-backup.service", "backup").replace("/unit/", "/user/");
    assert_eq!(answer(&kitchen.home, Some(&other)), b"");
    assert!(
        kitchen.why().contains("does not name a unit"),
        "{}",
        kitchen.why()
    );
    assert_eq!(kitchen.recorded("refused").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_read_hold_nobody_up() {
    let kitchen = kitchen().await;
    let address = || address("nightly-backup.service", "backup");
    let stuck: Vec<UnixStream> = (0..50)
        .map(|_| client(&kitchen.home, Some(&address())))
        .collect();
    assert_eq!(
        answer(&kitchen.home, Some(&address())).len(),
        1024 * 1024 + 1
    );
    assert_eq!(stuck.len(), 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_is_its_owners_and_there_only_if_a_password_is_for_a_service() {
    let kitchen = kitchen().await;
    let socket = kitchen.home.path("run/credentials.sock");
    let mode = fs::metadata(&socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let home = Home::new().await;
    let _agent = home.agent();
    assert!(home.path("run/control.sock").exists());
    assert!(!home.path("run/credentials.sock").exists());
}
