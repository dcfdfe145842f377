//! What keys in an agent are for.

use crate::host::Host;
use crate::ssh_agent::keys::{TestKey, public_blob, ssh_keygen};
use crate::ssh_agent::{Ran, TestAgent, ran, ran_with_input};
use crate::{add, skipped};

/// `ssh-keygen` verifies what the agent signed, for a signer it is told to allow.
fn verifies(agent: &TestAgent, text: &str, namespace: &str) -> Ran {
    let args = [
        "-Y", "verify", "-n", namespace, "-I", "somebody", "-f", "allowed", "-s", "text.sig",
    ];
    ran_with_input(&mut agent.command("ssh-keygen", &args), text.as_bytes())
}

#[test]
fn files_are_signed_and_verified_with_every_kind_of_key() {
    for key in TestKey::all() {
        let agent = TestAgent::start();
        agent.file("text", "to be signed\n");
        agent.file("allowed", &format!("somebody {}", key.public_line()));
        let sign = || {
            // The private key is where ssh-keygen would find it; move it out of the way.
            let args = [
                "-q",
                "-Y",
                "sign",
                "-U",
                "-n",
                "file",
                "-f",
                &key.public,
                "text",
            ];
            agent.run("ssh-keygen", &args)
        };
        assert_ne!(sign().code, 0, "the agent does not have {} yet", key.name);
        add(&agent, &key);
        std::fs::remove_file(&key.private).unwrap();
        sign().ok();
        verifies(&agent, "to be signed\n", "file").ok();
        verifies(&agent, "to be signed?\n", "file").refused(255, "Could not verify");
        verifies(&agent, "to be signed\n", "git").refused(255, "Could not verify");
    }
}

#[test]
fn a_commit_is_signed_and_verified() {
    let agent = TestAgent::start();
    let key = TestKey::new("ed25519", "256");
    let allowed = agent.file(
        "allowed",
        &format!("somebody@example.com {}", key.public_line()),
    );
    let git = |args: &[&str]| {
        let signers = format!("gpg.ssh.allowedSignersFile={allowed}");
        let signing = format!("user.signingKey={}", key.public);
        let mut command = agent.command(
            "git",
            &["-c", "gpg.format=ssh", "-c", &signers, "-c", &signing],
        );
        command
            .args([
                "-c",
                "user.name=Somebody",
                "-c",
                "user.email=somebody@example.com",
            ])
            .args(args)
            .env("HOME", agent.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1");
        ran(&mut command)
    };
    git(&["init", "-q", "."]).ok();
    let commit = ["commit", "-q", "-S", "--allow-empty", "-m", "signed"];
    // git would find the private key next to the public one.
    let private = std::fs::read(&key.private).unwrap();
    std::fs::remove_file(&key.private).unwrap();
    assert_ne!(git(&commit).code, 0, "nobody has the key");
    std::fs::write(&key.private, private).unwrap();
    std::fs::set_permissions(
        &key.private,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    add(&agent, &key);
    std::fs::remove_file(&key.private).unwrap();
    git(&commit).ok();
    let verified = git(&["verify-commit", "HEAD"]);
    assert!(
        verified
            .stderr
            .contains("Good \"git\" signature for somebody@example.com"),
        "{verified:?}"
    );
    verified.ok();
    git(&["commit", "-q", "--allow-empty", "-m", "not signed"]).ok();
    assert_ne!(git(&["verify-commit", "HEAD"]).code, 0);
}

#[test]
fn an_authority_in_the_agent_certifies() {
    for authority in TestKey::all() {
        let agent = TestAgent::start();
        let key = TestKey::new("ed25519", "256");
        let certify = || {
            let args = [
                "-q",
                "-U",
                "-s",
                &authority.public,
                "-I",
                "name",
                "-n",
                "somebody",
                &key.public,
            ];
            agent.run("ssh-keygen", &args)
        };
        assert_ne!(certify().code, 0, "nobody has {}", authority.name);
        add(&agent, &authority);
        std::fs::remove_file(&authority.private).unwrap();
        certify().ok();
        let shown = ssh_keygen(&["-L", "-f", &key.certificate()]);
        let signer = crate::fingerprint(&authority);
        assert!(shown.contains(&format!("{signer} (using")), "{shown}");
        // ssh-keygen shows a certificate without looking at its signature; ssh-add does look.
        assert!(public_blob(key.certificate().as_ref()).len() > key.blob.len());
        add(&agent, &key);
        assert_eq!(crate::listed(&agent), 3, "authority, key, certificate");
    }
}

#[test]
fn a_host_proves_itself_with_a_key_of_the_agent() {
    let agent = TestAgent::start();
    let key = TestKey::new("ecdsa", "384");
    let Some(host) = Host::new("host", &key) else {
        return;
    };
    add(&agent, &key);
    host.move_key_to(&agent);
    host.ssh(&agent, &key).ok();
    agent.run("ssh-add", &["-D"]).ok();
    add(&agent, &key);
    assert_eq!(host.ssh(&agent, &key).code, 255, "the host's key is gone");
}

#[test]
fn every_kind_of_key_logs_in() {
    let agent = TestAgent::start();
    for key in TestKey::all() {
        let Some(host) = Host::new("host", &key) else {
            return;
        };
        host.ssh(&agent, &key).refused(255, "");
        add(&agent, &key);
        // The private key next to the public one would do as well.
        std::fs::remove_file(&key.private).unwrap();
        host.ssh(&agent, &key).ok();
        agent.run("ssh-add", &["-D"]).ok();
        host.ssh(&agent, &key).refused(255, "Permission denied");
    }
}

#[test]
fn another_user_is_turned_away_even_where_the_socket_is_open_to_all() {
    use std::os::unix::fs::PermissionsExt;
    if !rustix::process::geteuid().is_root() {
        return skipped("only root can become another user");
    }
    let agent = TestAgent::start();
    let key = TestKey::new("ed25519", "256");
    add(&agent, &key);
    let mode = std::fs::metadata(&agent.socket)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    for open in [agent.folder.path(), &agent.socket] {
        std::fs::set_permissions(open, PermissionsExt::from_mode(0o777)).unwrap();
    }
    let stranger = [
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "ssh-add",
        "-L",
    ];
    let turned_away = ran(agent.command("setpriv", &stranger).current_dir("/"));
    assert_eq!(
        (turned_away.stdout.contains("ssh-"), turned_away.code == 0),
        (false, false)
    );
    agent.run("ssh-add", &["-L"]).ok();
}

#[test]
fn a_crash_leaves_no_core() {
    let agent = TestAgent::start();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", agent.pid())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    assert_eq!(core.unwrap().split_whitespace().nth(4), Some("0"));
}
