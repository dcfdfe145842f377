//! A vault: whether it can be reached, whether it is one of the tenant's, and what is set of it.

use std::sync::Arc;

use super::tenant::{Seen, is_needed};
use super::{Case, Chart, Finding};
use crate::catalog::{Target, Tenant, VaultSpec};
use crate::cloud::{CorrelationId, Networks, Resource, VaultSettings};
use crate::house::House;
use crate::refusal::Refusal;

/// Every vault that a window of `tenant` opens.
pub(super) async fn all(
    house: &House,
    tenant: &Arc<Tenant>,
    seen: &Seen,
    id: CorrelationId,
    chart: &dyn Chart,
) {
    let asks = seen.signed_in && is_needed(house, tenant, Resource::Arm);
    let read = match asks {
        true => Some(house.survey.vaults(tenant, id).await),
        false => None,
    };
    for vault in &house.vaults {
        if vault.window.tenant.name != tenant.name {
            continue;
        }
        let case = Case::of("vault", &vault.name);
        chart.note(match house.survey.tenant_of(&vault.url, id).await {
            Err(refusal) => case.refused(&refusal),
            Ok(owner) => belongs(case, vault, seen.tenant_id.as_deref(), &owner),
        });
        let case = Case::of("vault-settings", &vault.name);
        chart.note(settings(case, vault, read.as_ref()));
    }
}

/// What Resource Manager says of it. A user of pimento need not be let see it there.
fn settings(
    case: Case,
    vault: &VaultSpec,
    read: Option<&Result<Vec<VaultSettings>, Refusal>>,
) -> Finding {
    let elsewhere = format!(
        "whoever may read the resource sees them: `az keyvault show --name {} --query properties`",
        vault.azure_name()
    );
    let of_it = |it: &&VaultSettings| it.url.host_str() == vault.url.host_str();
    match read {
        None => case.skipped(
            "there is no token for Azure Resource Manager here",
            elsewhere,
        ),
        Some(Err(refusal)) => case.skipped(refusal.to_string(), elsewhere),
        Some(Ok(all)) => match all.iter().find(of_it) {
            None => case.skipped(
                "your account does not see it in Resource Manager",
                elsewhere,
            ),
            Some(found) => judged(case, vault, found),
        },
    }
}

fn judged(case: Case, vault: &VaultSpec, found: &VaultSettings) -> Finding {
    let name = vault.azure_name();
    let mend =
        |what: &str| format!("an owner of the vault: `az keyvault update --name {name} {what}`");
    let policies = "access policies decide who may read it, not roles";
    match vault.window.target {
        Target::AzureRole { .. } if !found.rbac => {
            return case.failure(
                format!(
                    "{policies}: the role of window {} opens nothing",
                    vault.window.name
                ),
                mend("--enable-rbac-authorization true"),
            );
        }
        _ if !found.rbac => {
            let remedy = mend("--enable-rbac-authorization true");
            let remedy = format!("{remedy}, once the group has a role on it");
            return case.warning(format!("{policies}; PIM has no eyes for them"), remedy);
        }
        _ => {}
    }
    if !found.soft_delete {
        return case.warning(
            "a secret that is deleted is gone at once (soft delete is off)",
            format!(
                "an owner of the vault: `az resource update --ids \"$(az keyvault show --name {name} \
                 --query id --output tsv)\" --set properties.enableSoftDelete=true`"
            ),
        );
    }
    if !found.purge_protection {
        return case.warning(
            "whoever may purge can make an end of all secrets (purge protection is off)",
            mend("--enable-purge-protection true"),
        );
    }
    case.ok(format!(
        "roles decide, deleted secrets are kept, and it can be reached {}",
        match found.networks {
            Networks::All => "from everywhere",
            Networks::Chosen => "from the networks that it names",
            Networks::Private => "by its private endpoints alone",
        }
    ))
}

fn belongs(case: Case, vault: &VaultSpec, tenant: Option<&str>, owner: &str) -> Finding {
    match tenant {
        None => case.skipped(
            format!("it answers, as one of tenant {owner}; which one is configured is not known"),
            "see to the check `authority` first",
        ),
        Some(tenant) if tenant == owner => case.ok("it answers, and is one of the tenant's"),
        Some(tenant) => case.failure(
            format!("it belongs to tenant {owner}, and the configuration reads it as {tenant}"),
            format!(
                "correct `url` of [vault.{}], or give it a window of the other tenant",
                vault.name
            ),
        ),
    }
}
