#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]
#![cfg(feature = "emulator")]
//! Microsoft's own Python clients (`msal`, `azure-identity`, `azure-keyvault-secrets`, `azure-keyvault-keys`) against
//! the emulator: judges of it that nobody here wrote. The scripts are in `microsoft_clients/`.

#[path = "support/application.rs"]
mod application;
#[path = "microsoft_clients/asked.rs"]
mod asked;
#[path = "support/python.rs"]
mod python;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use application::{APP, APP_ID, AUDIENCE, Certified, Issuer, SUBJECT};
use pimento::catalog::SignInMethod;
use pimento::emulator::{Emulator, Options, Scenario};
use python::python;
use serde_json::json;

const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const GROUP: &str = "00000000-0000-4000-8000-000000000001";

#[tokio::test(flavor = "multi_thread")]
async fn msal_signs_in_by_device_code_and_by_browser() {
    passes("sign_in.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_identity_signs_in_by_device_code_and_by_browser_and_hears_a_step_up() {
    passes("identity.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keyvault_secrets_is_let_in_by_a_new_token_within_the_window_only() {
    passes("secrets_and_window.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keyvault_keys_signs_what_its_public_half_verifies() {
    passes("keys.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pimento_asks_for_tokens_as_msal_does() {
    let Some(python) = python() else { return };
    let emulator = emulator().await;
    let text = std::fs::read_to_string(folder().join("token_requests.py")).unwrap();
    let output = script(&python, &emulator, &text);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let theirs = asked::requests(&emulator);
    emulator.change(pimento::emulator::World::reset_counts);
    asked::ours(&emulator).await;
    agree(&asked::requests(&emulator), &theirs);
}

fn agree(ours: &[asked::Asked], theirs: &[asked::Asked]) {
    let kinds = |asked: &[asked::Asked]| asked.iter().map(|it| it.kind.clone()).collect::<Vec<_>>();
    assert_eq!(kinds(ours), kinds(theirs));
    let pairs = ours.iter().zip(theirs);
    let found = pairs.map(|(ours, theirs)| (ours.kind.clone(), ours.differences(theirs)));
    let found: Vec<_> = found
        .filter(|(_, differences)| !differences.is_empty())
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn azure_identity_signs_an_application_in_and_is_refused_where_entra_refuses() {
    let Some(python) = python() else { return };
    let shop = Shop::start().await;
    let output = shop.script(&python, true);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{:?}\n{told}",
        shop.emulator.calls()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pimento_asks_as_an_application_as_azure_identity_does() {
    let Some(python) = python() else { return };
    let shop = Shop::start().await;
    let output = shop.script(&python, false);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let theirs = asked::requests(&shop.emulator);
    assert_eq!(theirs.len(), 4);
    shop.emulator.change(pimento::emulator::World::reset_counts);
    for (method, file) in [
        (SignInMethod::ClientCertificate, "app.pem"),
        (SignInMethod::WorkloadIdentity, "token"),
    ] {
        let proof = shop.folder.path().join(file);
        asked::as_application(&shop.emulator, method, proof).await;
    }
    agree(&asked::requests(&shop.emulator), &theirs);
}

/// An emulator that knows an application, and the application's files.
struct Shop {
    emulator: Emulator,
    folder: tempfile::TempDir,
}

impl Shop {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certified, issuer) = (Certified::until(2099), Issuer::new());
        let mut scenario: Scenario = toml::from_str(include_str!("contracts/world.toml")).unwrap();
        let application = application::registered(&[&certified], &issuer);
        scenario.applications.push(application);
        let emulator = Emulator::start(scenario, Options::default()).await.unwrap();
        let foreign = issuer.token("https://elsewhere.example", SUBJECT, AUDIENCE, 3600);
        for (name, content) in [
            ("app.pem", certified.file()),
            ("unregistered.pem", Certified::until(2099).file()),
            ("token", issuer.good()),
            ("foreign", foreign),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            let own = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(&path, own).unwrap();
        }
        Self { emulator, folder }
    }

    fn script(&self, python: &Path, refusals: bool) -> Output {
        let text = std::fs::read_to_string(folder().join("applications.py")).unwrap();
        let path = |name: &str| self.folder.path().join(name);
        let own = json!({
            "refusals": refusals,
            "application": {
                "id": APP,
                "object_id": APP_ID,
                "certificate": path("app.pem"),
                "unregistered": path("unregistered.pem"),
                "token": path("token"),
                "foreign": path("foreign"),
            },
        });
        script_in(python, &self.emulator, &text, &own)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_fails_fails_its_test() {
    let Some(python) = python() else { return };
    let emulator = emulator().await;
    let output = script(
        &python,
        &emulator,
        "import emulator; emulator.application(); assert False",
    );
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("AssertionError"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_cannot_reach_a_host_that_the_emulator_does_not_have() {
    let Some(python) = python() else { return };
    let emulator = emulator().await;
    let stray = "import emulator, requests; requests.get('https://dev.azure.com/')";
    let output = script(&python, &emulator, stray);
    assert!(!output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("the emulator has no host"), "{told}");
}

async fn passes(name: &str) {
    let Some(python) = python() else { return };
    let emulator = emulator().await;
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    let output = script(&python, &emulator, &text);
    assert!(
        output.status.success(),
        "{name} failed; the emulator saw {:?}\n{}{}",
        emulator.calls(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

async fn emulator() -> Emulator {
    let scenario: Scenario = toml::from_str(include_str!("contracts/world.toml")).unwrap();
    Emulator::start(scenario, Options::default()).await.unwrap()
}

/// Runs a script that finds its world in the environment.
fn script(python: &Path, emulator: &Emulator, text: &str) -> Output {
    script_in(python, emulator, text, &json!({}))
}

/// The same with more in its world.
fn script_in(python: &Path, emulator: &Emulator, text: &str, more: &serde_json::Value) -> Output {
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), emulator.ca_pem()).unwrap();
    let hosts: Vec<String> = emulator
        .resolve()
        .into_iter()
        .map(|(host, _)| host)
        .collect();
    let mut world = json!({
        "hosts": hosts,
        "port": emulator.address().port(),
        "admin": emulator.admin_url(),
        "tenant": TENANT,
        "client_id": CLIENT,
        "user": "mia@contoso.onmicrosoft.com",
        "password": "correct horse",
        "group": GROUP,
        "vault": "https://kv-pim.vault.azure.net",
        "secret": "db01-root",
        "value": "correct horse battery staple",
        "keys": ["ec-p256", "ec-p384", "ec-p521", "rsa-2048"],
    });
    let world_members = world.as_object_mut().unwrap();
    world_members.extend(more.as_object().unwrap().clone());
    // The process is waited for here; the emulator runs on the runtime's other threads.
    tokio::task::block_in_place(|| {
        Command::new(python)
            .args(["-c", text])
            .env("PYTHONPATH", folder())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PIMENTO_WORLD", world.to_string())
            .env("REQUESTS_CA_BUNDLE", ca.path())
            .env("NO_PROXY", "*")
            .output()
            .unwrap()
    })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/microsoft_clients")
}
