//! With nothing but `az login`: no application registration, no sign-in of pimento's own.

use std::fs;

use pimento::emulator::scenario::Fault;
use support::home::{Home, text};

use super::*;

/// A home of somebody who has run `az login`, with a window of a role and no registration.
async fn home() -> Home {
    let mut world = Scenario::example().unwrap();
    scenario(&mut world, role(&vault()));
    let home = Home::in_scenario(world).await.configured(|text| {
        let client = format!(
            "client_id = \"{}\"\nsign_in = \"device-code\"",
            support::CLIENT
        );
        let text = text.replace(&client, "sign_in = \"azure-cli\"");
        window(&text, &vault())
    });
    home.add_azure_cli();
    home
}

fn agent(home: &Home) -> support::home::Running {
    home.agent_with(&[("PATH", &home.path_with_azure_cli())])
}

fn asked_of_az(home: &Home) -> Vec<String> {
    let log = fs::read_to_string(home.path("az.log")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ssh_logs_in_with_nothing_but_az_login() {
    let home = home().await;
    let _agent = agent(&home);
    let login = home.ssh("web");
    assert!(login.status.success(), "{}", text(&login.stderr));
    assert_eq!(
        home.emulator.calls(),
        [ELIGIBLE, CREATE, ACTIVE, READ],
        "no sign-in, no registration, nothing of Graph"
    );
    let call = "account get-access-token -o json --scope https://";
    let tenant = "/.default --tenant contoso.onmicrosoft.com";
    assert_eq!(
        asked_of_az(&home),
        ["management.azure.com", "vault.azure.net"].map(|host| format!("{call}{host}{tenant}"))
    );
    let again = home.ssh("web");
    assert!(again.status.success(), "{}", text(&again.stderr));
    assert_eq!(asked_of_az(&home).len(), 2);
    let status = text(&home.run(&["status"]).stdout);
    assert!(status.contains(USER), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_run_az_login_is_told_to() {
    let home = home().await;
    let said = "Please run 'az login' to setup account.";
    fs::write(home.path("az.out"), said).unwrap();
    let _agent = agent(&home);
    assert!(!home.ssh("web").status.success());
    let why = text(&home.run(&["why"]).stdout);
    assert!(
        why.contains("az login --tenant contoso.onmicrosoft.com"),
        "{why}"
    );
    assert_eq!(home.emulator.calls(), Vec::<String>::new());
    // Signed in since then: nothing has to be told to pimento.
    fs::remove_file(home.path("az.out")).unwrap();
    let login = home.ssh("web");
    assert!(login.status.success(), "{}", text(&login.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_azure_cli_is_told_so() {
    let home = home().await;
    fs::remove_file(home.path("bin/az")).unwrap();
    let _agent = agent(&home);
    assert!(!home.ssh("web").status.success());
    let why = text(&home.run(&["why"]).stdout);
    assert!(why.contains("Azure CLI"), "{why}");
    assert_eq!(home.emulator.calls(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_here_stays_out_until_the_next_login() {
    let home = home().await;
    let _agent = agent(&home);
    assert!(home.ssh("web").status.success());
    assert_eq!(home.run(&["logout"]).status.code(), Some(5));
    assert!(home.run(&["lock"]).status.success());
    assert!(home.run(&["lock", "--off"]).status.success());
    assert!(!home.ssh("web").status.success());
    let login = home.run(&["login"]);
    assert!(login.status.success(), "{}", text(&login.stderr));
    let login = home.ssh("web");
    assert!(login.status.success(), "{}", text(&login.stderr));
}

const VALIDATE: &str = "arm.roleAssignmentScheduleRequests.validate";

/// What the doctor says of an activation.
fn rehearsed(home: &Home) -> [String; 3] {
    found(home, "activation")
}

/// What the doctor finds by a check: its verdict, why, and what to do.
fn found(home: &Home, check: &str) -> [String; 3] {
    let said = home.run(&["doctor", "--json"]);
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    let mut findings = said["findings"].as_array().unwrap().iter();
    let found = findings.find(|it| it["check"] == check);
    ["verdict", "reason", "remedy"].map(|part| {
        let part = &found.unwrap_or_else(|| panic!("{said}"))[part];
        part.as_str().unwrap_or_default().to_owned()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_the_sign_in_of_az_before_it_was_ever_used() {
    let home = home().await;
    let _agent = agent(&home);
    let [verdict, reason, _] = found(&home, "sign-in");
    assert_eq!(verdict, "ok", "{reason}");
    assert!(reason.contains(USER), "{reason}");
    assert!(home.run(&["logout"]).status.success());
    let [verdict, reason, remedy] = found(&home, "sign-in");
    assert_eq!(verdict, "failure");
    assert!(reason.contains("you signed out of it"), "{reason}");
    assert!(remedy.contains("`pimento login contoso`"), "{remedy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_says_why_the_sign_in_of_az_cannot_be_used() {
    let home = home().await;
    fs::remove_file(home.path("bin/az")).unwrap();
    let _agent = agent(&home);
    let [verdict, reason, remedy] = found(&home, "sign-in");
    assert_eq!(verdict, "failure");
    assert!(reason.contains("Azure CLI"), "{reason}");
    assert!(!remedy.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_tries_a_role_by_a_dry_run_that_makes_nothing() {
    let home = home().await;
    let _agent = agent(&home);
    let [verdict, reason, _] = rehearsed(&home);
    assert_eq!(verdict, "ok", "{reason}");
    assert_eq!(
        (home.emulator.count(VALIDATE), home.emulator.count(CREATE)),
        (1, 0)
    );
    let made = home.emulator.change(|cloud| cloud.requests_of(&vault()));
    assert_eq!(made, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_pim_would_refuse_is_a_failure_with_its_remedy() {
    let home = home().await;
    let refused = r#"{"error": {"code": "AuthorizationFailed", "message": "Not by this client."}}"#;
    home.emulator.change(|cloud| {
        cloud.fault(Fault {
            operation: VALIDATE.to_owned(),
            status: Some(403),
            body: Some(refused.to_owned()),
            ..Fault::default()
        });
    });
    let _agent = agent(&home);
    let [verdict, reason, remedy] = rehearsed(&home);
    assert_eq!(verdict, "failure", "{reason}");
    assert!(reason.contains("Not by this client."), "{reason}");
    assert!(!remedy.is_empty());
    assert_eq!(home.emulator.count(CREATE), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_somebody_approves_or_nobody_gave_is_not_tried() {
    let home = home().await;
    let policy = |cloud: &mut pimento::emulator::World| {
        let approver = "alex@contoso.onmicrosoft.com".to_owned();
        cloud.scenario.azure_roles[0].policy.approvers = vec![approver];
    };
    home.emulator.change(policy);
    let _agent = agent(&home);
    let [verdict, reason, _] = rehearsed(&home);
    assert_eq!(verdict, "skipped");
    assert!(reason.contains("approve"), "{reason}");
    home.emulator
        .change(|cloud| cloud.scenario.azure_roles[0].eligible.clear());
    let [verdict, reason, _] = rehearsed(&home);
    assert_eq!(verdict, "skipped");
    assert!(reason.contains("you may not open it"), "{reason}");
    assert_eq!(
        (home.emulator.count(VALIDATE), home.emulator.count(CREATE)),
        (0, 0)
    );
}
