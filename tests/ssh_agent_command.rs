#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg(unix)]
//! `pimento ssh-agent` beside ssh-agent(1): what it prints, what it starts, and how it ends.

#[path = "support/ssh_agent.rs"]
mod ssh_agent;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use ssh_agent::client::{self, Answer, Client};
use ssh_agent::keys::TestKey;
use ssh_agent::{TestAgent, agent_command, eventually};

fn agent(args: &[&str]) -> Output {
    let mut command = agent_command();
    command
        .args(args)
        .env_remove("SSH_AGENT_PID")
        .env("SHELL", "/bin/sh");
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What `sh` makes of what was printed.
fn evaluated(printed: &str, name: &str) -> String {
    let script = format!("{printed}\nprintf %s \"${name}\"");
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    // The agent says its number as well.
    text(&output.stdout).lines().last().unwrap().to_owned()
}

fn is_gone(pid: &str) -> bool {
    !Path::new(&format!("/proc/{pid}/exe")).exists()
}

#[test]
fn what_it_prints_can_be_evaluated_and_ends_it_again() {
    let started = agent(&["-s"]);
    assert!(started.status.success(), "{started:?}");
    let printed = text(&started.stdout);
    let (socket, pid) = (
        evaluated(printed, "SSH_AUTH_SOCK"),
        evaluated(printed, "SSH_AGENT_PID"),
    );
    assert_eq!(
        printed,
        format!(
            "SSH_AUTH_SOCK={socket}; export SSH_AUTH_SOCK;\n\
             SSH_AGENT_PID={pid}; export SSH_AGENT_PID;\necho Agent pid {pid};\n"
        )
    );
    let folder = Path::new(&socket).parent().unwrap();
    assert_eq!(
        folder.metadata().unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(
        Path::new(&socket).metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        Client::connect(Path::new(&socket))
            .ask(&client::list())
            .blobs(),
        [] as [Vec<u8>; 0]
    );
    let mut kill = agent_command();
    let ended = kill
        .args(["-k", "-s"])
        .env("SSH_AGENT_PID", &pid)
        .output()
        .unwrap();
    assert_eq!(
        text(&ended.stdout),
        format!("unset SSH_AUTH_SOCK;\nunset SSH_AGENT_PID;\necho Agent pid {pid} killed;\n")
    );
    eventually("the agent is gone", || is_gone(&pid));
    eventually("its folder is gone", || !folder.exists());
}

#[test]
fn a_c_shell_gets_its_own_commands() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let started = agent(&["-c", "-a", socket.to_str().unwrap()]);
    let printed = text(&started.stdout);
    let pid = printed
        .lines()
        .last()
        .unwrap()
        .rsplit(' ')
        .next()
        .unwrap()
        .trim_end_matches(';');
    assert_eq!(
        printed,
        format!(
            "setenv SSH_AUTH_SOCK {};\nsetenv SSH_AGENT_PID {pid};\necho Agent pid {pid};\n",
            socket.display()
        )
    );
    let mut kill = agent_command();
    let ended = kill
        .args(["-k", "-c"])
        .env("SSH_AGENT_PID", pid)
        .output()
        .unwrap();
    assert!(text(&ended.stdout).starts_with("unsetenv SSH_AUTH_SOCK;\n"));
    eventually("the socket is gone", || !socket.exists());
}

#[test]
fn a_command_gets_the_agent_and_its_exit_code_is_ours() {
    let script = "ssh-add -l; echo $SSH_AUTH_SOCK $SSH_AGENT_PID; exit 7";
    let ran = agent(&["sh", "-c", script]);
    assert_eq!(ran.status.code(), Some(7), "{ran:?}");
    let (list, reached) = text(&ran.stdout).split_once('\n').unwrap();
    assert_eq!(list, "The agent has no identities.");
    let (socket, pid) = reached.trim_end().split_once(' ').unwrap();
    eventually("the agent ends with its command", || is_gone(pid));
    eventually("the socket is gone", || !Path::new(socket).exists());
}

#[test]
fn a_command_that_cannot_be_run_leaves_no_agent() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent");
    let ran = agent(&["-a", socket.to_str().unwrap(), "/nonexistent/command"]);
    assert!(!ran.status.success());
    assert!(
        text(&ran.stderr).contains("/nonexistent/command"),
        "{ran:?}"
    );
    eventually("nobody listens", || {
        std::os::unix::net::UnixStream::connect(&socket).is_err()
    });
}

