//! A step-up for a window of an Azure role.

use pimento::emulator::World;
use pimento::emulator::scenario::{AzureRole, Policy, Role, vault_path};

use super::support::GROUP;
use super::*;

const PUT: &str = "arm.roleAssignmentScheduleRequests.create";

/// Makes the window one of a role on the vault, whose policy asks for the context c1.
async fn with_a_role() -> Person {
    let person = Person::configured(
        |scenario| {
            let policy = Policy {
                authentication_context: Some("c1".to_owned()),
                ..Policy::default()
            };
            scenario.azure_roles = vec![AzureRole {
                scope: vault_path("kv-linux"),
                role: Role::SecretsUser,
                policy,
                eligible: vec![USER.to_owned()],
                through: None,
                end: None,
                assigned: Vec::new(),
            }];
            scenario.vaults.first_mut().unwrap().grants.clear();
        },
        |text| {
            let scope = vault_path("kv-linux");
            let target = format!("scope = \"{scope}\"\nrole = \"Key Vault Secrets User\"");
            text.replace(&format!("group = \"{GROUP}\""), &target)
        },
    );
    let person = person.await;
    person.is_signed_in().await;
    person
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_wants_a_context_leads_to_one_page_and_is_asked_for_once_more() {
    let person = with_a_role().await;
    let asking = person.start(&REVEAL);
    person.sees_page(2).await;
    assert!(
        person.pages()[1].contains("management.azure.com"),
        "{}",
        person.pages()[1]
    );
    person.chromium.shows("authentication context c1").await;
    person.signs_in().await;
    let released = ended(asking).await;
    let told = text(&released.stderr);
    assert_eq!(released.status.code(), Some(0), "{told}");
    let scope = vault_path("kv-linux");
    let made = |cloud: &mut World| cloud.requests_of(&scope);
    assert_eq!(person.home.emulator.change(made), 1);
    assert_eq!((person.count(PUT), person.pages().len()), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_whose_step_up_is_cancelled_is_refused_and_not_requested() {
    let person = with_a_role().await;
    let asking = person.start(&REVEAL);
    person.sees_page(2).await;
    person.chromium.click("[value=cancel]").await;
    person.chromium.shows("The sign-in failed").await;
    assert_eq!(ended(asking).await.status.code(), Some(3));
    let scope = vault_path("kv-linux");
    let made = |cloud: &mut World| cloud.requests_of(&scope);
    assert_eq!(person.home.emulator.change(made), 0);
    assert_eq!((person.count(PUT), person.count(READ)), (1, 0));
}
