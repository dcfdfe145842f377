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

/// How a person satisfies `claims` in the program that keeps the sign-in.
pub(super) fn step_up(tenant: &Tenant, claims: &str) -> String {
    match tenant.sign_in {
        SignInMethod::AzureCli => format!(
            "`az login --tenant {} --claims-challenge {}`, then try again",
            tenant.id,
            STANDARD.encode(claims)
        ),
        _ => "nobody can: an application or a managed identity is no person; an administrator leaves it \
              out of that policy"
            .to_owned(),
    }
}

pub(super) async fn token(
    tenant: &Tenant,
    resource: Resource,
    clock: &Arc<dyn Clock>,
) -> Result<AccessToken, Refusal> {
    let failed = |error: azure_core::Error| refused(tenant, &error.to_string());
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

fn refused(gone: &Tenant, error: &str) -> Refusal {
    let tenant = gone.name.to_string();
    let error = error
        .split_once("authentication failed.")
        .map_or(error, |(_, error)| error);
    let error = error.split("\nTo troubleshoot").next().unwrap_or(error);
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    // The Azure CLI warns before it tells what is wrong.
    let why = lines
        .clone()
        .find_map(|line| line.strip_prefix("ERROR:"))
        .or_else(|| lines.next())
        .unwrap_or("it does not say why");
    let why: String = why.trim().chars().take(300).collect();
    match gone.sign_in {
        SignInMethod::ManagedIdentity => Refusal::SignIn { tenant, why },
        _ => Refusal::AzureCli {
            tenant,
            id: gone.id.clone(),
            why,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing::vault;

    fn said(error: &str) -> String {
        refused(&vault("ops").window.tenant, error).to_string()
    }

    #[test]
    fn the_azure_clis_own_error_is_told_without_its_warnings_and_wrapping() {
        let wrapped = "AzureCliCredential authentication failed. WARNING: old version\n\
                       ERROR: Please run 'az login' to setup account.\n\
                       \nTo troubleshoot, visit https://aka.ms/x#azure-cli";
        assert!(
            said(wrapped).ends_with(": Please run 'az login' to setup account."),
            "{}",
            said(wrapped)
        );
        let missing = "AzureCliCredential authentication failed. az not found on PATH";
        assert!(said(missing).ends_with(": az not found on PATH"));
        assert!(said("AzureCliCredential authentication failed.").ends_with("does not say why"));
    }

    #[test]
    fn the_advice_names_the_tenant_and_where_need_be_the_program() {
        let advice = |error: &str| refused(&vault("ops").window.tenant, error).advice();
        let login = "`az login --tenant contoso.onmicrosoft.com`, then try again";
        assert_eq!(advice("ERROR: no"), login);
        assert!(advice("az not found on PATH").starts_with("install the Azure CLI"));
        assert!(advice("az not found on PATH").ends_with(login));
    }
}
