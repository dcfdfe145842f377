//! Sign-ins that are no person's.

use super::*;

const CLIENT: &str = "client_id = \"11111111-2222-3333-4444-555555555555\"";
const GROUP: &str = "group = \"66666666-2222-3333-4444-555555555555\"";
const ROLE: &str = "scope = \"/subscriptions/11111111-2222-3333-4444-555555555555\"\n\
                    role = \"Key Vault Secrets User\"";

/// The valid file with a role for a window, and these lines in place of the client id.
fn with(tenant: &str) -> String {
    valid().replacen(CLIENT, tenant, 1).replacen(GROUP, ROLE, 1)
}

fn wrong(text: &str, paths: &Paths) -> Problem {
    match Config::parse(text, paths) {
        Err(ConfigError::Invalid(mut problems)) if problems.len() == 1 => problems.remove(0),
        other => panic!("{other:?}"),
    }
}

fn cluster() -> Paths {
    let variables = [
        (
            "HOME",
            if cfg!(windows) {
                r"C:\Users\ann"
            } else {
                "/home/ann"
            },
        ),
        ("XDG_RUNTIME_DIR", "/run/user/7"),
        ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us/"),
        ("AZURE_CLIENT_ID", "22222222-2222-3333-4444-555555555555"),
        ("AZURE_TENANT_ID", "33333333-2222-3333-4444-555555555555"),
        (
            "AZURE_FEDERATED_TOKEN_FILE",
            "/var/run/secrets/azure/tokens/azure-identity-token",
        ),
    ];
    let value = |name: &str| {
        variables
            .iter()
            .find(|it| it.0 == name)
            .map(|it| it.1.into())
    };
    Paths::from_variables(value, Overrides::default()).unwrap()
}

#[test]
fn a_workloads_identity_is_what_its_cluster_says() {
    let text = with("sign_in = \"workload-identity\"");
    let text = text.replacen("id = \"contoso.onmicrosoft.com\"\n", "", 1);
    let text = text.replacen("vault.azure.net", "vault.usgovcloudapi.net", 1);
    let config = Config::parse(&text, &cluster()).unwrap();
    let tenant = &config.tenants[0];
    assert_eq!(tenant.id, "33333333-2222-3333-4444-555555555555");
    assert_eq!(
        tenant.client_id.as_deref(),
        Some("22222222-2222-3333-4444-555555555555")
    );
    assert_eq!(
        tenant.authority.as_str(),
        "https://login.microsoftonline.us/"
    );
    assert_eq!(tenant.graph.as_str(), "https://graph.microsoft.us/");
    let proof = tenant.proof.as_deref().unwrap();
    assert!(proof.ends_with("azure-identity-token"), "{proof:?}");
}

#[test]
fn the_configuration_counts_before_the_cluster_and_only_for_a_workload() {
    let own = format!(
        "{CLIENT}\ncloud = \"public\"\ntoken_file = \"~/token\"\nsign_in = \"workload-identity\""
    );
    let config = Config::parse(&with(&own), &cluster()).unwrap();
    let tenant = &config.tenants[0];
    assert_eq!(tenant.id, "contoso.onmicrosoft.com");
    assert_eq!(
        tenant.client_id.as_deref(),
        Some("11111111-2222-3333-4444-555555555555")
    );
    assert_eq!(
        tenant.authority.as_str(),
        "https://login.microsoftonline.com/"
    );
    let home = cluster().home.unwrap();
    assert_eq!(tenant.proof, Some(home.join("token")));
    // Whoever signs in otherwise hears nothing of it.
    let person = Config::parse(&valid(), &cluster()).unwrap();
    assert_eq!(person.tenants[0].authority, tenant.authority);
    assert_eq!(person.tenants[0].proof, None);
    let nobody = valid().replacen(CLIENT, "", 1);
    assert!(wrong(&nobody, &cluster()).what.contains("no client_id"));
}

#[test]
fn a_cluster_cannot_lead_a_token_to_a_host_that_is_not_microsofts() {
    let mut paths = cluster();
    for host in [
        "https://login.evil.example/",
        "http://login.microsoftonline.com/",
    ] {
        paths.workload.authority = Some(host.to_owned());
        let problem = wrong(&with("sign_in = \"workload-identity\""), &paths);
        assert!(problem.what.contains("authority"), "{problem}");
    }
}

#[test]
fn an_application_needs_its_id_and_what_it_shows_for_itself() {
    for (method, file) in [
        ("client-certificate", "certificate_file"),
        ("workload-identity", "token_file"),
    ] {
        let sign_in = format!("sign_in = \"{method}\"");
        let proof = format!("{file} = \"app.pem\"");
        let config = Config::parse(&with(&format!("{CLIENT}\n{sign_in}\n{proof}")), &paths());
        let proof_found = config.unwrap().tenants[0].proof.clone();
        let beside = Path::new("/home/ann/.config/pimento/app.pem");
        assert_eq!(proof_found.as_deref(), Some(beside));
        let problem = wrong(&with(&format!("{CLIENT}\n{sign_in}")), &paths());
        assert!(
            problem.what.contains(&format!("has no {file}")),
            "{problem}"
        );
        let problem = wrong(&with(&format!("{sign_in}\n{proof}")), &paths());
        assert!(problem.what.contains("no client_id"), "{problem}");
        let problem = wrong(&with(&format!("{CLIENT}\n{proof}")), &paths());
        assert!(problem.what.contains(method), "{problem}");
    }
}

#[test]
fn what_is_no_person_may_hold_a_role_and_opens_no_group() {
    for tenant in [
        "sign_in = \"managed-identity\"".to_owned(),
        format!("{CLIENT}\nsign_in = \"client-certificate\"\ncertificate_file = \"app.pem\""),
        format!("{CLIENT}\nsign_in = \"workload-identity\"\ntoken_file = \"token\""),
    ] {
        Config::parse(&with(&tenant), &paths()).unwrap();
        let problem = wrong(&valid().replacen(CLIENT, &tenant, 1), &paths());
        assert!(problem.what.contains("only a person"), "{problem}");
        assert!(problem.remedy.contains("scope, role"), "{problem}");
    }
}

#[test]
fn a_managed_identity_is_the_machines_own_and_takes_no_client_id() {
    let sign_in = "sign_in = \"managed-identity\"";
    let problem = wrong(&with(&format!("{CLIENT}\n{sign_in}")), &paths());
    assert!(problem.what.contains("system-assigned"), "{problem}");
    let config = Config::parse(&with(sign_in), &paths()).unwrap();
    assert_eq!(config.tenants[0].client_id, None);
}
