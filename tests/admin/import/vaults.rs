//! What the vault says to a new secret, and through which window it is written.

use pimento::emulator::Scenario;
use pimento::emulator::scenario::{Fault, Grant, Role};

use super::{code, officer, piped, record};
use crate::support::home::{Home, text};

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_lets_only_read_is_refused_with_the_role_that_lacks() {
    let home = Home::new().await;
    let _agent = home.agent();
    home.sign_in();
    crate::doctor::open(&home);
    let refused = piped(&home, &["db01-root", "--replace"], b"s3cret");
    let said = text(&refused.stderr);
    assert_eq!(code(&refused), Some(6), "{said}");
    let command = "az role assignment create --role \"Key Vault Secrets Officer\" --assignee-object-id 8f3c2d10-";
    assert!(said.contains(command), "{said}");
    let events: Vec<String> = record(&home)
        .iter()
        .map(|it| it["event"].as_str().unwrap().to_owned())
        .collect();
    assert!(
        events.ends_with(&["storing".to_owned(), "refused".to_owned()]),
        "{events:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_a_deleted_secret_is_refused_with_the_command_that_brings_it_back() {
    let (home, _agent) = officer().await;
    let body = r#"{"error":{"code":"Conflict","message":"Secret new-ssh is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.","innererror":{"code":"ObjectIsDeletedButRecoverable"}}}"#;
    home.emulator.change(|cloud| {
        cloud.fault(Fault {
            operation: "vault.secret.set".to_owned(),
            times: Some(1),
            status: Some(409),
            body: Some(body.to_owned()),
            ..Fault::default()
        });
    });
    let new = [
        "ops",
        "--password",
        "--vault",
        "linux",
        "--secret",
        "new-ssh",
    ];
    let refused = piped(&home, &new, b"s3cret");
    let said = text(&refused.stderr);
    assert_eq!(code(&refused), Some(1), "{said}");
    assert!(
        said.contains("az keyvault secret recover --vault-name kv-linux --name new-ssh"),
        "{said}"
    );
    assert!(piped(&home, &new, b"s3cret").status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_gives_back_something_else_is_told() {
    let (home, _agent) = officer().await;
    let body = r#"{"value":"s3crets","id":"https://kv-linux.vault.azure.net/secrets/ops/0123456789abcdef0123456789abcdef","attributes":{"enabled":true}}"#;
    home.emulator.change(|cloud| {
        cloud.fault(Fault {
            operation: "vault.secret.get".to_owned(),
            times: Some(1),
            body: Some(body.to_owned()),
            ..Fault::default()
        });
    });
    let new = ["ops", "--password", "--vault", "linux", "--secret", "ops"];
    let told = piped(&home, &new, b"s3cret");
    assert_eq!(code(&told), Some(1));
    assert!(
        text(&told.stderr).contains("something else than was stored"),
        "{}",
        text(&told.stderr)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_may_write_serves_a_key_that_is_read_through_another() {
    let mut scenario = Scenario::example().unwrap();
    let writers = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6c";
    let group = scenario.groups.iter_mut().find(|it| it.id == writers);
    group.unwrap().policy.approvers.clear();
    let vault = scenario.vaults.iter_mut().find(|it| it.name == "kv-linux");
    vault.unwrap().grants.push(Grant {
        group: Some(writers.to_owned()),
        user: None,
        role: Role::SecretsOfficer,
    });
    let home = Home::in_scenario(scenario).await.configured(|config| {
        let entries = format!(
            "[window.write]\ntenant = \"contoso\"\ngroup = \"{writers}\"\n\
             [vault.write]\nurl = \"https://kv-linux.vault.azure.net\"\nwindow = \"write\"\n\
             [vault.other]\nurl = \"https://kv-appliances.vault.azure.net\"\nwindow = \"write\"\n[danger]"
        );
        config.replacen("[danger]", &entries, 1)
    });
    let _agent = home.agent();
    home.sign_in();
    assert!(home.run(&["password", "db01-root"]).status.success());
    let through = |vault| {
        [
            "db01-root",
            "--replace",
            "--vault",
            vault,
            "--reason",
            "test",
        ]
    };
    let refused = piped(&home, &through("other"), b"s3cret");
    assert_eq!(code(&refused), Some(2), "{}", text(&refused.stderr));
    let refused = piped(&home, &through("linux"), b"s3cret");
    assert_eq!(code(&refused), Some(6), "{}", text(&refused.stderr));
    let done = piped(&home, &through("write"), b"s3cret");
    assert_eq!(code(&done), Some(0), "{}", text(&done.stderr));
    // Though the other window still held the version before.
    let read = home.run(&["password", "db01-root"]);
    assert_eq!(text(&read.stdout), "s3cret\n");
}
