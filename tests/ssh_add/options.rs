//! The command line of `ssh-agent`, beyond what OpenSSH's own tests use of it.

use std::process::Command;

use crate::ssh_agent::keys::TestKey;
use crate::ssh_agent::{Ran, TestAgent, agent_command, eventually, ran};
use crate::{add, listed};

/// The agent's command, in a folder where its default socket goes.
fn agent(folder: &tempfile::TempDir, args: &[&str]) -> Command {
    let mut command = agent_command();
    command
        .args(args)
        .env("TMPDIR", folder.path())
        .env("XDG_RUNTIME_DIR", folder.path())
        .env("HOME", folder.path())
        .env_remove("SSH_AUTH_SOCK")
        .env_remove("SSH_AGENT_PID");
    command
}

/// What stands between `before` and the next `;`.
fn told(text: &str, before: &str) -> String {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("{before:?} in {text:?}"));
    rest.split(';').next().unwrap().to_owned()
}

fn is_running(pid: &str) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = state.rsplit(") ").next().unwrap_or_default().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// Starts one in the background with `-s` or `-c`, uses it, and ends it with `-k`.
fn comes_and_goes(shell: &str, pid_before: &str, socket_before: &str, unset: &str) {
    let folder = tempfile::tempdir().unwrap();
    let started = ran(&mut agent(&folder, &[shell])).ok();
    let (pid, socket) = (told(&started, pid_before), told(&started, socket_before));
    assert!(started.contains(&format!("Agent pid {pid}")), "{started}");
    assert!(is_running(&pid));
    let list = |socket: &str| {
        ran(Command::new("ssh-add")
            .arg("-l")
            .env("SSH_AUTH_SOCK", socket))
    };
    list(&socket).refused(1, "The agent has no identities.");
    let mut kill = agent(&folder, &[shell, "-k"]);
    let killed = ran(kill
        .env("SSH_AGENT_PID", &pid)
        .env("SSH_AUTH_SOCK", &socket))
    .ok();
    assert!(killed.contains(unset), "{killed}");
    assert!(
        killed.contains(&format!("Agent pid {pid} killed")),
        "{killed}"
    );
    eventually("it has ended", || !is_running(&pid));
    list(&socket).refused(2, "");
    assert!(!std::path::Path::new(&socket).exists());
}

#[test]
fn a_bourne_shell_is_told_where_the_agent_is_and_that_it_is_gone() {
    comes_and_goes(
        "-s",
        "SSH_AGENT_PID=",
        "SSH_AUTH_SOCK=",
        "unset SSH_AUTH_SOCK;",
    );
}

#[test]
fn a_c_shell_is_told_where_the_agent_is_and_that_it_is_gone() {
    comes_and_goes(
        "-c",
        "setenv SSH_AGENT_PID ",
        "setenv SSH_AUTH_SOCK ",
        "unsetenv SSH_AUTH_SOCK;",
    );
}

#[test]
fn a_command_ends_with_its_own_code_and_finds_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let script = "ssh-add -l; test $? = 1 && echo $SSH_AGENT_PID && exit 7";
    let done: Ran = ran(&mut agent(&folder, &["sh", "-c", script]));
    assert_eq!(done.code, 7, "{done:?}");
    let pid = done.stdout.lines().last().unwrap().to_owned();
    eventually("the agent has ended with it", || !is_running(&pid));
}

#[test]
fn wrong_command_lines_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in [
        &["-t", "soon"][..],
        &["-E", "rot13"],
        &["-Z"],
        &["-k"],
        &["-s", "-c"],
        &["-a"],
    ] {
        let refused = ran(&mut agent(&folder, wrong));
        assert_ne!(refused.code, 0, "{wrong:?}");
        assert!(!refused.stdout.contains("SSH_AUTH_SOCK="), "{wrong:?}");
        assert!(!refused.stderr.is_empty(), "{wrong:?}");
    }
}

#[test]
fn a_second_agent_does_not_take_the_socket() {
    let first = TestAgent::start();
    let key = TestKey::new("ed25519", "256");
    add(&first, &key);
    let mut second = agent_command();
    second.arg("-D").arg("-a").arg(&first.socket);
    assert_ne!(ran(&mut second).code, 0);
    assert_eq!(listed(&first), 1);
}

#[test]
fn keys_without_a_lifetime_get_the_agents_own() {
    let agent = TestAgent::start_with(|command| {
        command.args(["-t", "2"]);
    });
    let (short, long) = (TestKey::new("ed25519", "256"), TestKey::new("ecdsa", "256"));
    add(&agent, &short);
    agent
        .run("ssh-add", &["-q", "-t", "1000", &long.private])
        .ok();
    assert_eq!(listed(&agent), 2);
    eventually("the default is over", || listed(&agent) == 1);
    assert_eq!(agent.run("ssh-add", &["-L"]).ok(), long.public_line());
}
