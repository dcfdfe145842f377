//! The half of the plan that Bicep has types for: the rights on the vaults, and their log.

use super::plan::{KEYS, Plan, SECRETS, Vault};
use super::template::fill;

pub(super) fn text(plan: &Plan<'_>) -> String {
    let mut text = fill(
        include_str!("bicep/head.bicep"),
        &[("TENANT", plan.tenant.name.as_str())],
    );
    for role in [&SECRETS, &KEYS] {
        let mut rights = plan.vaults.iter().flat_map(|vault| &vault.rights);
        if rights.any(|right| right.role == role) {
            text.push_str(&fill(
                include_str!("bicep/role.bicep"),
                &[
                    ("ROLE", role.name),
                    ("ROLE_ID", role.id),
                    ("DOES", role.does),
                    ("SUFFIX", role.suffix),
                ],
            ));
        }
    }
    for group in &plan.groups {
        let id = group.id.to_string();
        text.push_str(&fill(
            include_str!("bicep/group.bicep"),
            &[("LABEL", &group.label), ("ID", &id)],
        ));
    }
    for vault in &plan.vaults {
        text.push_str(&vault_text(vault));
    }
    text
}

fn vault_text(vault: &Vault) -> String {
    let mut text = fill(
        include_str!("bicep/vault.bicep"),
        &[("LABEL", &vault.label), ("NAME", &vault.name)],
    );
    for right in &vault.rights {
        text.push_str(&fill(
            include_str!("bicep/grant.bicep"),
            &[
                ("LABEL", &vault.label),
                ("GROUP", &right.group),
                ("SUFFIX", right.role.suffix),
            ],
        ));
    }
    text
}
