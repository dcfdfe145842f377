//! Certificates of hosts, and what hosts and clients have to know of authorities.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use pimento::emulator::scenario::Key;
use ssh_key::Certificate;

use crate::desk::{assert_ok, assert_refused, field, open, pimento, plan, told};
use crate::support::sshd::Sshd;
use crate::support::{Plan, World};

/// A world with an authority `hosts` besides, whose key is made by the emulator as well.
fn with_host_authority() -> Plan {
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

#[tokio::test(flavor = "multi_thread")]
async fn no_client_of_the_agent_has_a_pattern_certified() {
    use jiff::SignedDuration;
    use pimento::cloud::Unwatched;
    use pimento::house::Host;
    use pimento::policy::Said;
    use pimento::requester::Requester;

    let world = with_host_authority().start().await;
    let authority = world.house.authority("hosts").unwrap();
    let key = host_key(&world, "ed25519").with_extension("pub");
    let key = ssh_key::PublicKey::read_openssh_file(key).unwrap();
    for (name, hours) in [("*", 1), ("a,b", 1), ("web1", 0)] {
        let (key, names) = (key.clone(), vec![name.to_owned()]);
        let lasts = SignedDuration::from_hours(hours);
        let host = Host { key, names, lasts };
        let (said, nobody) = (Said::default(), Requester::default());
        let made = world
            .house
            .certify_host(authority, host, said, &nobody, &Unwatched);
        let refusal = made.await.unwrap_err();
        assert_eq!(refusal.code(), "unsupported", "{name}: {refusal}");
    }
    assert_eq!(world.calls(), [""; 0]);
}
