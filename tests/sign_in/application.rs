//! Applications that sign in as themselves, by a certificate or by a token of their cluster.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use pimento::catalog::Tenant;
use pimento::cloud::{Cloud, CorrelationId, Freshness, Network, Resource};
use pimento::config::Config;
use pimento::emulator::Scenario;
use pimento::emulator::scenario::{AzureRole, Role, vault_path};
use pimento::prompt::{Browser, Environment};

use crate::support::application::{
    APP, APP_ID, AUDIENCE, Certified, ISSUER, Issuer, SUBJECT, registered,
};
use crate::support::clock::WorldClock;
use crate::support::home::{Home, Running, text};
use crate::support::paths;

const TENANT: &str = "3c1f0f3a-52b1-4b26-9d0e-5d6c8c1d7a10";

/// A home whose tenant `app` is signed in to by an application.
pub(crate) struct Shop {
    pub(crate) home: Home,
    certified: Certified,
    issuer: Issuer,
}

impl Shop {
    /// With these lines about the application in `[tenant.app]`.
    async fn with(lines: &str) -> Self {
        let (certified, issuer) = (Certified::until(2099), Issuer::new());
        let mut scenario = Scenario::example().unwrap();
        scenario
            .applications
            .push(registered(&[&certified], &issuer));
        scenario.azure_roles.push(AzureRole {
            scope: vault_path("kv-appliances"),
            role: Role::SecretsUser,
            policy: pimento::emulator::scenario::Policy::default(),
            eligible: Vec::new(),
            through: None,
            end: None,
            assigned: vec![APP.to_owned()],
        });
        let home = Home::in_scenario(scenario).await;
        let own = format!(
            "[tenant.app]\n{lines}\n\
             [window.app]\ntenant = \"app\"\nrole = \"Key Vault Secrets User\"\nscope = {:?}\n\
             [vault.app]\nurl = \"https://kv-appliances.vault.azure.net\"\nwindow = \"app\"\n\
             [password.enable]\nvault = \"app\"\nsecret = \"switch-enable\"\n",
            vault_path("kv-appliances"),
        );
        let home = home.configured(|text| own + &text);
        Self {
            home,
            certified,
            issuer,
        }
    }

    pub(crate) async fn by_certificate() -> Self {
        let lines = format!(
            "id = \"{TENANT}\"\nclient_id = \"{APP}\"\nsign_in = \"client-certificate\"\n\
             certificate_file = \"app.pem\""
        );
        let shop = Self::with(&lines).await;
        shop.put("app.pem", &shop.certified.file(), 0o600);
        shop
    }

    async fn by_token(token: &str) -> Self {
        let lines = format!(
            "id = \"{TENANT}\"\nclient_id = \"{APP}\"\nsign_in = \"workload-identity\"\n\
             token_file = \"token\""
        );
        let shop = Self::with(&lines).await;
        shop.put("token", token, 0o644);
        shop
    }

    /// The tenant that the application signs in to.
    pub(crate) fn tenant(&self) -> Arc<Tenant> {
        let file = self.home.path("config.toml");
        let config = Config::load(&paths(self.home.folder.path(), &file)).unwrap();
        let mut tenants = config.tenants.into_iter();
        tenants.find(|it| it.name.as_str() == "app").unwrap()
    }

    fn put(&self, name: &str, content: &str, mode: u32) {
        let path = self.home.path(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }

    fn asked(&self) -> u64 {
        self.home.emulator.count("entra.token.client_credentials")
    }

    fn login(&self) -> Output {
        self.home.run(&["login", "app"])
    }

    /// That nobody is signed in, and that this is said of why and how to mend it.
    fn refused(&self, said: &[&str]) {
        let refused = self.login();
        assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stdout));
        let told = text(&refused.stderr);
        for part in said {
            assert!(told.contains(part), "{part}: {told}");
        }
    }

    /// What every application can do: read what is assigned to it, and nothing is activated.
    fn reads(&self) {
        let login = self.login();
        assert_eq!(
            text(&login.stdout),
            format!("signed in to app as application {APP}\n"),
            "{}",
            text(&login.stderr)
        );
        let password = self.home.run(&["password", "enable"]);
        let told = text(&password.stderr);
        assert_eq!(password.status.code(), Some(0), "{told}");
        let value = self.home.emulator.change(|world| {
            let value = world.secret("kv-appliances", "switch-enable");
            value.unwrap().to_owned()
        });
        assert_eq!(text(&password.stdout).trim_end(), value);
        let calls = self.home.emulator.calls();
        let asks = calls.iter().filter(|it| it.contains("Requests"));
        assert_eq!(asks.count(), 0, "{calls:?}");
        // One token for Resource Manager, kept, and one for the vault.
        assert_eq!(self.asked(), 2, "{calls:?}");
    }
}

