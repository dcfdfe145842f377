//! Keys that never leave their vault: real logins and signatures that the vault makes.

use std::fs;
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use pimento::emulator::World as Cloud;
use pimento::emulator::scenario::Fault;

use crate::support::{World, until};
use crate::{ACTIVATION, INSTANCE, KEY, SIGN, TOKEN};

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_vault_key_logs_in_and_a_warm_login_takes_one_call() {
    for kind in [
        "ec-p256", "ec-p384", "ec-p521", "rsa-2048", "rsa-3072", "rsa-4096",
    ] {
        let world = World::plan().vault_key(kind).start().await;
        world.ssh("web").await.assert_ok();
        let cold = [ACTIVATION, INSTANCE, TOKEN, KEY, SIGN];
        assert_eq!(world.calls(), cold, "{kind}");
        for _ in 0..3 {
            world.emulator.change(Cloud::reset_counts);
            world.ssh("web").await.assert_ok();
            assert_eq!(world.calls(), [SIGN], "{kind}");
        }
        assert_eq!(world.recorded("released"), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_signature_is_in_the_vaults_log_and_in_ours_under_one_id() {
    let world = World::plan().vault_key("ec-p256").start().await;
    world.ssh("web").await.assert_ok();
    world.ssh("web").await.assert_ok();
    let seen = world.emulator.change(|cloud| cloud.seen().to_vec());
    let signed = seen.iter().filter(|it| it.operation == SIGN);
    let theirs: Vec<String> = signed
        .map(|it| it.client_request_id.clone().unwrap())
        .collect();
    let records = world.records();
    let released = records.iter().filter(|it| it["event"] == "released");
    let ours: Vec<String> = released
        .clone()
        .map(|it| it["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((theirs.len(), &theirs), (2, &ours));
    for record in released {
        assert_eq!(record["key"], "web-key");
        assert_eq!(record["version"].as_str().unwrap().len(), 32);
        assert!(record.get("secret").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rsa_key_of_a_vault_signs_with_the_hash_that_the_host_takes() {
    let world = World::plan().vault_key("rsa-2048").start().await;
    for (algorithm, wanted) in [("rsa-sha2-256", "RS256"), ("rsa-sha2-512", "RS512")] {
        let mut ssh = world.ssh_command("web");
        let mut with_option = Command::new("ssh");
        with_option
            .arg("-o")
            .arg(format!("PubkeyAcceptedAlgorithms={algorithm}"))
            .args(ssh.get_args())
            .env_remove("SSH_AUTH_SOCK");
        ssh = with_option;
        let output = tokio::task::spawn_blocking(move || ssh.output().unwrap());
        let output = output.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        let seen = world.emulator.change(|cloud| cloud.seen().to_vec());
        let last = seen.iter().rfind(|it| it.operation == SIGN).unwrap();
        assert_eq!(last.body.as_ref().unwrap()["alg"], wanted);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_signature_of_the_key_is_not_given_out_and_is_on_record() {
    for (kind, length) in [("ec-p256", 64), ("rsa-2048", 256)] {
        let world = World::plan().vault_key(kind).start().await;
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let answers = [
            encoded(&vec![7; length]),
            encoded(&vec![7; length - 1]),
            encoded(&vec![0; length]),
            encoded(b""),
            "*".to_owned(),
        ];
        for (number, value) in answers.into_iter().enumerate() {
            world.fault(Fault {
                operation: SIGN.to_owned(),
                times: Some(1),
                body: Some(serde_json::json!({"kid": "k", "value": value}).to_string()),
                ..Fault::default()
            });
            world.ssh("web").await.assert_refused();
            let refusal = world.why();
            assert_eq!(refusal.code(), "material", "{value}: {refusal}");
            assert!(refusal.to_string().contains("no signature"), "{refusal}");
            assert!(refusal.advice().contains("nothing was given out"));
            assert_eq!(world.recorded("refused"), number + 1);
        }
        world.ssh("web").await.assert_ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_is_busy_is_asked_again_and_one_that_fails_refuses() {
    let world = World::plan().speed(20).vault_key("ec-p256").start().await;
    let fault = |status, times| Fault {
        operation: SIGN.to_owned(),
        times,
        status: Some(status),
        retry_after: Some("1".to_owned()),
        ..Fault::default()
    };
    for status in [429, 503] {
        world.fault(fault(status, Some(1)));
        world.ssh("web").await.assert_ok();
    }
    world.fault(fault(500, None));
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "cloud");
    assert_eq!(world.activations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_opening_and_the_signature_share_the_time_that_an_answer_may_take() {
    let world = World::plan()
        .speed(5)
        .answer_within("20s")
        .vault_key("ec-p256")
        .scenario(|it| it.delays.provisioning = SignedDuration::from_secs(10))
        .start()
        .await;
    world.fault(Fault {
        operation: SIGN.to_owned(),
        times: Some(1),
        delay: SignedDuration::from_millis(9_500),
        ..Fault::default()
    });
    world.ssh("web").await.assert_refused();
    let refusal = world.why();
    assert_eq!(refusal.code(), "not_usable_in_time");
    assert!(refusal.to_string().contains("the vault signs"), "{refusal}");
    world.ssh("web").await.assert_ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_the_vault_no_longer_takes_is_replaced_once() {
    let world = World::plan().vault_key("ec-p256").start().await;
    world.ssh("web").await.assert_ok();
    let challenge = "Bearer authorization=\"https://login.microsoftonline.com/\
                     3c1f0f3a-52b1-4b26-9d0e-5d6c8c1d7a10\", resource=\"https://vault.azure.net\"";
    let rejected = |times| Fault {
        operation: SIGN.to_owned(),
        times,
        status: Some(401),
        headers: [("WWW-Authenticate".to_owned(), challenge.to_owned())].into(),
        ..Fault::default()
    };
    world.fault(rejected(Some(1)));
    world.emulator.change(Cloud::reset_counts);
    world.ssh("web").await.assert_ok();
    assert_eq!(world.calls(), [SIGN, TOKEN, SIGN]);
    world.fault(rejected(None));
    world.ssh("web").await.assert_refused();
    assert_eq!(world.why().code(), "sign_in_needed");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_governs_here_whatever_the_vault_would_still_sign() {
    let world = World::plan().vault_key("ec-p256").start().await;
    world.ssh("web").await.assert_ok();
    world.after_the_window();
    until("the end is recorded", || world.recorded("closed") == 1).await;
    // The token of the old window would do at the vault for an hour: a new activation is made.
    world.ssh("web").await.assert_ok();
    assert_eq!(world.activations(), 2);
    world.house.pipeline.broker.lock();
    world.ssh("web").await.assert_refused();
    assert_eq!(world.count(SIGN), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_used_is_refused_with_who_mends_it() {
    let world = World::plan().vault_key("ec-p256").start().await;
    let refused = async |body: &str, status: u16, parts: &[&str]| {
        world.emulator.change(|cloud| cloud.scenario.faults.clear());
        world.fault(Fault {
            operation: KEY.to_owned(),
            status: Some(status),
            body: Some(body.to_owned()),
            ..Fault::default()
        });
        world.ssh("web").await.assert_refused();
        let told = format!("{}\n{}", world.why(), world.why().advice());
        for part in parts {
            assert!(told.contains(part), "{part}: {told}");
        }
        // What was refused is repeated for a while.
        world.clock.advance(Duration::from_secs(60));
    };
    let key = |ops: &str, more: &str| {
        let (crv, x, y) = ("P-256", URL_SAFE_NO_PAD.encode([1; 32]), "AQ");
        format!(
            "{{\"key\": {{\"kid\": \"https://kv-linux.vault.azure.net/keys/web-key/1\", \"kty\": \
             \"EC\", \"crv\": \"{crv}\", \"x\": \"{x}\", \"y\": \"{y}\", \"key_ops\": [{ops}]}}, \
             \"attributes\": {{\"enabled\": true}} {more}}}"
        )
    };
    let set = "az keyvault key set-attributes --vault-name kv-linux --name web-key";
    let ops = format!("{set} --ops sign verify");
    refused(&key("\"verify\"", ""), 200, &["may not sign", &ops]).await;
    refused(&key("\"sign\"", ""), 200, &["public half"]).await;
    let other = key("\"sign\"", "").replace("P-256", "P-256K");
    refused(&other, 200, &["a curve that SSH does not have"]).await;
    let oct = key("\"sign\"", "").replace("\"EC\"", "\"oct\"");
    refused(&oct, 200, &["a kind that SSH does not have"]).await;
    let missing = r#"{"error": {"code": "KeyNotFound", "message": "A key with (name/id) web-key was not found"}}"#;
    refused(
        missing,
        404,
        &["there is no key web-key", "az keyvault key recover"],
    )
    .await;
    world.emulator.change(|cloud| cloud.scenario.faults.clear());
    world.ssh("web").await.assert_ok();
    assert_eq!(world.count(SIGN), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_key_does_not_sign_and_its_owner_is_told_how_to_enable_it() {
    let world = World::plan()
        .vault_key("rsa-2048")
        .scenario(|it| it.vaults[0].keys.get_mut("web-key").unwrap().disabled = true)
        .start()
        .await;
    world.ssh("web").await.assert_refused();
    let (why, advice) = (world.why().to_string(), world.why().advice());
    assert!(why.contains("disabled"), "{why}");
    assert!(
        advice.contains("az keyvault key set-attributes"),
        "{advice}"
    );
    assert!(advice.contains("--enabled true"), "{advice}");
    assert_eq!(world.count(SIGN), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_has_another_key_than_the_pinned_one_signs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ecdsa", "-N", "", "-C", "", "-f"])
        .arg(&file)
        .status();
    assert!(made.unwrap().success());
    let other = fs::read_to_string(file.with_extension("pub")).unwrap();
    let world = World::plan()
        .vault_key("ec-p256")
        .pinned(other.trim())
        .start()
        .await;
    world.ssh("web").await.assert_refused();
    let told = world.why().to_string();
    assert!(told.contains("pinned in the configuration"), "{told}");
    assert_eq!(world.count(SIGN), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_without_the_role_is_told_which_one_it_needs() {
    let world = World::plan()
        .speed(100)
        .vault_key("ec-p256")
        .scenario(|it| {
            it.vaults[0].grants.pop();
        })
        .configured(|_, text| text.replace("[agent]\n", "[agent]\npropagation = \"30s\"\n"))
        .start()
        .await;
    world.ssh("web").await.assert_refused();
    let advice = world.why().advice();
    assert!(advice.contains("\"Key Vault Crypto User\""), "{advice}");
    assert_eq!(world.count(SIGN), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn git_signs_commits_with_a_key_that_stays_in_the_vault() {
    let world = World::plan()
        .vault_key("ec-p384")
        .configured(|_, text| {
            let key = "key = \"web-key\"\n";
            text.replace(
                key,
                &format!("{key}uses = [\"git\"]\nunbound = \"allow\"\n"),
            )
        })
        .start()
        .await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let keys = world.house.catalog.keys();
    let public = keys
        .filter(|(credential, _)| credential.name.as_str() == "web")
        .map(|(_, key)| key.public.to_openssh().unwrap())
        .next()
        .unwrap();
    fs::write(path("web.pub"), &public).unwrap();
    fs::write(path("allowed"), format!("mia@contoso.com {public}\n")).unwrap();
    let socket = world.paths.agent_socket();
    let script = format!(
        "set -e; export HOME={home} GIT_CONFIG_NOSYSTEM=1 SSH_AUTH_SOCK={socket}\n\
         git init -q repo; cd repo\n\
         git config user.name Mia; git config user.email mia@contoso.com\n\
         git config gpg.format ssh; git config user.signingkey {home}/web.pub\n\
         git config gpg.ssh.allowedSignersFile {home}/allowed\n\
         git commit -q --allow-empty -S -m first; git verify-commit -v HEAD",
        home = folder.path().display(),
        socket = socket.display(),
    );
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(script).current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || shell.output().unwrap());
    let output = output.await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    assert!(told.contains("Good \"git\" signature"), "{told}");
    assert_eq!(world.count(SIGN), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_comes_back_after_a_lock_or_the_end_is_thrown_away() {
    let locks: fn(&World) = |world| assert_eq!(world.house.pipeline.broker.lock(), 1);
    let passes: fn(&World) = |world| world.clock.advance(Duration::from_secs(15));
    for (code, ends) in [("locked", locks), ("window_ended", passes)] {
        let world = World::plan().vault_key("ec-p256").start().await;
        world.ssh("web").await.assert_ok();
        // Near the end: a vault that is waited for much longer would be given up.
        world.clock.advance(Duration::from_secs(3588));
        world.fault(Fault {
            operation: SIGN.to_owned(),
            delay: SignedDuration::from_secs(2),
            ..Fault::default()
        });
        let (login, ()) = tokio::join!(world.ssh("web"), async {
            let held = || world.emulator.change(|cloud| cloud.held());
            until("the vault is asked", || held() == 1).await;
            ends(&world);
        });
        login.assert_refused();
        assert_eq!(world.why().code(), code);
        // It was asked for, so it is on record; and so is that nobody got it.
        assert_eq!(
            (world.recorded("released"), world.recorded("refused")),
            (2, 1)
        );
    }
}
