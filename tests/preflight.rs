//! Real `ssh` by the configuration that pimento writes for it: what a login needs is there first.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use jiff::SignedDuration;
use support::home::text;
use support::sshd::user;
use support::{GROUP, Plan, World, until};

/// A host that waits for nobody, and a PIM that takes its time.
fn slow() -> Plan {
    World::plan()
        .sshd("LoginGraceTime 3")
        .scenario(|scenario| scenario.delays.provisioning = SignedDuration::from_secs(6))
}

/// Writes the configuration of ssh: with what pimento says, or without its preflight.
fn config(world: &World, preflight: bool) -> PathBuf {
    let made = world
        .pimento(&["ssh-config", "--write-keys"])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut made = text(&made.stdout);
    if !preflight {
        let parts = ["!exec", "BatchMode", "ProxyCommand"];
        let other = |line: &&str| !parts.iter().any(|part| line.contains(part));
        made = made.lines().filter(other).collect::<Vec<_>>().join("\n");
    }
    let rest = format!(
        "Match all\n\
         Host host.test elsewhere.test\n    \
             HostName 127.0.0.1\n    Port {port}\n    User {user}\n    HostKeyAlias host.test\n\
         Match all\n    UserKnownHostsFile {known}\n    GlobalKnownHostsFile none\n    \
             StrictHostKeyChecking yes\n    LogLevel ERROR\n",
        port = world.sshd.port,
        user = user(),
        known = world.sshd.known_hosts("host.test").display(),
    );
    let file = world.folder().join("ssh_config");
    fs::write(&file, format!("{made}\n{rest}")).unwrap();
    file
}

fn ssh(world: &World, config: &PathBuf, args: &[&str]) -> Command {
    client("ssh", world, config, args)
}

/// `ssh` or a kin by that configuration, with an askpass that notes that it was asked.
fn client(program: &str, world: &World, config: &PathBuf, args: &[&str]) -> Command {
    let askpass = world.folder().join("asked.sh");
    if !askpass.exists() {
        // Written by a process of its own: another thread's fork may hold it open for writing.
        let script =
            "printf '#!/bin/sh\\necho \"$1\" >> %s\\n' \"$1.log\" > \"$1\"; chmod 700 \"$1\"";
        let written = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(&askpass)
            .status();
        assert!(written.unwrap().success());
    }
    let mut ssh = Command::new(program);
    ssh.arg("-F").arg(config).args(args);
    ssh.envs(world.variables())
        .env_remove("SSH_AUTH_SOCK")
        .env("SHELL", "/bin/sh");
    ssh.env("SSH_ASKPASS", askpass)
        .env("SSH_ASKPASS_REQUIRE", "force");
    ssh.stdin(Stdio::null());
    ssh
}