/// The cloud of a shop, at the time of `clock`.
pub(crate) fn cloud(shop: &Shop, clock: &Arc<WorldClock>) -> Cloud {
    let network = Network {
        ca_pem: Some(shop.home.emulator.ca_pem().as_bytes().to_vec()),
        resolve: shop.home.emulator.resolve(),
    };
    let nobody = Arc::new(Browser::new(Environment::default()));
    let minute = Duration::from_secs(60);
    Cloud::connect(&network, Arc::clone(clock) as _, minute, nobody).unwrap()
}

fn talkative(shop: &Shop) -> Running {
    shop.home.agent_with(&[("PIMENTO_LOG", "trace")])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_signs_in_and_reads_what_is_assigned_for_good() {
    let shop = Shop::by_certificate().await;
    let agent = talkative(&shop);
    shop.reads();
    let seen = shop.home.emulator.change(|world| world.seen().to_vec());
    let assertions: Vec<String> = seen
        .iter()
        .flat_map(|seen| seen.form.iter())
        .filter(|(name, _)| name == "client_assertion")
        .map(|(_, said)| said.clone())
        .collect();
    assert_eq!(assertions.len(), 2);
    assert_ne!(
        assertions[0], assertions[1],
        "one assertion was shown twice"
    );
    let said = agent.1.lock().unwrap().clone();
    assert!(!said.is_empty());
    for line in shop.certified.key.lines().filter(|line| line.len() > 60) {
        assert!(!said.contains(line), "a line of the key is in the log");
    }
    assert!(
        !said.contains("client_assertion=ey"),
        "an assertion is in the log"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_of_the_cluster_signs_in_and_reads_what_is_assigned_for_good() {
    let issuer = Issuer::new();
    let shop = Shop::by_token("").await;
    shop.put("token", &shop.issuer.good(), 0o644);
    let agent = talkative(&shop);
    shop.reads();
    let said = agent.1.lock().unwrap().clone();
    let signature = shop.issuer.good();
    let (_, signature) = signature.rsplit_once('.').unwrap();
    assert!(!said.contains(signature), "the token is in the log");
    // Of the same name, by another key.
    shop.home.run(&["logout", "app"]);
    shop.put("token", &issuer.good(), 0o644);
    shop.refused(&["does not take the signature", "issuer"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_says_all_of_it_in_the_environment() {
    let shop = Shop::with("sign_in = \"workload-identity\"").await;
    shop.put("token", &shop.issuer.good(), 0o644);
    let file = shop.home.path("token");
    let variables = [
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/"),
        ("AZURE_CLIENT_ID", APP),
        ("AZURE_TENANT_ID", TENANT),
        ("AZURE_FEDERATED_TOKEN_FILE", file.to_str().unwrap()),
    ];
    let _agent = shop.home.agent_with(&variables);
    shop.reads();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_rotated_is_read_anew() {
    let shop = Shop::by_token("").await;
    let late = shop.issuer.token(ISSUER, SUBJECT, AUDIENCE, -600);
    shop.put("token", &late, 0o644);
    let _agent = shop.home.agent();
    shop.refused(&["has expired", "renewed"]);
    shop.put("token", &(shop.issuer.good() + "\n"), 0o644);
    let login = shop.login();
    assert_eq!(login.status.code(), Some(0), "{}", text(&login.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_entra_does_not_trust_is_told_with_what_it_says() {
    let shop = Shop::by_token("").await;
    let _agent = shop.home.agent();
    let other = "system:serviceaccount:ops:another";
    for (issuer, subject, audience) in [
        ("https://oidc.elsewhere.example/", SUBJECT, AUDIENCE),
        (ISSUER, other, AUDIENCE),
        (ISSUER, "system:serviceaccount:OPS:pimento", AUDIENCE),
        (ISSUER, SUBJECT, "https://kubernetes.default.svc"),
    ] {
        let token = shop.issuer.token(issuer, subject, audience, 3600);
        shop.put("token", &token, 0o644);
        let command = format!("az ad app federated-credential create --id {APP}");
        shop.refused(&[
            "no federated credential",
            &command,
            issuer,
            subject,
            audience,
        ]);
    }
    assert_eq!(shop.asked(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_token_is_not_sent() {
    let shop = Shop::by_token("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n").await;
    let _agent = shop.home.agent();
    shop.refused(&["holds no token", "api://AzureADTokenExchange"]);
    fs::remove_file(shop.home.path("token")).unwrap();
    shop.refused(&["cannot be read", "token_file"]);
    assert_eq!(shop.asked(), 0);
}

/// The same file, whose key has a passphrase.
fn locked(certified: &Certified) -> String {
    let folder = tempfile::tempdir().unwrap();
    let plain = folder.path().join("key.pem");
    fs::write(&plain, &certified.key).unwrap();
    let openssl = Command::new("openssl")
        .args([
            "pkcs8",
            "-topk8",
            "-v2",
            "aes-256-cbc",
            "-passout",
            "pass:hunter2",
            "-in",
        ])
        .arg(&plain)
        .output()
        .unwrap();
    let key = text(&openssl.stdout);
    assert!(key.contains("ENCRYPTED PRIVATE KEY"), "{openssl:?}");
    format!("{key}{}", certified.certificate)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_file_that_does_not_serve_is_refused_before_anything_is_sent() {
    let shop = Shop::by_certificate().await;
    let _agent = shop.home.agent();
    let (good, old, other) = (
        &shop.certified,
        Certified::until(2021),
        Certified::until(2099),
    );
    shop.put("app.pem", &good.file(), 0o644);
    shop.refused(&["others can read", "chmod 600"]);
    shop.put("app.pem", &old.file(), 0o600);
    shop.refused(&["to 2021-12-31", "az ad app credential reset"]);
    shop.put(
        "app.pem",
        &format!("{}{}", other.key, good.certificate),
        0o600,
    );
    shop.refused(&["not the certificate's"]);
    shop.put("app.pem", &locked(good), 0o600);
    shop.refused(&["passphrase", "certificate_file"]);
    shop.put("app.pem", &good.certificate, 0o600);
    shop.refused(&["without its key", "certificate_file"]);
    shop.put("app.pem", &good.key, 0o600);
    shop.refused(&["no certificate in it"]);
    fs::remove_file(shop.home.path("app.pem")).unwrap();
    shop.refused(&["cannot be read"]);
    assert_eq!(shop.asked(), 0);
    // What systemd lends to a service, its group may read.
    shop.put("app.pem", &good.file(), 0o440);
    assert_eq!(shop.login().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_entra_does_not_know_is_told_with_who_registers_it() {
    let shop = Shop::by_certificate().await;
    let _agent = shop.home.agent();
    shop.put("app.pem", &Certified::until(2099).file(), 0o600);
    let command = format!("az ad app credential reset --id {APP}");
    shop.refused(&["not registered", &command]);
    assert_eq!(shop.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_is_assigned_nothing_opens_nothing_and_asks_pim_for_nothing() {
    let shop = Shop::by_certificate().await;
    shop.home
        .emulator
        .change(|world| world.scenario.azure_roles[0].assigned.clear());
    let _agent = shop.home.agent();
    assert_eq!(shop.login().status.code(), Some(0));
    let refused = shop.home.run(&["open", "app", "--reason", "x"]);
    assert_eq!(refused.status.code(), Some(6));
    let told = text(&refused.stderr);
    for part in [
        "az role assignment create",
        APP_ID,
        "Key Vault Secrets User",
        "only people",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let doctor = text(&shop.home.run(&["doctor", "--json"]).stdout);
    assert!(doctor.contains("az role assignment create"), "{doctor}");
    let calls = shop.home.emulator.calls();
    assert!(!calls.iter().any(|it| it.ends_with("create")), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_nothing_wrong_with_an_application_that_has_its_role() {
    let shop = Shop::by_certificate().await;
    let _agent = shop.home.agent();
    shop.reads();
    let doctor = shop.home.run(&["doctor", "--json"]);
    let said: serde_json::Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let of = |check: &str, subject: &str| {
        let findings = said["findings"].as_array().unwrap().iter();
        let mut found = findings.filter(|it| it["check"] == check && it["subject"] == subject);
        found.next().unwrap_or_else(|| panic!("no {check}: {said}"))["verdict"].clone()
    };
    for (check, subject, verdict) in [
        ("sign-in", "app", "ok"),
        ("arm-token", "app", "ok"),
        ("vault-token", "app", "ok"),
        ("eligibility", "app", "ok"),
        ("policy", "app", "skipped"),
        ("secret", "enable", "ok"),
    ] {
        assert_eq!(of(check, subject), verdict, "{check}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_person_signs_in_in_the_place_of_an_application() {
    let shop = Shop::by_certificate().await;
    let _agent = shop.home.agent();
    for flag in ["--browser", "--device-code"] {
        let refused = shop.home.run(&["login", "app", flag]);
        assert_eq!(refused.status.code(), Some(3), "{flag}");
        let told = text(&refused.stderr);
        assert!(told.contains("by client-certificate"), "{told}");
    }
    assert_eq!(shop.home.emulator.calls(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_kept_until_its_end_is_near_and_then_asked_for_anew() {
    let shop = Shop::by_certificate().await;
    let clock = Arc::new(WorldClock::new(1));
    let (cloud, tenant) = (cloud(&shop, &clock), shop.tenant());
    let token = async || {
        let id = CorrelationId::new();
        let token = cloud
            .identity
            .token(&tenant, Resource::Arm, Freshness::Cached, id);
        drop(token.await.unwrap());
    };
    let pass = |minutes: u64| {
        let span = Duration::from_secs(minutes * 60);
        clock.advance(span);
        shop.home.emulator.change(|world| world.advance(span));
    };
    token().await;
    pass(69);
    token().await;
    assert_eq!(shop.asked(), 1);
    // Entra's token is for 75 minutes.
    pass(2);
    token().await;
    assert_eq!(shop.asked(), 2);
}
