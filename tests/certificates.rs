//! Keys that are made for one window and certified by a key of a vault: real hosts that trust it.
#![allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic
)]

#[path = "support/python.rs"]
mod python;
mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use pimento::emulator::World as Cloud;
use pimento::emulator::scenario::Fault;
use ssh_key::Certificate;
use support::sshd::Sshd;
use support::{Plan, USER, World, until};

const ACTIVATION: &str = "graph.assignmentScheduleRequests.create";
const INSTANCE: &str = "graph.assignmentScheduleInstances.filterByCurrentUser";
const TOKEN: &str = "entra.token.refresh_token";
const KEY: &str = "vault.key.get";
const SIGN: &str = "vault.key.sign";

/// The account that the tests' host lets in.
fn account() -> String {
    support::sshd::user()
}

/// A world whose key `web` is certified for that account, and for `more`.
fn plan(kind: &'static str, more: &str) -> Plan {
    let principals = format!("principals = [\"{}\"]{more}", account());
    World::plan().certificate(kind, &principals)
}

/// Logs in with whatever the agent has, as a plain `ssh`.
async fn login(world: &World) -> Output {
    let mut ssh = world.sshd.ssh(&world.paths.agent_socket(), "host.test");
    tokio::task::spawn_blocking(move || ssh.output().unwrap())
        .await
        .unwrap()
}