#[test]
fn a_wrong_command_line_starts_nothing() {
    for args in [
        &["-t", "soon"][..],
        &["-t", "0"],
        &["-E", "md5"],
        &["-E", "rot13"],
        &["-O", "confirm"],
        &["-s", "-c"],
        &["-k"],
        &["--nonsense"],
    ] {
        let ran = agent(args);
        assert!(!ran.status.success(), "{args:?}");
        assert!(!ran.stderr.is_empty(), "{args:?}");
        assert!(ran.stdout.is_empty(), "{args:?}: {ran:?}");
    }
}

#[test]
fn a_socket_that_somebody_listens_on_is_left_alone() {
    let running = TestAgent::start();
    let second = agent(&["-s", "-a", running.socket.to_str().unwrap()]);
    assert!(!second.status.success());
    assert!(text(&second.stderr).contains("already"), "{second:?}");
    assert_eq!(
        running.client().ask(&client::list()).blobs(),
        [] as [Vec<u8>; 0]
    );
}

#[test]
fn keys_without_a_lifetime_get_that_of_the_command_line() {
    let agent = TestAgent::start_with(|command| {
        command.args(["-t", "1"]);
    });
    let key = TestKey::new("ed25519", "256");
    let mut client = agent.client();
    assert_eq!(client.ask(&key.add("short")), Answer::Success);
    eventually("the key's life ends", || {
        client.ask(&client::list()).blobs().is_empty()
    });
    assert_eq!(
        client.ask(&client::sign(&key.blob, b"data", 0)),
        Answer::Failure
    );
}

#[test]
fn sigusr1_drops_the_keys_and_the_agent_goes_on() {
    use rustix::process::{Pid, Signal, kill_process};
    let agent = TestAgent::start();
    let key = TestKey::new("ed25519", "256");
    let mut client = agent.client();
    assert_eq!(client.ask(&key.add("key")), Answer::Success);
    let process = Pid::from_raw(agent.pid().cast_signed()).unwrap();
    kill_process(process, Signal::USR1).unwrap();
    eventually("the keys are gone", || {
        client.ask(&client::list()).blobs().is_empty()
    });
    assert_eq!(client.ask(&key.add("key")), Answer::Success);
}

#[test]
fn another_agent_answers_for_keys_that_this_one_has_not() {
    let behind = TestAgent::stock_with(|_| {});
    let agent = TestAgent::start_with(|command| {
        command
            .arg("-O")
            .arg(format!("upstream={}", behind.socket.display()));
    });
    let (theirs, ours) = (TestKey::new("ed25519", "256"), TestKey::new("ecdsa", "256"));
    assert_eq!(behind.client().ask(&theirs.add("theirs")), Answer::Success);
    let mut client = agent.client();
    assert_eq!(client.ask(&ours.add("ours")), Answer::Success);
    let both = [ours.blob.clone(), theirs.blob.clone()];
    assert_eq!(client.ask(&client::list()).blobs(), both);
    for key in [&ours, &theirs] {
        let signature = client.ask(&client::sign(&key.blob, b"data", 0)).signature();
        ssh_agent::verify::verify(&key.blob, b"data", &signature).unwrap();
    }
    drop(behind);
    assert_eq!(client.ask(&client::list()).blobs(), [ours.blob.clone()]);
    assert_eq!(
        client.ask(&client::sign(&theirs.blob, b"data", 0)),
        Answer::Failure
    );
    client
        .ask(&client::sign(&ours.blob, b"data", 0))
        .signature();
}
