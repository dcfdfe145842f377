//! With nothing but `az login`: no application registration, no sign-in of pimento's own.

use std::fs;

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
    assert!(home.run(&["logout"]).status.success());
    assert!(home.run(&["lock"]).status.success());
    assert!(home.run(&["lock", "--off"]).status.success());
    assert!(!home.ssh("web").status.success());
    let login = home.run(&["login"]);
    assert!(login.status.success(), "{}", text(&login.stderr));
    let login = home.ssh("web");
    assert!(login.status.success(), "{}", text(&login.stderr));
}
