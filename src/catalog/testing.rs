//! Credentials for unit tests.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::SignedDuration;
use ssh_key::PublicKey;
use url::Url;
use uuid::Uuid;

use super::*;

/// A public key without a private half anywhere.
pub(crate) const PUBLIC_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6p7Z4cbtMnnY6f7BcWzPGvpJJHVEX0TqSTBmzUO1eU";

/// A password `name` in window `ops`.
pub(crate) fn password(name: &str) -> Credential {
    let user = Some("root".to_owned());
    let uses = vec![PasswordUse::Reveal, PasswordUse::Ssh, PasswordUse::Sudo];
    let confirm = false;
    credential(
        name,
        Kind::Password(PasswordSpec {
            user,
            uses,
            units: Vec::new(),
            confirm,
        }),
    )
}

/// A certificate `name` for TLS in window `ops`.
pub(crate) fn certificate(name: &str) -> Credential {
    let spec = ClientCertificateSpec { confirm: false };
    credential(name, Kind::ClientCertificate(spec))
}

/// A key `name` in window `ops`, for logins.
pub(crate) fn key(name: &str) -> Credential {
    let public = PublicKey::from_openssh(PUBLIC_KEY).unwrap();
    let rules = SigningRules {
        uses: vec![Use::Login],
        unbound: Permission::Refuse,
        forwarded: Permission::Refuse,
        confirm: false,
    };
    let key = KeySpec { public, rules };
    credential(name, Kind::Key(Box::new(key)))
}

fn credential(name: &str, kind: Kind) -> Credential {
    Credential {
        name: Name::parse(name).unwrap(),
        vault: vault("ops"),
        object: VaultObject::Secret(ObjectName::parse(name).unwrap()),
        version: Version::Newest,
        hosts: Vec::new(),
        kind,
        rotate_after: None,
        source: PathBuf::from("config.toml"),
    }
}

/// A tenant that one signs in to in the browser.
pub(crate) fn tenant() -> Tenant {
    Tenant {
        name: Name::parse("contoso").unwrap(),
        id: "contoso.onmicrosoft.com".to_owned(),
        client_id: Some("11111111-1111-1111-1111-111111111111".to_owned()),
        sign_in: SignInMethod::Browser,
        proof: None,
        keep: Keep::Memory,
        login_hint: None,
        cloud: AzureCloud::Public,
        authority: Url::parse("https://login.microsoftonline.com").unwrap(),
        graph: Url::parse("https://graph.microsoft.com").unwrap(),
        arm: Url::parse("https://management.azure.com").unwrap(),
    }
}

/// A vault behind a window of that name.
pub(crate) fn vault(window: &str) -> Arc<VaultSpec> {
    let tenant = Arc::new(tenant());
    let window = Arc::new(WindowSpec {
        name: Name::parse(window).unwrap(),
        tenant,
        target: Target::Group {
            group: Uuid::from_u128(7),
            access: AccessId::Member,
        },
        duration: SignedDuration::from_hours(1),
        reason: Reason::Template("{program} to {user}@{host} with {credential}".to_owned()),
        ticket: None,
    });
    let url = Url::parse("https://kv-ops.vault.azure.net").unwrap();
    Arc::new(VaultSpec {
        name: Name::parse("kv-ops").unwrap(),
        url,
        window,
        rotate_after: None,
    })
}
