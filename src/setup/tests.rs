use url::Url;
use uuid::Uuid;

use ssh_key::PublicKey;

use super::*;
use crate::catalog::{AccessId, AzureCloud, Role, Scope, Target};
use crate::cloud::Holding;

const GROUP: &str = "66666666-2222-3333-4444-555555555555";
const SUBSCRIPTION: &str = "/subscriptions/11111111-2222-3333-4444-555555555555";

fn group(called: Option<&str>) -> Holding {
    Holding {
        target: Target::Group {
            group: Uuid::parse_str(GROUP).unwrap(),
            access: AccessId::Member,
        },
        called: called.map(str::to_owned),
        ends: None,
        standing: false,
    }
}

fn role(below: &str, role: &str) -> Holding {
    Holding {
        target: Target::AzureRole {
            scope: Scope::parse(&format!("{SUBSCRIPTION}{below}")).unwrap(),
            role: Role::parse(role).unwrap(),
        },
        called: None,
        ends: None,
        standing: false,
    }
}

fn offers(held: Vec<Holding>) -> Vec<Offer> {
    let mut offers: Vec<Offer> = held.into_iter().filter_map(Offer::of).collect();
    offer::name_all(&mut offers);
    offers
}

const VAULT: &str = "/resourceGroups/ops/providers/Microsoft.KeyVault/vaults/kv-linux";

#[test]
fn a_role_that_opens_no_vault_is_not_offered() {
    let contributor = "b24988ac-6180-42a0-ab88-20f7382dd24c";
    let held = vec![
        role(VAULT, "Key Vault Reader"),
        role(VAULT, "Key Vault Crypto User"),
        role("/resourceGroups/ops", contributor),
    ];
    assert_eq!(offers(held), []);
    // One's own role on a vault may well read secrets.
    assert_eq!(offers(vec![role(VAULT, contributor)]).len(), 1);
    assert_eq!(offers(vec![role("", "Key Vault Secrets User")]).len(), 1);
}

#[test]
fn every_offer_has_a_name_of_its_own_that_the_configuration_takes() {
    let held = vec![
        group(Some("Linux Root (prod)")),
        group(Some("linux-root: prod")),
        group(Some("日本")),
        group(None),
        role(VAULT, "Key Vault Secrets User"),
        role(VAULT, "Key Vault Secrets Officer"),
    ];
    let names: Vec<String> = offers(held).into_iter().map(|it| it.name).collect();
    assert_eq!(
        names,
        [
            "linux-root-prod",
            "linux-root-prod-2",
            "group-66666666",
            "group-66666666-2",
            "kv-linux",
            "kv-linux-2"
        ]
    );
    assert!(names.iter().all(|name| Name::parse(name).is_ok()));
}

#[test]
fn a_path_tells_the_vault_and_the_secret_and_nothing_else_does() {
    let secret = format!("{VAULT}/secrets/root");
    let found = offers(vec![
        role(VAULT, "Key Vault Secrets User"),
        role(&secret, "Key Vault Secrets User"),
        role("/resourceGroups/ops", "Key Vault Secrets User"),
        group(None),
    ]);
    let told: Vec<(Option<String>, Option<String>)> = found
        .iter()
        .map(|it| {
            let vault = it.vault(AzureCloud::UsGov).map(String::from);
            (vault, it.secret().map(|name| name.to_string()))
        })
        .collect();
    let vault = Some("https://kv-linux.vault.usgovcloudapi.net/".to_owned());
    assert_eq!(
        told,
        [
            (vault.clone(), None),
            (vault, Some("root".to_owned())),
            (None, None),
            (None, None)
        ]
    );
}

