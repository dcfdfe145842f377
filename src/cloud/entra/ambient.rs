//! Sign-ins that another program keeps: the Azure CLI's, and the machine's managed identity.

use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions, ManagedIdentityCredential};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::expires;
use crate::catalog::{SignInMethod, Tenant};
use crate::clock::Clock;
use crate::cloud::{AccessToken, Resource};
use crate::refusal::Refusal;

/// Whether another program keeps the sign-ins of that method.
pub(super) const fn serves(method: SignInMethod) -> bool {
    matches!(
        method,
        SignInMethod::AzureCli | SignInMethod::ManagedIdentity
    )
}

/// How a person satisfies `claims` in the program that keeps the sign-in.
pub(super) fn step_up(tenant: &Tenant, claims: &str) -> String {
    match tenant.sign_in {
        SignInMethod::AzureCli => format!(
            "`az login --tenant {} --claims-challenge {}`, then try again",
            tenant.id,
            STANDARD.encode(claims)
        ),
        _ => "nobody can: a managed identity is no person; leave it out of that policy".to_owned(),
    }
}

pub(super) async fn token(
    tenant: &Tenant,
    resource: Resource,
    clock: &Arc<dyn Clock>,
) -> Result<AccessToken, Refusal> {
    let failed = |error: azure_core::Error| {
        let why = error.to_string();
        let why = why.lines().next().unwrap_or_default();
        let remedy = match tenant.sign_in {
            SignInMethod::AzureCli => format!(" (`az login --tenant {}` signs it in)", tenant.id),
            _ => String::new(),
        };
        Refusal::SignIn {
            tenant: tenant.name.to_string(),
            why: format!("{why}{remedy}"),
        }
    };
    let credential: Arc<dyn TokenCredential> = match tenant.sign_in {
        SignInMethod::ManagedIdentity => ManagedIdentityCredential::new(None).map_err(failed)?,
        _ => {
            let tenant_id = Some(tenant.id.clone());
            let options = AzureCliCredentialOptions {
                tenant_id,
                ..Default::default()
            };
            AzureCliCredential::new(Some(options)).map_err(failed)?
        }
    };
    let scope = match resource {
        Resource::Graph => format!("{}.default", tenant.graph),
        Resource::Arm => format!("{}.default", tenant.arm),
        Resource::Vault => format!("{}.default", tenant.cloud.vault_audience()),
    };
    let token = credential
        .get_token(&[&scope], None)
        .await
        .map_err(failed)?;
    // Its end is a wall time; from here on it is a moment like every other.
    let now = clock.wall().as_second();
    let left = u64::try_from(token.expires_on.unix_timestamp() - now).unwrap_or_default();
    Ok(AccessToken {
        secret: token.token.secret().into(),
        expires: expires(clock.now(), Some(Duration::from_secs(left))),
    })
}
