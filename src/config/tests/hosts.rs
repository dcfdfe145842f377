//! Where tokens may go.

use super::super::document::{Custody, Layer};
use super::super::*;
use super::{build, document, paths, problem, problems, valid};

#[test]
fn a_token_cannot_be_sent_to_a_host_that_is_not_microsofts() {
    for url in [
        "https://kv-linux.vault.azure.net.example.com",
        "https://vault.azure.net.evil",
        "https://evilvault.azure.net",
        "https://127.0.0.1",
    ] {
        let problem = problem("https://kv-linux.vault.azure.net", url);
        assert!(problem.what.contains("none of Microsoft's"), "{problem}");
    }
    for url in [
        "http://kv-linux.vault.azure.net",
        "https://kv-linux.vault.azure.net/secrets",
        "https://kv-linux.vault.azure.net?x=1",
        "kv-linux",
    ] {
        let problem = problem("https://kv-linux.vault.azure.net", url);
        assert!(problem.what.contains("a host alone"), "{problem}");
    }
}

#[test]
fn a_host_named_in_danger_is_allowed_and_warned_about() {
    let text = valid().replace("kv-linux.vault.azure.net", "vault.test")
        + "[danger]\nresolve = { \"vault.test\" = \"127.0.0.1:8443\" }\n";
    let config = Config::parse(&text, &paths()).unwrap();
    let resolve = [("vault.test".to_owned(), "127.0.0.1:8443".parse().unwrap())];
    assert_eq!(config.danger.resolve, resolve);
    assert_eq!(config.warnings().len(), 1);
    assert!(config.warnings()[0].what.contains("danger.resolve"));
}

#[test]
fn danger_in_a_file_that_others_can_write_is_refused() {
    let text = valid() + "[danger]\nresolve = {}\n";
    for (by_user, shared) in [(true, true), (false, false)] {
        let by_root = false;
        let custody = Custody {
            by_root,
            by_user,
            shared,
        };
        let document = document("/c.toml", Layer::User, &text);
        let error = build(&[Document {
            custody,
            ..document
        }])
        .unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
    }
}

#[test]
fn a_pattern_or_a_bare_address_is_no_name_for_resolve() {
    for (host, address) in [
        ("*.vault.azure.net", "127.0.0.1:1"),
        ("127.0.0.1", "127.0.0.1:1"),
        ("kv.vault.azure.net", "127.0.0.1"),
        ("kv.vault.azure.net", "localhost:1"),
    ] {
        let text = valid() + &format!("[danger]\nresolve = {{ \"{host}\" = \"{address}\" }}\n");
        assert_eq!(problems(&text).len(), 1, "{host} {address}");
    }
}
