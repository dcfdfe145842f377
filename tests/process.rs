//! The agent as the program it is: killed, started twice, asked by another user, misconfigured.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use support::home::{Home, text};
use support::skip::skipped;
use support::{CLIENT, GROUP, KEYS, USER};

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_killed_with_9_is_started_again_over_its_stale_socket() {
    let home = Home::new().await;
    home.agent().kill();
    assert!(
        home.path("run/agent.sock").exists(),
        "nothing stale was left to start over"
    );
    let _agent = home.agent();
    assert_eq!(text(&home.ssh_add().stdout).lines().count(), KEYS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_agent_is_refused_and_the_first_one_unharmed() {
    let home = Home::new().await;
    let _agent = home.agent();
    let second = home.run(&["agent"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("another agent is already listening"),
        "{second:?}"
    );
    assert_eq!(text(&home.ssh_add().stdout).lines().count(), KEYS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_is_turned_away_even_where_the_socket_is_open_to_all() {
    if !rustix::process::geteuid().is_root() {
        skipped("only root can become another user");
        return;
    }
    let home = Home::new().await;
    let _agent = home.agent();
    let socket = home.path("run/agent.sock");
    for open in [home.folder.path(), &home.path("run"), &socket] {
        fs::set_permissions(open, PermissionsExt::from_mode(0o777)).unwrap();
    }
    let stranger = Command::new("setpriv")
        .args([
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "ssh-add",
            "-l",
        ])
        .env("SSH_AUTH_SOCK", &socket)
        .output()
        .unwrap();
    assert!(!stranger.status.success(), "{stranger:?}");
    assert!(stranger.stdout.is_empty(), "{stranger:?}");
    assert!(home.ssh_add().status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_alone_on_stdout_and_progress_is_not() {
    let home = Home::new().await;
    let _agent = home.agent();
    let unsigned = home.run(&["password", "db01-root"]);
    assert_eq!(unsigned.status.code(), Some(3), "{unsigned:?}");
    assert!(unsigned.stdout.is_empty());
    assert!(
        text(&unsigned.stderr).contains("pimento login contoso"),
        "{unsigned:?}"
    );
    home.sign_in();
    let revealed = home.run(&["password", "db01-root"]);
    let secret = home
        .emulator
        .change(|cloud| cloud.secret("kv-linux", "db01-root").unwrap().to_owned());
    assert_eq!(text(&revealed.stdout), format!("{secret}\n"));
    assert!(
        text(&revealed.stderr).contains("PIM: requested"),
        "{revealed:?}"
    );
    let unknown = home.run(&["password", "db1-root"]);
    assert_eq!(unknown.status.code(), Some(4));
    assert!(
        text(&unknown.stderr).contains("did you mean \"db01-root\"?"),
        "{unknown:?}"
    );
    let why: serde_json::Value =
        serde_json::from_slice(&home.run(&["why", "--json"]).stdout).unwrap();
    assert_eq!(why.pointer("/0/code").unwrap(), "sign_in_needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_is_opened_shown_and_closed_by_hand() {
    let home = Home::new().await;
    let _agent = home.agent();
    home.sign_in();
    let opened = home.run(&["open", "linux-root", "--reason", "INC-7", "--json"]);
    assert_eq!(opened.status.code(), Some(0), "{opened:?}");
    let status = home.run(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status.pointer("/windows/0/state").unwrap(), "open");
    assert_eq!(status.pointer("/tenants/0/user_name").unwrap(), USER);
    // PIM ends nothing within five minutes; here it is wiped all the same.
    let closed = home.run(&["close", "linux-root"]);
    assert_eq!(closed.status.code(), Some(5), "{closed:?}");
    assert!(text(&closed.stderr).contains("five minutes"), "{closed:?}");
    let nearest = home.run(&["open", "linux-rot"]);
    assert_eq!(nearest.status.code(), Some(4));
    assert!(
        text(&nearest.stderr).contains("did you mean \"linux-root\"?"),
        "{nearest:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_agent_lists_nothing_and_reveals_nothing() {
    let home = Home::new().await;
    let _agent = home.agent();
    home.sign_in();
    assert_eq!(home.run(&["lock"]).status.code(), Some(0));
    assert!(
        home.ssh_add()
            .stdout
            .starts_with(b"The agent has no identities"),
        "{:?}",
        home.ssh_add()
    );
    assert_eq!(home.run(&["password", "db01-root"]).status.code(), Some(6));
    assert_eq!(home.run(&["lock", "--off"]).status.code(), Some(0));
    assert_eq!(home.run(&["password", "db01-root"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_agent_or_a_configuration_the_way_to_both_is_told() {
    let home = Home::new().await;
    let absent = home.run(&["status"]);
    assert_eq!(absent.status.code(), Some(10));
    assert!(text(&absent.stderr).contains("pimento agent"), "{absent:?}");
    fs::remove_file(home.path("config.toml")).unwrap();
    let bare = home.run(&["agent"]);
    assert_eq!(bare.status.code(), Some(2));
    for told in ["pimento demo", "pimento init"] {
        assert!(text(&bare.stderr).contains(told), "{bare:?}");
        assert!(text(&home.run(&["status"]).stderr).contains(told));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_configuration_is_told_with_its_line() {
    let home = Home::new().await;
    home.write_config(&format!(
        "[tenant.contoso]\nid = \"contoso\"\nclient_id = \"{CLIENT}\"\n\
         [window.ops]\ntenant = \"contoso\"\ngruop = \"{GROUP}\"\n"
    ));
    let refused = home.run(&["agent"]);
    assert_eq!(refused.status.code(), Some(2));
    let told = text(&refused.stderr);
    assert!(told.contains("config.toml:6"), "{told}");
    assert!(told.contains("group"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_asked_to_stop_leaves_no_socket() {
    let home = Home::new().await;
    let mut agent = home.agent();
    let pid = rustix::process::Pid::from_raw(agent.0.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert!(agent.0.wait().unwrap().success());
    assert!(!home.path("run/agent.sock").exists());
    assert!(!home.path("run/control.sock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_process_of_the_user_can_read_the_agents_memory() {
    let home = Home::new().await;
    let agent = home.agent();
    let process = Path::new("/proc").join(agent.0.id().to_string());
    // Not dumpable: the kernel gives its files to root, and no core is written.
    use std::os::unix::fs::MetadataExt;
    assert_eq!(fs::metadata(process.join("mem")).unwrap().uid(), 0);
    let limits = fs::read_to_string(process.join("limits")).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert!(
        core.split_whitespace()
            .skip(4)
            .take(2)
            .all(|limit| limit == "0"),
        "{core}"
    );
}
