//! docs/azure-setup.md, docs/doctor.md and docs/sign-in.md: what is typed at the Azure CLI, as far as
//! its stand-in goes, which notes what it is asked for; and what follows from it here.

use std::fs;
use std::path::Path;

use pimento::emulator::Scenario;
use pimento::emulator::scenario::{Application, AzureRole, Policy, Role, vault_path};

use crate::reader::Reader;
use crate::support::application::{APP, APP_ID};
use crate::walk::Walk;

/// Puts the stand-in of `tests/admin` on the path.
fn add_az(reader: &Reader) {
    let az = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admin/export/az");
    let az = fs::read_to_string(az).unwrap();
    reader.writes("bin/az", &az, 0o755);
    fs::create_dir(reader.home.path("calls")).unwrap();
}

/// Runs a script with it.
fn run(reader: &Reader, script: &str) -> String {
    let ran = reader.ok(&format!("export CALLS=$HOME/calls\n{script}"));
    ran.out
}

/// What it was asked for, one call a line.
fn calls(reader: &Reader) -> String {
    reader
        .ok("for it in calls/*.call; do tr '\\n' ' ' < $it; echo; done")
        .out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_set_up_step_by_step() {
    let page = Walk::of("docs/azure-setup");
    let reader = Reader::new().await;
    add_az(&reader);
    // The steps of the page are one story, in one shell.
    let steps = [
        "sign-in",
        "register",
        "device-code",
        "permissions",
        "role-permission",
        "consent",
        "group",
        "vault",
    ];
    let mut script: String = steps.iter().map(|step| page.block(step)).collect();
    script += &page
        .block("log")
        .replace("<log analytics workspace id>", "/workspace");
    reader.writes("db01-root.txt", "s3cret", 0o600);
    script += &page.block("secrets");
    let public = run(&reader, &script);
    assert!(public.contains("\nssh-ed25519 AAAA"), "{public}");
    assert!(!reader.home.path("web-root").exists());
    let called = calls(&reader);
    assert_eq!(
        called.matches("permission add --id 7d9b0c3e-").count(),
        6,
        "{called}"
    );
    let granted = "--assignee-object-id 8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b --assignee-principal-type Group \
        --scope /subscriptions/s/resourceGroups/ops/providers/Microsoft.KeyVault/vaults/kv-linux ";
    assert!(called.contains(granted), "{called}");
    let officer = |what| {
        called
            .matches(&format!(
                "role assignment {what} --role Key Vault Secrets Officer"
            ))
            .count()
    };
    assert_eq!((officer("create"), officer("delete")), (1, 1), "{called}");
    is_exported(&page, &reader);
    // The configuration: that of docs/configuration.md.
    reader.ok(&page.block("first-login"));
    assert_eq!(reader.recorded("released"), 1);
    let tiers = page.block("tiers");
    let example = reader.example();
    let (tenant, _) = example.split_once("[window").unwrap();
    reader.configures(&format!("{tenant}{tiers}"));
    let exported = reader.ok("pimento export --az").out;
    assert!(exported.contains("ELIGIBLE_DOMAIN"), "{exported}");
    let role = page
        .block("role")
        .replace("SUBSCRIPTION", "129ff972-28f8-46b8-a726-e497be039368");
    reader.configures(&role);
    let exported = reader.ok("pimento export --az").out;
    assert!(
        exported.contains("set -- groups pim vaults\n"),
        "{exported}"
    );
}

fn is_exported(page: &Walk, reader: &Reader) {
    fs::remove_dir_all(reader.home.path("calls")).unwrap();
    fs::create_dir(reader.home.path("calls")).unwrap();
    let who = "b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9a1111";
    run(reader, &page.block("export").replace("<object id>", who));
    let called = calls(reader);
    assert_eq!(
        called.matches("eligibilityScheduleRequests").count(),
        2,
        "{called}"
    );
    assert!(called.contains("--template-file vaults.bicep"), "{called}");
    let terraform = fs::read_to_string(reader.home.path("pimento.tf")).unwrap();
    assert!(terraform.contains("azuread_group"), "{terraform}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sees_where_a_vault_sends_its_log() {
    let page = Walk::of("docs/doctor");
    let reader = Reader::new().await;
    add_az(&reader);
    run(&reader, &page.block("vault-log"));
    let called = calls(&reader);
    assert!(
        called.contains("diagnostic-settings list --resource /subscriptions/s/"),
        "{called}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_signs_in_by_the_certificate_that_openssl_makes() {
    let page = Walk::of("docs/sign-in");
    let maker = Reader::new().await;
    add_az(&maker);
    maker.ok(&page.block("certificate").replace(
        "az ad app",
        "cp certificate.pem registered.pem; CALLS=$HOME/calls az ad app",
    ));
    assert_eq!(
        calls(&maker),
        "ad app credential reset --id CLIENT_ID --cert @certificate.pem --append \n"
    );
    assert!(!maker.home.path("key.pem").exists());
    let read = |name: &str| fs::read_to_string(maker.home.path(name)).unwrap();
    let scenario = with_application(&read("registered.pem"));
    let reader = Reader::unconfigured(scenario).await;
    let file = reader.home.path("reports.pem");
    reader.writes("reports.pem", &read("reports.pem"), 0o600);
    let tenants = page
        .block("applications")
        .replace("11111111-2222-3333-4444-555555555555", APP);
    let tenants = tenants.replace("/etc/pimento/reports.pem", file.to_str().unwrap());
    reader.configures(&format!(
        "{tenants}[window.app]\ntenant = \"reports\"\nrole = \"Key Vault Secrets User\"\nscope = {:?}\n\
         [vault.app]\nurl = \"https://kv-appliances.vault.azure.net\"\nwindow = \"app\"\n\
         [password.enable]\nvault = \"app\"\nsecret = \"switch-enable\"\n",
        vault_path("kv-appliances")
    ));
    // What a cluster puts into the environment.
    let cluster = format!(
        "env AZURE_TENANT_ID=contoso.onmicrosoft.com AZURE_CLIENT_ID={APP} AZURE_FEDERATED_TOKEN_FILE=/token"
    );
    let _agent = reader.starts(&format!("{cluster} pimento agent"));
    reader.types(
        &format!("export {}; pimento password enable", &cluster[4..]),
        0,
        "pw-",
    );
    two_accounts(&page).await;
}

/// A tenant in which an application may read the secrets of a vault, and signs in by this certificate.
fn with_application(certificate: &str) -> Scenario {
    let mut scenario = Scenario::example().unwrap();
    scenario.applications.push(Application {
        client_id: APP.to_owned(),
        redirect_uris: Vec::new(),
        consented: Vec::new(),
        service_principal: Some(APP_ID.to_owned()),
        certificates: vec![certificate.to_owned()],
        federations: Vec::new(),
    });
    scenario.azure_roles.push(AzureRole {
        scope: vault_path("kv-appliances"),
        role: Role::SecretsUser,
        policy: Policy::default(),
        eligible: Vec::new(),
        through: None,
        end: None,
        assigned: vec![APP.to_owned()],
    });
    scenario
}

/// Two accounts of one tenant, each with a sign-in of its own.
async fn two_accounts(page: &Walk) {
    let reader = Reader::new().await;
    let (_, rest) = reader
        .example()
        .split_once("[window")
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    reader.configures(&format!("{}[window{rest}", page.block("accounts")));
    let _agent = reader.starts("pimento agent");
    reader.types(
        "pimento login contoso-admin; pimento status",
        0,
        "contoso-admin  mia@",
    );
}
