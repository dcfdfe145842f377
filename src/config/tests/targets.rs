//! Windows: a group, or an Azure role.

use super::*;
use crate::catalog::{AccessId, Target};

const VAULT: &str = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv-linux";
const GROUP: &str = "group = \"66666666-2222-3333-4444-555555555555\"";

fn role(fields: &str) -> String {
    valid().replace(GROUP, fields)
}

fn wrong(text: &str) -> Problem {
    let mut problems = problems(text);
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.remove(0)
}

#[test]
fn a_window_of_a_role_has_a_scope_and_a_role() {
    let text = role(&format!(
        "scope = \"{VAULT}\"\nrole = \"Key Vault Secrets User\""
    ));
    let config = Config::parse(&text, &paths()).unwrap();
    let Target::AzureRole { scope, role } = &config.windows[0].target else {
        panic!("{:?}", config.windows[0].target);
    };
    assert_eq!(scope.as_str(), VAULT);
    assert_eq!(
        role.id().to_string(),
        "4633458b-17de-408a-b874-0445c86b69e6"
    );
}

#[test]
fn a_window_of_a_group_is_one_of_membership_unless_it_says_owner() {
    let config = changed(GROUP, &format!("{GROUP}\naccess = \"owner\""));
    let owner = |target: &Target| {
        matches!(
            target,
            Target::Group {
                access: AccessId::Owner,
                ..
            }
        )
    };
    assert!(owner(&config.windows[0].target));
    let config = Config::parse(&valid(), &paths()).unwrap();
    assert!(!owner(&config.windows[0].target));
}

#[test]
fn a_window_is_not_both_of_a_group_and_of_a_role() {
    let problem = wrong(&role(&format!("{GROUP}\nrole = \"Key Vault Reader\"")));
    assert!(problem.what.contains("both"), "{problem}");
    assert!(problem.remedy.contains("two windows"), "{problem}");
    let access = format!("access = \"owner\"\nscope = \"{VAULT}\"\nrole = \"Key Vault Reader\"");
    assert!(wrong(&role(&access)).remedy.contains("or remove access"));
}

#[test]
fn a_role_without_scope_a_scope_without_role_and_neither_are_told() {
    let problem = wrong(&role("role = \"Key Vault Secrets User\""));
    assert!(problem.what.ends_with("has no scope"), "{problem}");
    let problem = wrong(&role(&format!("scope = \"{VAULT}\"")));
    assert!(problem.what.ends_with("has no role"), "{problem}");
    let problem = wrong(&role(""));
    assert!(problem.what.ends_with("has no group"), "{problem}");
    assert!(problem.remedy.contains("scope and role"), "{problem}");
}

#[test]
fn a_scope_that_is_no_path_of_a_resource_is_refused() {
    for bad in [
        "kv-linux",
        "/subscriptions/prod",
        &format!("{VAULT}/../kv-other"),
        &format!("{VAULT}?x=y"),
    ] {
        let text = role(&format!(
            "scope = \"{bad}\"\nrole = \"Key Vault Secrets User\""
        ));
        let problem = wrong(&text);
        assert!(
            problem.remedy.contains("az keyvault show"),
            "{bad}: {problem}"
        );
    }
}

#[test]
fn a_role_that_is_not_known_by_name_needs_its_guid() {
    let with = |name: &str| wrong(&role(&format!("scope = \"{VAULT}\"\nrole = \"{name}\"")));
    let near = with("Key Vault Secret User");
    assert_eq!(near.remedy, "did you mean \"Key Vault Secrets User\"?");
    let custom = with("Ops Emergency");
    assert!(
        custom
            .remedy
            .contains("az role definition list --name \"Ops Emergency\""),
        "{custom}"
    );
}

#[test]
fn the_azure_cli_may_open_a_role() {
    let text = role(&format!(
        "scope = \"{VAULT}\"\nrole = \"Key Vault Secrets User\""
    ));
    let signed_in = |method: &str| {
        let client = "client_id = \"11111111-2222-3333-4444-555555555555\"";
        text.replace(client, &format!("sign_in = \"{method}\""))
    };
    let config = Config::parse(&signed_in("azure-cli"), &paths()).unwrap();
    assert_eq!(config.tenants[0].client_id, None);
}

#[test]
fn resource_manager_is_asked_only_on_hosts_of_microsofts() {
    let with =
        |host: &str| valid().replace("[window.", &format!("arm = \"https://{host}\"\n[window."));
    let config = Config::parse(&with("management.usgovcloudapi.net"), &paths()).unwrap();
    assert_eq!(
        config.tenants[0].arm.host_str(),
        Some("management.usgovcloudapi.net")
    );
    for bad in [
        "management.azure.com.evil.example",
        "evil.example",
        "management.azure.com/x",
    ] {
        assert_eq!(
            wrong(&with(bad)).file.file_name(),
            paths().config.file_name(),
            "{bad}"
        );
    }
}