fn draft() -> Draft {
    let offers = offers(vec![
        group(Some("Linux \"root\"\nteam")),
        role(VAULT, "Key Vault Secrets User"),
    ]);
    let window = |offer: &Offer| WindowDraft {
        name: offer.name.clone(),
        called: offer.called.clone(),
        target: offer.target.clone(),
        duration: Some("30m".to_owned()),
        reason: None,
    };
    let vault = |name: &str, window: &str| VaultDraft {
        name: name.to_owned(),
        url: Url::parse("https://kv-linux.vault.azure.net").unwrap(),
        window: window.to_owned(),
    };
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6p7Z4cbtMnnY6f7BcWzPGvpJJHVEX0TqSTBmzUO1eU";
    Draft {
        tenant: TenantDraft {
            name: "contoso.old".to_owned(),
            id: "contoso.onmicrosoft.com".to_owned(),
            client_id: Some(GROUP.to_owned()),
            login_hint: Some("mia@contoso.com".to_owned()),
            ..TenantDraft::default()
        },
        windows: offers.iter().map(window).collect(),
        vaults: vec![vault("one", "linux-root-team"), vault("two", "kv-linux")],
        keys: vec![KeyDraft {
            name: "web.root".to_owned(),
            vault: "one".to_owned(),
            secret: "web-root".to_owned(),
            public: PublicKey::from_openssh(key).unwrap(),
            hosts: vec!["web*.contoso.com".to_owned()],
        }],
        passwords: vec![PasswordDraft {
            name: "db".to_owned(),
            vault: "two".to_owned(),
            secret: "db".to_owned(),
            user: Some("root".to_owned()),
            hosts: Vec::new(),
        }],
    }
}

fn paths() -> Paths {
    let nowhere = Path::new("/nonexistent");
    Paths {
        config: nowhere.join("config.toml"),
        managed: nowhere.join("managed.toml"),
        runtime: nowhere.join("run"),
        state: nowhere.join("state"),
        cache: nowhere.join("cache"),
        home: None,
        workload: crate::config::Workload::default(),
    }
}

#[test]
fn what_is_drafted_is_what_the_configuration_reads() {
    let config = Config::proposed(&draft().text(), &paths()).unwrap();
    assert_eq!(config.tenants.len(), 1);
    let targets: Vec<&Target> = config.windows.iter().map(|window| &window.target).collect();
    let drafted = draft();
    let wanted: Vec<&Target> = drafted
        .windows
        .iter()
        .map(|window| &window.target)
        .collect();
    assert_eq!(targets, wanted);
    let (key, spec) = config.catalog.keys().next().unwrap();
    assert_eq!(key.name.as_str(), "web.root");
    assert_eq!(spec.public.key_data(), drafted.keys[0].public.key_data());
    assert_eq!(key.hosts, ["web*.contoso.com"]);
    let (_, password) = config.catalog.passwords().next().unwrap();
    // Of no host it may be told, but not given to any that asks.
    assert_eq!(password.uses, [crate::catalog::PasswordUse::Reveal]);
}

#[test]
fn a_mistake_in_a_draft_is_found_before_it_is_written() {
    let mut draft = draft();
    draft.vaults[0].window = "elsewhere".to_owned();
    assert!(Config::proposed(&draft.text(), &paths()).is_err());
    draft = self::draft();
    draft.vaults[0].url = Url::parse("https://vault.example.com").unwrap();
    assert!(Config::proposed(&draft.text(), &paths()).is_err());
    draft = self::draft();
    draft.windows[0].duration = Some("forever".to_owned());
    assert!(Config::proposed(&draft.text(), &paths()).is_err());
}

#[test]
fn a_configuration_is_written_once_and_for_its_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("new/config.toml");
    write(&file, "one").unwrap();
    let again = write(&file, "two").unwrap_err();
    assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "one");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    }
}

proptest::proptest! {
    #[test]
    fn no_name_that_azure_gives_breaks_the_file(called in ".{0,40}", hint in ".{0,20}") {
        let mut draft = draft();
        draft.windows[0].called = Some(called);
        draft.tenant.login_hint = Some(hint.clone());
        let config = Config::proposed(&draft.text(), &paths());
        proptest::prop_assert!(config.is_ok(), "{:?}", config.err());
        let config = config.unwrap();
        proptest::prop_assert_eq!(config.tenants[0].login_hint.as_deref(), Some(hint.as_str()));
    }
}