#[track_caller]
fn assert_ok(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[track_caller]
fn assert_refused(output: &Output) {
    assert!(!output.status.success(), "{output:?}");
}

/// Runs the command line of this world.
async fn pimento(world: &World, args: &[&str]) -> Output {
    let mut command = world.pimento(args);
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

async fn open(world: &World) {
    assert_ok(&pimento(world, &["open", "linux-root"]).await);
}

/// The certificates that `ssh-add -L` shows, as lines.
async fn listed(world: &World) -> Vec<String> {
    let socket = world.paths.agent_socket();
    let shown = tokio::task::spawn_blocking(move || {
        let mut list = Command::new("ssh-add");
        list.arg("-L").env("SSH_AUTH_SOCK", socket);
        list.output().unwrap()
    });
    let shown = String::from_utf8(shown.await.unwrap().stdout).unwrap();
    let lines = shown.lines().filter(|line| line.contains("-cert-v01@"));
    lines.map(str::to_owned).collect()
}

/// What `ssh-keygen -L` tells of a certificate.
fn told(line: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key-cert.pub");
    fs::write(&file, format!("{line}\n")).unwrap();
    let mut tell = Command::new("ssh-keygen");
    tell.arg("-L").arg("-f").arg(&file).env("TZ", "UTC");
    let output = tell.output().unwrap();
    assert_ok(&output);
    String::from_utf8(output.stdout).unwrap()
}

/// The lines below that one, which are deeper.
fn below(told: &str, name: &str) -> Vec<String> {
    let lines = told.lines().skip_while(|line| line.trim() != name).skip(1);
    let deeper = lines.take_while(|line| line.starts_with("                "));
    deeper.map(|line| line.trim().to_owned()).collect()
}

fn field<'a>(told: &'a str, name: &str) -> &'a str {
    let line = told.lines().find(|line| line.trim().starts_with(name));
    line.unwrap_or_else(|| panic!("{name}: {told}")).trim()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_authority_lets_in_and_a_login_in_an_open_window_asks_nobody() {
    for kind in [
        "ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-3072", "rsa-4096",
    ] {
        let world = plan(kind, "").start().await;
        assert_refused(&login(&world).await);
        open(&world).await;
        let cold = [ACTIVATION, INSTANCE, TOKEN, KEY, SIGN];
        assert_eq!(world.calls(), cold, "{kind}");
        world.emulator.change(Cloud::reset_counts);
        for _ in 0..3 {
            assert_ok(&login(&world).await);
        }
        assert_eq!(world.calls(), [""; 0], "{kind}");
        assert_eq!(world.recorded("released"), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_keygen_shows_what_the_configuration_and_the_window_promise() {
    let more = ", source_address = [\"127.0.0.0/8\", \"::1\"], extensions = [\"permit-pty\", \
                \"permit-port-forwarding\"]";
    let world = plan("ec-p256", more).start().await;
    open(&world).await;
    let lines = listed(&world).await;
    let [line] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    let told = told(line);
    assert!(field(&told, "Type:").contains("ssh-ed25519-cert-v01@openssh.com user"));
    let records = world.records();
    let record = |event: &str| records.iter().find(|it| it["event"] == event).unwrap();
    let id = record("certifying")["id"].as_str().unwrap();
    let key_id = format!("Key ID: \"{USER} {id}\"");
    assert_eq!(field(&told, "Key ID:"), key_id);
    assert_eq!(record("certifying")["key_id"], format!("{USER} {id}"));
    let ends: Timestamp = record("opened")["ends"].as_str().unwrap().parse().unwrap();
    let valid = field(&told, "Valid:");
    let to = valid.rsplit_once(" to ").unwrap().1;
    assert_eq!(to, ends.strftime("%Y-%m-%dT%H:%M:%S").to_string());
    assert_eq!(below(&told, "Principals:"), [account()]);
    assert_eq!(
        below(&told, "Critical Options:"),
        ["source-address 127.0.0.0/8,::1"]
    );
    assert_eq!(
        below(&told, "Extensions:"),
        ["permit-port-forwarding", "permit-pty"]
    );
    // The vault's own log has the same id.
    let seen = world.emulator.change(|cloud| cloud.seen().to_vec());
    let signed = seen.iter().find(|it| it.operation == SIGN).unwrap();
    assert_eq!(signed.client_request_id.as_deref(), Some(id));
    // What OpenSSH shows is what it enforces.
    assert_ok(&login(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn asyncssh_and_cryptography_read_the_same_of_it_whoever_the_authority_is() {
    let Some(python) = python::python() else {
        return;
    };
    let more = ", source_address = [\"127.0.0.0/8\"], extensions = [\"permit-pty\"]";
    for kind in ["ec-p256", "ec-p384", "ec-p521", "rsa-2048"] {
        let world = plan(kind, more).start().await;
        open(&world).await;
        let line = listed(&world).await.remove(0);
        let line = line.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let records = world.records();
        let record = |event: &str| records.iter().find(|it| it["event"] == event).unwrap();
        let ends: Timestamp = record("opened")["ends"].as_str().unwrap().parse().unwrap();
        let wanted = serde_json::json!({
            "line": line,
            "kind": "user",
            "key_id": record("certifying")["key_id"],
            "principals": [account()],
            "valid_before": ends.as_second(),
            "critical": {"source-address": "127.0.0.0/8"},
            "extensions": ["permit-pty"],
            "authority": fs::read_to_string(world.trusted()).unwrap().trim(),
        });
        let script = include_str!("python_clients/certificate.py");
        let mut read = Command::new(&python);
        read.args(["-c", script])
            .env("PIMENTO_TEST_WANTED", wanted.to_string());
        let output = tokio::task::spawn_blocking(move || read.output().unwrap());
        assert_ok(&output.await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_certificate_is_listed_or_signed_with_outside_its_window() {
    let world = plan("ec-p256", "").start().await;
    assert_eq!(listed(&world).await, [""; 0]);
    assert_eq!(world.calls(), [""; 0]);
    open(&world).await;
    assert_eq!(listed(&world).await.len(), 1);
    assert_ok(&login(&world).await);
    world.after_the_window();
    until("the end is recorded", || world.recorded("closed") == 1).await;
    assert_eq!(listed(&world).await, [""; 0]);
    assert_refused(&login(&world).await);
    open(&world).await;
    assert_eq!(world.activations(), 2);
    world.house.pipeline.broker.lock();
    assert_eq!(listed(&world).await, [""; 0]);
    assert_refused(&login(&world).await);
    world.house.pipeline.broker.unlock();
    assert_eq!(listed(&world).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_window_has_a_key_of_its_own() {
    let world = plan("ec-p256", "").start().await;
    let mut keys = Vec::new();
    for _ in 0..2 {
        open(&world).await;
        let line = listed(&world).await.remove(0);
        let certificate = Certificate::from_openssh(&line).unwrap();
        keys.push((certificate.public_key().clone(), certificate.serial()));
        world.after_the_window();
    }
    assert_ne!(keys[0], keys[1]);
    assert_ne!(keys[0].0, keys[1].0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_is_extended_has_a_new_certificate_to_its_new_end() {
    let world = plan("ec-p256", "").start().await;
    open(&world).await;
    let before = Certificate::from_openssh(&listed(&world).await[0]).unwrap();
    world.clock.advance(Duration::from_secs(1800));
    let extend = ["open", "linux-root", "--extend", "--reason", "not done yet"];
    assert_ok(&pimento(&world, &extend).await);
    let lines = listed(&world).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    let after = Certificate::from_openssh(&lines[0]).unwrap();
    let longer = after.valid_before() - before.valid_before();
    assert!((1790..=1810).contains(&longer), "{longer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_refuses_who_is_not_a_principal_or_comes_from_elsewhere() {
    let others = World::plan().certificate("ec-p256", "principals = [\"nobody-here\"]");
    let elsewhere = plan("ec-p256", ", source_address = [\"203.0.113.0/24\"]");
    for plan in [others, elsewhere] {
        let world = plan.start().await;
        open(&world).await;
        assert_eq!(listed(&world).await.len(), 1);
        assert_refused(&login(&world).await);
        // The host has refused it before anything was signed.
        assert_eq!(world.recorded("released"), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_the_host_maps_to_an_account_is_let_in() {
    let world = World::plan()
        .certificate("ec-p256", "principals = [\"linux-admins\"]")
        .sshd("AuthorizedPrincipalsCommand /bin/echo linux-admins\nAuthorizedPrincipalsCommandUser nobody")
        .start()
        .await;
    open(&world).await;
    assert_ok(&login(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_command_runs_instead_of_any_other() {
    let world = plan("ec-p256", ", force_command = \"/bin/echo forced\"")
        .start()
        .await;
    open(&world).await;
    let output = login(&world).await;
    assert_ok(&output);
    assert_eq!(output.stdout, b"forced\n");
}

/// In this world it is two hours earlier than on the host: whatever is valid here has ended there.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_refuses_a_certificate_after_its_window() {
    for (behind, lets_in) in [(0, true), (2, false)] {
        let world = plan("ec-p256", "")
            .behind(SignedDuration::from_hours(behind))
            .start()
            .await;
        open(&world).await;
        let line = listed(&world).await.remove(0);
        let ends = Certificate::from_openssh(&line).unwrap().valid_before();
        let now = Timestamp::now().as_second().cast_unsigned();
        assert_eq!(now < ends, lets_in);
        let output = login(&world).await;
        assert_eq!(output.status.success(), lets_in, "{output:?}");
        assert_eq!(world.recorded("released"), usize::from(lets_in));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_signature_of_the_authority_makes_no_certificate_and_is_on_record() {
    // So that the host takes what is made when some time has passed here.
    let world = plan("ec-p256", "")
        .behind(SignedDuration::from_mins(10))
        .start()
        .await;
    for value in [
        URL_SAFE_NO_PAD.encode([7; 64]),
        URL_SAFE_NO_PAD.encode([7; 63]),
        String::new(),
    ] {
        world.fault(Fault {
            operation: SIGN.to_owned(),
            times: Some(1),
            body: Some(serde_json::json!({"kid": "k", "value": value}).to_string()),
            ..Fault::default()
        });
        let output = pimento(&world, &["open", "linux-root"]).await;
        // The window itself is open.
        assert_ok(&output);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(told.contains("key web has no certificate"), "{told}");
        assert!(told.contains("no signature of this key"), "{told}");
        assert_eq!(world.why().code(), "material");
        assert_eq!(listed(&world).await, [""; 0]);
        assert_refused(&login(&world).await);
        world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(world.recorded("refused"), 3);
    open(&world).await;
    assert_ok(&login(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_not_the_pinned_one_certifies_nothing() {
    let other = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=";
    let world = plan("ec-p256", "").pinned(other).start().await;
    let output = pimento(&world, &["open", "linux-root"]).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("`public_key` of [ca.users]"), "{told}");
    assert_eq!((world.count(KEY), world.count(SIGN)), (1, 0));
    assert_eq!(listed(&world).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_a_certificate_logs_in_to_its_hosts_and_does_nothing_else() {
    let world = plan("ec-p256", "").start().await;
    open(&world).await;
    let line = listed(&world).await.remove(0);
    let file = world.folder().join("held-cert.pub");
    fs::write(&file, format!("{line}\n")).unwrap();
    let mut sign = Command::new("ssh-keygen");
    sign.args(["-Y", "sign", "-n", "file", "-f"]).arg(&file);
    sign.env("SSH_AUTH_SOCK", world.paths.agent_socket());
    sign.stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || sign.output().unwrap());
    assert_refused(&output.await.unwrap());
    assert_eq!(world.why().code(), "policy");
    // A host by another name does not get to see it.
    let mut ssh = world.sshd.ssh(&world.paths.agent_socket(), "other.test");
    let output = tokio::task::spawn_blocking(move || ssh.output().unwrap());
    assert_refused(&output.await.unwrap());
    assert_eq!(world.recorded("released"), 0);
    assert_ok(&login(&world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_ssh_gets_its_certificate_by_what_ssh_config_prints() {
    let world = plan("ec-p256", "").start().await;
    let printed = pimento(&world, &["ssh-config"]).await;
    assert_ok(&printed);
    let text = String::from_utf8(printed.stdout).unwrap();
    let begins = text.find("# key web").unwrap();
    let section = text[begins..].split("\n\n").next().unwrap();
    assert!(section.contains("IdentityAgent"), "{section}");
    assert!(!section.contains("IdentitiesOnly"), "{section}");
    let known = world.sshd.known_hosts("host.test");
    let config = format!(
        "{text}\nMatch all\nHost host.test\n  HostName 127.0.0.1\n  HostKeyAlias host.test\n  \
         Port {}\n  User {}\n  UserKnownHostsFile {}\n  PreferredAuthentications publickey\n",
        world.sshd.port,
        account(),
        known.display()
    );
    let file = world.folder().join("ssh_config");
    fs::write(&file, config).unwrap();
    let mut ssh = Command::new("ssh");
    ssh.envs(world.variables()).arg("-F").arg(&file);
    ssh.args(["host.test", "true"]).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || ssh.output().unwrap());
    assert_ok(&output.await.unwrap());
    assert_eq!(world.calls(), [ACTIVATION, INSTANCE, TOKEN, KEY, SIGN]);
}

/// A world with an authority `hosts` besides, whose key is made by the emulator as well.
fn with_host_authority() -> Plan {
    use pimento::emulator::scenario::Key;

    plan("ec-p256", "")
        .scenario(|it| {
            let (generate, disabled) = ("ec-p384".to_owned(), false);
            let key = Key { generate, disabled };
            it.vaults[0].keys.insert("ssh-hosts".to_owned(), key);
        })
        .configured_by(|emulator, text| {
            let public = emulator.change(|cloud| cloud.public_key("kv-linux", "ssh-hosts"));
            format!(
                "[ca.hosts]\nvault = \"linux\"\nkey = \"ssh-hosts\"\ncertifies = \"hosts\"\n\
                 public_key = \"{}\"\n\n{text}",
                public.unwrap().to_openssh().unwrap()
            )
        })
}

/// A host's key, and where its public half is.
fn host_key(world: &World, kind: &str) -> PathBuf {
    let file = world.folder().join(format!("host-{kind}"));
    let mut made = Command::new("ssh-keygen");
    made.args(["-q", "-N", "", "-C", "", "-t", kind, "-f"])
        .arg(&file);
    assert!(made.status().unwrap().success());
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_an_administrator_had_certified_is_known_by_its_authority() {
    let world = with_host_authority().start().await;
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = host_key(&world, kind);
        let public = key.with_extension("pub");
        let names = [
            "--name",
            "host.test",
            "--name",
            "host2.test",
            "--lasts",
            "2d",
        ];
        let mut args = vec!["ca", "sign-host", public.to_str().unwrap()];
        args.extend(names);
        let output = pimento(&world, &args).await;
        assert_ok(&output);
        let certificate = key.with_file_name(format!("host-{kind}-cert.pub"));
        let text = fs::read_to_string(&certificate).unwrap();
        let told = told(text.trim());
        assert!(
            field(&told, "Type:").ends_with("host certificate"),
            "{told}"
        );
        assert!(
            told.contains("host.test") && told.contains("host2.test"),
            "{told}"
        );
        let read = Certificate::from_openssh(&text).unwrap();
        let lasts = read.valid_before() - read.valid_after();
        assert_eq!(lasts, 2 * 86400 + 300);
        // A real sshd shows it, and a real ssh knows the host by the line that is printed.
        let line = pimento(
            &world,
            &["ca", "public-key", "hosts", "--hosts", "host.test"],
        )
        .await;
        assert_ok(&line);
        let sshd = Sshd::with_host_key(&key, &certificate, world.trusted());
        // The agent reads the same file.
        let known = world.sshd.known_hosts("host.test");
        fs::write(&known, &line.stdout).unwrap();
        open(&world).await;
        let mut ssh = sshd.ssh_knowing(&world.paths.agent_socket(), "host.test", &known);
        let output = tokio::task::spawn_blocking(move || ssh.output().unwrap());
        assert_ok(&output.await.unwrap());
        let mut ssh = sshd.ssh_knowing(&world.paths.agent_socket(), "other.test", &known);
        let output = tokio::task::spawn_blocking(move || ssh.output().unwrap());
        assert_refused(&output.await.unwrap());
    }
    let records = world.records();
    let released = records
        .iter()
        .filter(|it| it["end"] == "certify-host" && it["event"] == "released");
    assert_eq!(released.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_not_certified_as_every_host_or_by_what_certifies_users() {
    let world = with_host_authority().start().await;
    let key = host_key(&world, "ed25519").with_extension("pub");
    let file = key.to_str().unwrap();
    let private = key.with_extension("");
    for (args, code, part) in [
        (
            vec![file, "--name", "*.test"],
            2,
            "is not the name of a host",
        ),
        (vec![file, "--name", ""], 2, "is not the name of a host"),
        (vec![file], 2, "--name"),
        (vec![file, "--name", "a", "--lasts", "0d"], 2, "--lasts"),
        (
            vec![file, "--name", "a", "--lasts", "soon"],
            2,
            "no span of time",
        ),
        (
            vec![private.to_str().unwrap(), "--name", "a"],
            2,
            "holds no public key",
        ),
        (
            vec![file, "--name", "a", "--ca", "users"],
            6,
            "certifies users",
        ),
        (vec![file, "--name", "a", "--ca", "host"], 4, "hosts"),
    ] {
        let args: Vec<&str> = ["ca", "sign-host"].into_iter().chain(args).collect();
        let output = pimento(&world, &args).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {told}");
        assert!(told.contains(part), "{args:?}: {told}");
        assert!(!told.contains("PRIVATE"), "{told}");
    }
    assert_eq!(world.calls(), [""; 0]);
    assert!(!key.with_file_name("host-ed25519-cert.pub").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_keys_of_authorities_are_told_without_the_agent_or_the_cloud() {
    let world = with_host_authority().start().await;
    let of = async |args: &[&str]| {
        let args: Vec<&str> = ["ca", "public-key"].iter().chain(args).copied().collect();
        pimento(&world, &args).await
    };
    let users = of(&["users"]).await;
    assert_ok(&users);
    let line = String::from_utf8(users.stdout).unwrap();
    let trusted = fs::read_to_string(world.trusted()).unwrap();
    assert!(line.starts_with(trusted.trim()), "{line}");
    let told = |output: Output| String::from_utf8(output.stderr).unwrap();
    let either = of(&[]).await;
    assert_eq!(either.status.code(), Some(4));
    assert!(told(either).contains("name one of: hosts, users"));
    let typo = of(&["user"]).await;
    assert_eq!(typo.status.code(), Some(4));
    assert!(told(typo).contains("did you mean \"users\""));
    let odd = of(&["users", "--hosts", "*"]).await;
    assert_eq!(odd.status.code(), Some(2));
    assert_eq!(world.calls(), [""; 0]);
}

/// Whether `memory` has the seed of the Ed25519 key `public` beside its public half, as libraries
/// keep the two.
fn has_seed_of(public: &[u8], memory: &[Vec<u8>]) -> bool {
    use aws_lc_rs::signature::Ed25519KeyPair;

    let is_seed = |bytes: Option<&[u8]>| {
        bytes.is_some_and(|seed| Ed25519KeyPair::from_seed_and_public_key(seed, public).is_ok())
    };
    memory.iter().any(|map| {
        let mut places = map.windows(32).enumerate().filter(|(_, it)| *it == public);
        places.any(|(at, _)| {
            is_seed(at.checked_sub(32).and_then(|front| map.get(front..at)))
                || is_seed(map.get(at + 32..at + 64))
        })
    })
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn root_finds_no_certified_key_in_memory_or_on_disk_while_its_window_is_open() {
    use pimento::emulator::Scenario;
    use rustix::process::{Pid, Signal, kill_process};
    use support::home::Home;
    use support::memory::readable;

    let mut scenario = Scenario::example().unwrap();
    support::with_vault_key(&mut scenario, "ec-p256");
    let home = Home::in_scenario(scenario).await;
    let authority = home
        .emulator
        .change(|cloud| cloud.public_key("kv-linux", "web-key"));
    let authority = authority.unwrap();
    let home =
        home.configured(|text| support::certified(&text, &authority, "principals = [\"root\"]"));
    let agent = home.agent();
    home.sign_in();
    home.run(&["open", "linux-root"]);
    let mut list = home.command("ssh-add");
    let output = list
        .arg("-L")
        .env("SSH_AUTH_SOCK", home.path("run/agent.sock"))
        .output();
    let listed = String::from_utf8(output.unwrap().stdout).unwrap();
    let line = listed
        .lines()
        .find(|line| line.contains("-cert-v01@"))
        .unwrap();
    let certificate = Certificate::from_openssh(line).unwrap();
    let public = certificate.public_key().ed25519().unwrap().0;
    let maps = fs::read_to_string(format!("/proc/{}/maps", agent.0.id())).unwrap();
    if !maps.contains("/secretmem") {
        support::etc::skipped("this kernel has no memfd_secret: root can read what is held");
        return;
    }
    let process = Pid::from_child(&agent.0);
    kill_process(process, Signal::STOP).unwrap();
    let mut memory = readable(agent.0.id());
    kill_process(process, Signal::CONT).unwrap();
    let has_public = |map: &Vec<u8>| map.windows(32).any(|it| it == public);
    assert!(
        memory.iter().any(has_public),
        "control: the public half is there"
    );
    assert!(!has_seed_of(&public, &memory));
    let mut find = Command::new("grep");
    let files = find
        .args(["-rlF", "PRIVATE KEY"])
        .arg(home.folder.path())
        .output()
        .unwrap();
    assert_eq!(files.stdout, b"", "on disk");
    // That it would have been found.
    let seed = [7; 32];
    let pair = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public: &[u8] = aws_lc_rs::signature::KeyPair::public_key(&pair).as_ref();
    memory.push([&[1, 2, 3], &seed[..], public, &[4]].concat());
    assert!(has_seed_of(public, &memory));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]

    #[test]
    fn ssh_keygen_reads_what_was_written(
        key_id in "[a-zA-Z0-9@. -]{0,40}",
        principals in proptest::collection::vec("[a-z0-9.-]{1,20}", 1..5),
        (after, lasts) in (1_000_000_000_i64..3_000_000_000, 1_i64..1_000_000_000),
        command in "[a-z/ -]{1,30}",
        is_host in proptest::prelude::any::<bool>(),
    ) {
        use pimento::certify::{Holder, Statement, signed, to_be_signed};
        use pimento::secret::private_key::PrivateKey;

        let at = |seconds: i64| Timestamp::from_second(seconds).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let critical = [pair("force-command", &command)];
        let extensions = [pair("permit-pty", ""), pair("permit-X11-forwarding", "")];
        let statement = Statement {
            holder: if is_host { Holder::Host } else { Holder::User },
            key_id: &key_id,
            principals: &principals,
            valid_after: at(after),
            valid_before: at(after + lasts),
            critical: &critical,
            extensions: &extensions,
        };
        let (key, authority) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let data = to_be_signed(key.public(), &statement, authority.public()).unwrap();
        let signature = authority.sign(&data, 0).unwrap();
        let certificate = Certificate::from_bytes(&signed(data, &signature)).unwrap();
        let told = told(&certificate.to_openssh().unwrap());
        let kind = if is_host { "host certificate" } else { "user certificate" };
        assert!(field(&told, "Type:").ends_with(kind), "{told}");
        assert_eq!(field(&told, "Key ID:"), format!("Key ID: \"{key_id}\"").trim());
        let time = |seconds| at(seconds).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let valid = format!("Valid: from {} to {}", time(after), time(after + lasts));
        assert_eq!(field(&told, "Valid:"), valid);
        assert_eq!(below(&told, "Principals:"), principals);
        assert_eq!(below(&told, "Critical Options:"), [format!("force-command {command}").trim()]);
        assert_eq!(below(&told, "Extensions:"), ["permit-X11-forwarding", "permit-pty"]);
    }
}
