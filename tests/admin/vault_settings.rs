//! What the doctor says of the settings of a vault.

use pimento::emulator::Scenario;
use pimento::emulator::scenario::vault_path;
use serde_json::json;

use crate::doctor::{doctor, ready};
use crate::support::home::{Home, Running};
use crate::support::{GROUP, USER, eligible_for};

/// A home whose window is an Azure role that Mia holds for good, and whose vault she may see.
async fn with_role(change: impl FnOnce(&mut Scenario)) -> (Home, Running) {
    let mut scenario = Scenario::example().unwrap();
    let role = eligible_for(&vault_path("kv-linux"));
    scenario.azure_roles.push(role);
    scenario.vaults[0].readers.push(USER.to_owned());
    change(&mut scenario);
    let home = Home::in_scenario(scenario).await;
    let scope = format!(
        "scope = {:?}\nrole = \"Key Vault Secrets User\"",
        vault_path("kv-linux")
    );
    let home = home.configured(|text| text.replacen(&format!("group = \"{GROUP}\""), &scope, 1));
    let agent = home.agent();
    home.sign_in();
    (home, agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_a_vault_are_told_apart() {
    let mut properties = Vec::new();
    for (name, value, verdict, words) in [
        ("sku", json!({}), "ok", "from everywhere"),
        (
            "publicNetworkAccess",
            json!("Disabled"),
            "ok",
            "private endpoints alone",
        ),
        (
            "enableRbacAuthorization",
            json!(false),
            "failure",
            "opens nothing",
        ),
        ("enableSoftDelete", json!(false), "warning", "gone at once"),
        ("enablePurgeProtection", json!(null), "warning", "purge"),
    ] {
        properties.push((json!({name: value}), verdict, words));
    }
    let (home, _agent) = with_role(|_| ()).await;
    for (properties, verdict, words) in properties {
        let own = properties.as_object().unwrap().clone();
        home.emulator
            .change(|cloud| cloud.scenario.vaults[0].properties = own);
        let said = doctor(&home);
        let (found, reason, remedy) = said.of("vault-settings", "linux");
        assert_eq!(found, verdict, "{reason}");
        assert!(reason.contains(words), "{reason}");
        assert_eq!(remedy.contains("az "), verdict != "ok", "{remedy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_of_a_vault_that_nobody_may_see_are_no_fault() {
    let (home, _agent) = with_role(|scenario| scenario.vaults[0].readers.clear()).await;
    let said = doctor(&home);
    let (verdict, reason, remedy) = said.of("vault-settings", "linux");
    assert_eq!(verdict, "skipped");
    assert!(reason.contains("does not see it"), "{reason}");
    assert!(
        remedy.contains("az keyvault show --name kv-linux"),
        "{remedy}"
    );
    let (home, _agent) = ready().await;
    let said = doctor(&home);
    let (verdict, reason, _) = said.of("vault-settings", "linux");
    assert_eq!(verdict, "skipped");
    assert!(reason.contains("no token"), "{reason}");
    assert_eq!(home.emulator.count("arm.subscriptions"), 0);
}