async fn ends(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn was_asked(world: &World) -> bool {
    world.folder().join("asked.sh.log").exists()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_before_ssh_connects_waits_for_an_approver_as_long_as_it_takes() {
    let world = World::plan()
        .answer_within("1s")
        .scenario(|scenario| {
            let group = scenario.groups.iter_mut().find(|it| it.id == GROUP);
            group.unwrap().policy.approvers = vec!["alex@contoso.onmicrosoft.com".to_owned()];
        })
        .start()
        .await;
    for command in [&["preflight", "host.test"][..], &["open", "linux-root"]] {
        let mut waits = world.pimento(command);
        waits.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut waits = waits.spawn().unwrap();
        world.awaits_approval().await;
        // A login gives up meanwhile, and says who can approve.
        world.ssh("web").await.assert_refused();
        assert_eq!(world.why().code(), "awaiting_approval");
        assert_eq!(waits.try_wait().unwrap(), None);
        assert_eq!(world.emulator.change(|cloud| cloud.decide(GROUP, true)), 1);
        let ended = tokio::task::spawn_blocking(move || waits.wait().unwrap());
        assert!(ended.await.unwrap().success(), "{command:?}");
        world.ssh("web").await.assert_ok();
        world.after_the_window();
        until("the end is recorded", || {
            world.events().last().unwrap() == "closed"
        })
        .await;
    }
    // And so it does for one who says no.
    let mut preflight = world.pimento(&["preflight", "host.test"]);
    let preflight = tokio::task::spawn_blocking(move || preflight.output().unwrap());
    world.awaits_approval().await;
    assert_eq!(world.emulator.change(|cloud| cloud.decide(GROUP, false)), 1);
    let refused = preflight.await.unwrap();
    assert_eq!(refused.status.code(), Some(6), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_waits_less_than_an_opening_takes_is_logged_in_to() {
    let world = slow().start().await;
    let file = config(&world, true);
    let login = ends(ssh(&world, &file, &["host.test", "echo", "in"])).await;
    assert!(login.status.success(), "{login:?}");
    assert_eq!(text(&login.stdout), "in\n");
    assert!(
        text(&login.stderr).contains("PIM"),
        "no progress was shown: {login:?}"
    );
    assert_eq!((world.activations(), world.reads()), (1, 1));
    assert!(!was_asked(&world));
    // Warm, it costs nothing.
    let calls = world.calls().len();
    let login = ends(ssh(&world, &file, &["host.test", "true"])).await;
    assert!(login.status.success(), "{login:?}");
    assert_eq!(world.calls().len(), calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_preflight_that_login_fails() {
    let world = slow().start().await;
    let file = config(&world, false);
    let login = ends(ssh(&world, &file, &["host.test", "true"])).await;
    assert_eq!(login.status.code(), Some(255), "{login:?}");
    assert_eq!(world.activations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_ends_ssh_with_its_reason_and_nothing_is_asked() {
    let world = World::start().await;
    let file = config(&world, true);
    world
        .emulator
        .change(|cloud| cloud.scenario.eligibilities.clear());
    let login = ends(ssh(&world, &file, &["host.test", "true"])).await;
    assert_eq!(login.status.code(), Some(255), "{login:?}");
    let told = text(&login.stderr);
    assert!(
        told.contains("you are not eligible for window linux-root"),
        "{told}"
    );
    assert!(
        told.contains("an administrator makes you eligible"),
        "{told}"
    );
    assert!(!was_asked(&world));
    // ssh did not get as far as asking for a signature.
    assert_eq!(world.recorded("asked"), 1);
    // Whatever had been asked would have been noted.
    let noted = Command::new(world.folder().join("asked.sh")).status();
    assert!(noted.unwrap().success() && was_asked(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_ends_ssh_as_well_and_so_does_an_agent_that_does_not_run() {
    let world = World::start().await;
    let file = config(&world, true);
    assert!(world.pimento(&["lock"]).status().unwrap().success());
    let locked = ends(ssh(&world, &file, &["host.test", "true"])).await;
    assert_eq!(locked.status.code(), Some(255), "{locked:?}");
    assert!(
        text(&locked.stderr).contains("pimento lock --off"),
        "{locked:?}"
    );
    // Whatever the environment of ssh says, the agent is asked that the file was written for.
    let told = fs::read_to_string(&file).unwrap();
    let here = format!("--runtime-dir '{}'", world.paths.runtime.display());
    let there = format!(
        "--runtime-dir '{}'",
        world.folder().join("elsewhere").display()
    );
    assert!(told.contains(&here), "{told}");
    fs::write(&file, told.replace(&here, &there)).unwrap();
    let alone = ends(ssh(&world, &file, &["host.test", "true"])).await;
    assert_eq!(alone.status.code(), Some(255), "{alone:?}");
    assert!(
        text(&alone.stderr).contains("start it with `pimento agent`"),
        "{alone:?}"
    );
    assert!(!was_asked(&world));
    assert_eq!(world.calls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ssh_that_only_reads_its_configuration_or_talks_to_another_opens_nothing() {
    let world = World::start().await;
    let file = config(&world, true);
    for shell in ["/bin/sh", "/bin/bash"] {
        for args in [
            &["-G", "host.test"][..],
            &["host.test", "-G"],
            &["-vG", "-p", "22", "host.test"],
            &["-T", "-GF", "/dev/null", "host.test"],
        ] {
            let mut ssh = ssh(&world, &file, args);
            let read = ends({
                ssh.env("SHELL", shell);
                ssh
            })
            .await;
            assert!(read.status.success(), "{args:?}: {read:?}");
            let shown = text(&read.stdout);
            assert!(!shown.contains("proxycommand false"), "{args:?}: {shown}");
            assert!(
                !text(&read.stderr).contains("pimento: "),
                "{args:?}: {read:?}"
            );
        }
        let socket = world.folder().join("no.sock").display().to_string();
        let mut control = ssh(&world, &file, &["-S", &socket, "-O", "check", "host.test"]);
        control.env("SHELL", shell);
        assert!(!ends(control).await.status.success());
    }
    assert_eq!(world.calls(), [""; 0]);
    assert_eq!(world.events(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_has_ssh_read_its_configuration_opens_nothing() {
    let world = World::start().await;
    let file = config(&world, true);
    let body = "_hosts() { COMPREPLY=($(ssh -F \"$FILE\" -G host.test | sed -n 's/^hostname //p')); }\n\
                COMP_WORDS=(ssh h); COMP_CWORD=1; _hosts ssh h ssh; echo \"${COMPREPLY[0]}\"";
    let mut bash = Command::new("bash");
    bash.args(["-c", body])
        .env("FILE", &file)
        .envs(world.variables());
    let completed = ends(bash).await;
    assert_eq!(text(&completed.stdout), "127.0.0.1\n", "{completed:?}");
    assert_eq!(world.calls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_starts_ssh_is_no_different() {
    let world = World::start().await;
    let file = config(&world, true);
    let (from, to) = (world.folder().join("from"), world.folder().join("to"));
    fs::write(&from, "hello").unwrap();
    let to_host = format!("host.test:{}", to.display());
    let args = ["-O", from.to_str().unwrap(), &to_host];
    let copied = ends(client("scp", &world, &file, &args)).await;
    assert!(copied.status.success(), "{copied:?}");
    assert_eq!(fs::read_to_string(to).unwrap(), "hello");
    let events = world.events();
    assert_eq!(events.first().unwrap(), "asked");
    let prepared = world.records().iter().any(|it| it["end"] == "prepare");
    assert!(
        prepared,
        "the login opened the window by itself: {events:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_read_twice_for_a_login_opens_once() {
    let world = World::start().await;
    let file = config(&world, true);
    // Reached by a program, since no name server knows its name.
    let way = format!(
        "ProxyCommand=bash -c 'exec 3<>/dev/tcp/127.0.0.1/{}; cat <&3 & cat >&3'",
        world.sshd.port
    );
    let mut args = vec![
        "-o",
        "CanonicalizeHostname=always",
        "-o",
        "HostName=host.test",
    ];
    args.extend(["-o", "Port=22", "-o", &way, "host.test", "true"]);
    let login = ends(ssh(&world, &file, &args)).await;
    assert!(login.status.success(), "{login:?}");
    let records = world.records();
    let prepared = records
        .iter()
        .filter(|it| it["event"] == "asked" && it["end"] == "prepare");
    assert_eq!(prepared.count(), 2);
    for _ in 0..2 {
        let mut again = world.pimento(&["preflight", "host.test", "127.0.0.1", "root", "22"]);
        let again = tokio::task::spawn_blocking(move || again.output().unwrap());
        let again = again.await.unwrap();
        assert!(again.status.success(), "{again:?}");
        assert!(again.stdout.is_empty());
    }
    assert_eq!((world.activations(), world.reads()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_nothing_is_known_of_is_passed_over_in_silence() {
    let world = World::start().await;
    for args in [
        &["elsewhere.example"][..],
        &["elsewhere.example", "10.0.0.1", "root", "22"],
    ] {
        let mut preflight = world.pimento(&[&["preflight"], args].concat());
        let passed = tokio::task::spawn_blocking(move || preflight.output().unwrap());
        let passed = passed.await.unwrap();
        assert!(passed.status.success(), "{passed:?}");
        assert!(
            passed.stdout.is_empty() && passed.stderr.is_empty(),
            "{passed:?}"
        );
    }
    assert_eq!(world.calls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_whose_ssh_cannot_be_seen_opens_nothing_and_says_so() {
    let world = World::start().await;
    // As an ssh under another name would start it.
    let mut unseen = world.pimento(&["preflight", "host.test"]);
    unseen.stdout(Stdio::null()).stderr(Stdio::piped());
    let unseen = unseen.spawn().unwrap().wait_with_output().unwrap();
    assert!(unseen.status.success(), "{unseen:?}");
    assert!(
        text(&unseen.stderr).contains("cannot be seen"),
        "{unseen:?}"
    );
    assert_eq!(world.calls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preflight_by_hand_has_the_exit_code_of_its_refusal() {
    let world = World::start().await;
    let codes = |world: &World, args: &[&str], code: i32| {
        let refused = world.pimento(args).output().unwrap();
        assert_eq!(refused.status.code(), Some(code), "{refused:?}");
        assert!(refused.stdout.is_empty());
    };
    world
        .emulator
        .change(|cloud| cloud.scenario.eligibilities.clear());
    let args = ["preflight", "host.test"];
    tokio::task::block_in_place(|| codes(&world, &args, 6));
    let elsewhere = world.folder().join("elsewhere").display().to_string();
    let args = ["preflight", "--runtime-dir", &elsewhere, "host.test"];
    tokio::task::block_in_place(|| codes(&world, &args, 10));
    tokio::task::block_in_place(|| codes(&world, &["preflight"], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ssh_is_told_is_what_the_catalog_says() {
    let change = |_: &std::path::Path, text: String| {
        text.replace(
            "hosts = [\"host.test\"]",
            "hosts = [\"*.test\", \"!no.test\"]",
        )
    };
    let world = World::plan().configured(change).start().await;
    let file = config(&world, true);
    let shown = |host: &str| {
        let read = ssh(&world, &file, &["-G", host]).output().unwrap();
        assert!(read.status.success(), "{read:?}");
        text(&read.stdout)
    };
    let socket = format!("identityagent {}", world.paths.agent_socket().display());
    let inside = shown("web.test");
    for line in ["identitiesonly yes", "batchmode no", &socket] {
        assert!(inside.lines().any(|it| it == line), "{line}: {inside}");
    }
    let identities = inside.lines().filter(|it| it.starts_with("identityfile"));
    assert_eq!(identities.count(), support::KEYS.len(), "{inside}");
    for outside in [shown("no.test"), shown("host.example")] {
        assert!(!outside.contains(&socket), "{outside}");
        assert!(
            outside.lines().any(|it| it == "identitiesonly no"),
            "{outside}"
        );
    }
    let password = shown("db01.contoso.com");
    for line in ["numberofpasswordprompts 1", "stricthostkeychecking true"] {
        assert!(password.lines().any(|it| it == line), "{line}: {password}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn public_keys_are_written_when_that_is_asked_for_and_nothing_else_is() {
    let world = World::start().await;
    let folder = world.paths.state.join("keys");
    let shown = world.pimento(&["ssh-config"]).output().unwrap();
    assert!(shown.status.success() && !folder.exists());
    assert!(text(&shown.stderr).contains("--write-keys"), "{shown:?}");
    config(&world, true);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|it| it.unwrap().path())
        .collect();
    files.sort();
    let names: Vec<_> = files
        .iter()
        .map(|it| it.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["db.pub", "legacy.pub", "web.pub"]);
    for file in files {
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o644
        );
        let read = Command::new("ssh-keygen")
            .arg("-lf")
            .arg(&file)
            .output()
            .unwrap();
        assert!(read.status.success(), "{read:?}");
        assert!(!fs::read_to_string(&file).unwrap().contains("PRIVATE"));
    }
    let current = world.pimento(&["ssh-config"]).output().unwrap();
    assert!(current.stderr.is_empty(), "{current:?}");
    assert_eq!(world.calls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn some_hosts_can_be_written_for_alone() {
    let world = World::start().await;
    let of = |hosts: &str| {
        let made = world
            .pimento(&["ssh-config", "--hosts", hosts])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        text(&made.stdout)
    };
    let one = of("db01.contoso.com");
    assert!(
        one.contains("password db01-root") && !one.contains("# key"),
        "{one}"
    );
    assert!(!of("elsewhere.test").contains("\nMatch"));
}
