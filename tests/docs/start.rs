//! README.md, docs/quick-start.md and docs/init.md: from nothing to a login.

use pimento::emulator::Scenario;
use pimento::emulator::scenario::{AzureRole, Policy, Role, vault_path};

use crate::reader::Reader;
use crate::support::USER;
use crate::support::terminal::Terminal;
use crate::walk::Walk;

/// Somebody who is eligible for a role on the vault, and has `az`.
async fn eligible() -> Reader {
    let mut scenario = Scenario::example().unwrap();
    scenario.eligibilities.clear();
    scenario.azure_roles = vec![AzureRole {
        scope: vault_path("kv-linux"),
        role: Role::SecretsUser,
        policy: Policy::default(),
        eligible: vec![USER.to_owned()],
        through: None,
        end: None,
        assigned: Vec::new(),
    }];
    let reader = Reader::unconfigured(scenario).await;
    std::fs::remove_dir_all(reader.home.path("bin")).unwrap();
    reader.home.add_azure_cli();
    reader.reaches(reader.home.sshd.port, &reader.home.sshd.host_key());
    reader
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_leads_to_a_demo_and_by_az_login_to_a_login() {
    let page = Walk::of("README");
    let reader = eligible().await;
    let mut terminal = Terminal::run(&reader.shell(&page.block("az-login")));
    let (well, shown) = terminal.ends();
    println!("{shown}");
    assert!(well);
    let demo = reader.ok(&page.block("try"));
    println!("{demo:?}");
}
