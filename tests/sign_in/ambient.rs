//! Sign-ins that another program keeps: the Azure CLI's and a machine's, each by a stand-in that
//! answers as the documentation says. The real `az`, and a machine in Azure, were not to be had.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::support::USER;
use crate::support::home::{Home, Running, text};

/// A tenant that is signed in to by `method`, and nothing that needs a person.
async fn home(method: &str) -> Home {
    Home::new().await.configured(|text| {
        let tenant = format!(
            "[tenant.ambient]\nid = \"3c1f0f3a-52b1-4b26-9d0e-5d6c8c1d7a10\"\nsign_in = \"{method}\"\n"
        );
        tenant + &text
    })
}

/// The agent with a program `az` that says `body`, before everything else in its `PATH`.
fn with_az(home: &Home, body: &str) -> Running {
    let folder = home.path("bin");
    fs::create_dir(&folder).unwrap();
    let az = folder.join("az");
    fs::write(&az, format!("#!/bin/sh\n{body}\n")).unwrap();
    fs::set_permissions(&az, PermissionsExt::from_mode(0o700)).unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    home.agent_with(&[("PATH", &path)])
}

/// What the real one does with `account get-access-token -o json --scope … --tenant …`.
fn signed_in(home: &Home) -> String {
    let (asked, admin) = (home.path("asked"), home.emulator.admin_url());
    format!(
        "echo \"$*\" >> '{}'\n\
         case \"$*\" in 'account get-access-token '*) ;; *) exit 2 ;; esac\n\
         while [ $# -gt 0 ]; do case $1 in --scope) scope=$2 ;; esac; shift; done\n\
         exec curl -sfG --data-urlencode \"scope=$scope\" '{admin}/az/{USER}'",
        asked.display()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_azure_clis_sign_in_is_used_as_it_is() {
    let home = home("azure-cli").await;
    let _agent = with_az(&home, &signed_in(&home));
    let login = home.run(&["login", "ambient"]);
    assert_eq!(
        text(&login.stdout),
        format!("signed in to ambient as {USER}\n")
    );
    let asked = fs::read_to_string(home.path("asked")).unwrap();
    for part in [
        "-o json",
        "https://management.azure.com",
        "--tenant 3c1f0f3a-",
    ] {
        assert!(asked.contains(part), "{part}: {asked}");
    }
    assert_eq!(home.run(&["logout", "ambient"]).status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_azure_cli_without_a_sign_in_is_told_with_its_own_command() {
    let home = home("azure-cli").await;
    let script = "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1";
    let _agent = with_az(&home, script);
    let refused = home.run(&["login", "ambient"]);
    assert_eq!(refused.status.code(), Some(3));
    let told = text(&refused.stderr);
    assert!(told.contains("`az login --tenant 3c1f0f3a-"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_azure_cli_that_is_signed_in_to_another_tenant_is_refused() {
    let home = home("azure-cli").await;
    let home = home.configured(|text| {
        text.replacen("3c1f0f3a-52b1-4b26-9d0e-5d6c8c1d7a10", &"1".repeat(8), 1)
            .replacen("11111111", "11111111-2222-3333-4444-555555555555", 1)
    });
    let _agent = with_az(&home, &signed_in(&home));
    let refused = home.run(&["login", "ambient"]);
    assert_eq!(refused.status.code(), Some(3));
    let told = text(&refused.stderr);
    assert!(told.contains("of tenant 3c1f0f3a-"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_who_its_identity_endpoint_says() {
    let home = home("managed-identity").await;
    let endpoint = format!("{}/identity/{USER}", home.emulator.admin_url());
    let _agent = home.agent_with(&[
        ("IDENTITY_ENDPOINT", &endpoint),
        ("IDENTITY_HEADER", "machine"),
    ]);
    let login = home.run(&["login", "ambient"]);
    assert_eq!(login.status.code(), Some(0), "{}", text(&login.stderr));
    assert_eq!(
        text(&login.stdout),
        format!("signed in to ambient as {USER}\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_without_its_secret_is_nobody() {
    let home = home("managed-identity").await;
    let endpoint = format!("{}/identity/{USER}", home.emulator.admin_url());
    let _agent = home.agent_with(&[
        ("IDENTITY_ENDPOINT", &endpoint),
        ("IDENTITY_HEADER", "another"),
    ]);
    assert_eq!(home.run(&["login", "ambient"]).status.code(), Some(3));
}
