//! `docs/recipes/docker.md`, by the protocol that docker speaks with its helpers.

use std::fs;
use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use super::kitchen::{Kitchen, SECRET, told};
use super::page::Page;
use crate::support::home::text;

const BLOCKS: [&str; 4] = ["config", "install", "docker-config", "use"];

async fn kitchen() -> Kitchen {
    let page = Page::at("docs/recipes/docker").with(&BLOCKS);
    let kitchen = Kitchen::with(page, &[], &[("registry-robot", SECRET)]).await;
    kitchen.follow("install", &[]);
    let folder = kitchen.home.path(".docker");
    fs::create_dir(&folder).unwrap();
    let config = kitchen.page.block("docker-config", &[]);
    fs::write(folder.join("config.json"), config).unwrap();
    kitchen
}

/// Calls the helper that docker's configuration names for the registry, as docker does.
fn call(kitchen: &Kitchen, operation: &str, input: &str) -> Output {
    let config = fs::read(kitchen.home.path(".docker/config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    let name = config["credHelpers"]["registry.contoso.com"]
        .as_str()
        .unwrap();
    let mut shell = kitchen.shell(&format!("exec docker-credential-{name} {operation}"));
    shell
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut helper = shell.spawn().unwrap();
    helper
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    helper.wait_with_output().unwrap()
}

fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{}", told(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_gets_its_account_and_password() {
    let kitchen = kitchen().await;
    let expected =
        |server: &str| json!({ "ServerURL": server, "Username": "robot", "Secret": SECRET });
    let server = "registry.contoso.com";
    assert_eq!(answer(&call(&kitchen, "get", server)), expected(server));
    let server = "https://registry.contoso.com/v2/";
    assert_eq!(answer(&call(&kitchen, "get", server)), expected(server));
    let shown: Value = serde_json::from_str(&kitchen.follow("use", &[])).unwrap();
    assert_eq!(shown, expected("registry.contoso.com"));
    let released = kitchen.recorded("released");
    assert_eq!(released.len(), 3);
    assert_eq!(released[0]["to"], "docker");
    assert_eq!(released[0]["host"], "registry.contoso.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_not_configured_is_told_in_dockers_words() {
    let kitchen = kitchen().await;
    for server in ["docker.io", "registry.contoso.com:5000", "db01.contoso.com"] {
        let none = call(&kitchen, "get", server);
        assert_eq!(none.status.code(), Some(1), "{server}");
        let words = "credentials not found in native keychain\n";
        assert_eq!(text(&none.stdout), words, "{server}");
    }
    assert_eq!(kitchen.recorded("released").len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_or_no_registry_is_told_on_stderr_and_stdout_is_empty() {
    let mut kitchen = kitchen().await;
    let refused = |kitchen: &Kitchen, operation: &str, input: &str, why: &str| {
        let output = call(kitchen, operation, input);
        assert!(!output.status.success(), "{operation} {input}");
        assert!(output.stdout.is_empty(), "{}", told(&output));
        assert!(text(&output.stderr).contains(why), "{}", told(&output));
    };
    let server = "registry.contoso.com";
    refused(&kitchen, "get", "http://registry.contoso.com", "over https");
    refused(&kitchen, "get", "", "over https");
    let stored = json!({ "ServerURL": server, "Username": "a", "Secret": "b" }).to_string();
    refused(&kitchen, "store", &stored, "stores no password");
    refused(&kitchen, "erase", server, "stores no password");
    kitchen.ok("pimento lock");
    refused(&kitchen, "get", server, "pimento is locked");
    kitchen.stop_the_agent();
    refused(&kitchen, "get", server, "pimento agent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_empty_and_opens_nothing() {
    let kitchen = kitchen().await;
    assert_eq!(answer(&call(&kitchen, "list", "")), json!({}));
    assert_eq!(kitchen.recorded("asked").len(), 0);
    assert_eq!(kitchen.recorded("opening").len(), 0);
}
