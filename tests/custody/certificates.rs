//! Keys that are made for one window and certified by a key of a vault: real hosts that trust it.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use pimento::emulator::World as Cloud;
use pimento::emulator::scenario::Fault;
use ssh_key::Certificate;

use crate::desk::{account, assert_ok, assert_refused, listed, login, open, pimento, plan};
use crate::support::{World, until};
use crate::{ACTIVATION, INSTANCE, KEY, SIGN, TOKEN};

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

#[tokio::test(flavor = "multi_thread")]
async fn whoever_finds_no_certificate_is_told_what_makes_one() {
    let world = plan("ec-p256", "")
        .configured(|_, text| {
            let (front, rest) = text.split_once("[key.db]").unwrap();
            let (_, danger) = rest.split_once("[danger]").unwrap();
            format!("{front}[danger]{danger}")
        })
        .start()
        .await;
    assert_refused(&login(&world).await);
    let why = world.why().to_string();
    assert!(why.contains("`pimento open linux-root`"), "{why}");
    assert!(why.contains("`pimento ssh-config`"), "{why}");
    open(&world).await;
    assert_ok(&login(&world).await);
}
