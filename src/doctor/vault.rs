//! A vault: whether it can be reached, and whether it is one of the tenant's.

use std::sync::Arc;

use super::tenant::Seen;
use super::{Case, Chart, Finding};
use crate::catalog::{Tenant, VaultSpec};
use crate::cloud::CorrelationId;
use crate::house::House;

/// Every vault that a window of `tenant` opens.
pub(super) async fn all(
    house: &House,
    tenant: &Arc<Tenant>,
    seen: &Seen,
    id: CorrelationId,
    chart: &dyn Chart,
) {
    for vault in &house.vaults {
        if vault.window.tenant.name != tenant.name {
            continue;
        }
        let case = Case::of("vault", &vault.name);
        chart.note(match house.survey.tenant_of(&vault.url, id).await {
            Err(refusal) => case.refused(&refusal),
            Ok(owner) => belongs(case, vault, seen.tenant_id.as_deref(), &owner),
        });
    }
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
