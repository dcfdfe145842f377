//! What others read of a certificate: OpenSSH, asyncssh, Python's cryptography.

use std::fs;
use std::process::Command;

use jiff::Timestamp;
use pimento::certify::{Holder, Statement, signed, to_be_signed};
use pimento::secret::private_key::PrivateKey;
use proptest::prelude::*;
use ssh_key::Certificate;

use crate::desk::{account, assert_ok, below, field, listed, login, open, plan, told};
use crate::support::USER;
use crate::{SIGN, python};

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
        let script = include_str!("../python_clients/certificate.py");
        let mut read = Command::new(&python);
        read.args(["-c", script])
            .env("PIMENTO_TEST_WANTED", wanted.to_string());
        let output = tokio::task::spawn_blocking(move || read.output().unwrap());
        assert_ok(&output.await.unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn ssh_keygen_reads_what_was_written(
        key_id in "[a-zA-Z0-9@. -]{0,40}",
        principals in proptest::collection::vec("[a-z0-9.-]{1,20}", 1..5),
        (after, lasts) in (1_000_000_000_i64..3_000_000_000, 1_i64..1_000_000_000),
        command in "[a-z/ -]{1,30}",
        is_host in any::<bool>(),
    ) {
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
