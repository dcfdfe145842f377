//! What a credential is in its vault: a secret, or a key that stays there.

use super::*;
use crate::catalog::{ClientCertificateSpec, ObjectName, VaultObject};

fn key_web() -> String {
    valid()
        .replace("secret = \"web-root-ssh\"", "key = \"web\"")
        .replace(PUBLIC_KEY, OTHER_KEY)
}

fn wrong(text: &str) -> Problem {
    let mut problems = problems(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

#[test]
fn a_key_is_a_secret_of_its_vault_or_one_of_its_keys() {
    let object = |text: &str| {
        let config = Config::parse(text, &paths()).unwrap();
        let mut keys = config.catalog.keys();
        keys.next().unwrap().0.object.clone()
    };
    let name = |text: &str| ObjectName::parse(text).unwrap();
    assert_eq!(object(&valid()), VaultObject::Secret(name("web-root-ssh")));
    assert_eq!(object(&key_web()), VaultObject::Key(name("web")));
}

#[test]
fn a_key_of_a_kind_that_key_vault_does_not_have_is_refused() {
    let problem = wrong(&key_web().replace(OTHER_KEY, PUBLIC_KEY));
    assert!(problem.what.contains("Ed25519"), "{problem}");
    assert!(problem.remedy.contains("P-256"), "{problem}");
}

#[test]
fn a_key_cannot_be_both_or_neither() {
    let both = key_web().replace("key = \"web\"", "key = \"web\"\nsecret = \"web\"");
    assert!(wrong(&both).what.contains("both a secret and a key"));
    let neither = wrong(&key_web().replace("key = \"web\"\n", ""));
    assert!(neither.remedy.contains("key = \"NAME\""), "{neither}");
}

#[test]
fn what_may_be_the_key_itself_is_not_quoted() {
    let pasted = wrong(&key_web().replace("key = \"web\"", "key = \"-----BEGIN SECRET\""));
    assert!(pasted.what.contains("not the name"), "{pasted}");
    assert!(!pasted.to_string().contains("BEGIN"), "{pasted}");
}

#[test]
fn a_password_is_no_key_of_a_vault() {
    let text = valid().replace("secret = \"db01-root\"", "key = \"db01-root\"");
    let problem = wrong(&text);
    assert!(problem.what.contains("is no password"), "{problem}");
}

fn with_certificate(fields: &str) -> String {
    format!(
        "{}\n[certificate.web-client]\nvault = \"linux\"\n{fields}\n",
        valid()
    )
}

#[test]
fn a_certificate_is_a_secret_of_its_vault() {
    let text = with_certificate("secret = \"web-client\"\nconfirm = true");
    let config = Config::parse(&text, &paths()).unwrap();
    let found = config.catalog.named("web-client").unwrap();
    assert_eq!(found.kind.word(), "certificate");
    let spec = ClientCertificateSpec { confirm: true };
    assert_eq!(found.kind, Kind::ClientCertificate(spec));
    assert_eq!(found.object.path(), "secrets/web-client");
}

#[test]
fn a_certificate_is_no_key_of_a_vault_and_has_no_fields_of_others() {
    let key = wrong(&with_certificate("key = \"web-client\""));
    assert!(key.what.contains("comes with its secret"), "{key}");
    let hosts = wrong(&with_certificate("secret = \"x\"\nhosts = [\"x\"]"));
    assert!(hosts.what.contains("no field \"hosts\""), "{hosts}");
    let pasted = wrong(&with_certificate("secret = \"-----BEGIN PRIVATE KEY\""));
    assert!(!pasted.to_string().contains("BEGIN"), "{pasted}");
}

#[test]
fn a_certificate_shares_its_name_with_no_password() {
    let text = with_certificate("secret = \"x\"").replace("web-client", "db01-root");
    let twice = wrong(&text);
    assert!(twice.what.contains("already configured"), "{twice}");
}
