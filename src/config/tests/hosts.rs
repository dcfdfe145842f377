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

#[test]
fn a_cloud_names_all_its_services_at_once() {
    for (cloud, authority, graph, arm, vault) in [
        (
            "china",
            "login.partner.microsoftonline.cn",
            "microsoftgraph.chinacloudapi.cn",
            "management.chinacloudapi.cn",
            "vault.azure.cn",
        ),
        (
            "us-gov",
            "login.microsoftonline.us",
            "graph.microsoft.us",
            "management.usgovcloudapi.net",
            "vault.usgovcloudapi.net",
        ),
    ] {
        let text = valid()
            .replacen("client_id", &format!("cloud = \"{cloud}\"\nclient_id"), 1)
            .replace("kv-linux.vault.azure.net", &format!("kv-linux.{vault}"));
        let config = Config::parse(&text, &paths()).unwrap();
        let tenant = &config.tenants[0];
        let found = [&tenant.authority, &tenant.graph, &tenant.arm].map(|url| url.host_str());
        assert_eq!(found, [Some(authority), Some(graph), Some(arm)]);
        assert_eq!(tenant.cloud.vault_audience(), format!("https://{vault}/"));
    }
}

#[test]
fn a_vault_in_another_cloud_than_its_tenant_is_refused() {
    let problem = problem("client_id", "cloud = \"china\"\nclient_id");
    assert!(problem.what.contains("cloud = \"china\""), "{problem}");
    let unknown = problems(&valid().replacen("client_id", "cloud = \"germany\"\nclient_id", 1));
    assert!(unknown[0].what.contains("cloud"), "{unknown:?}");
}
