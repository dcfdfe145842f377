//! The plan as a shell script for the Azure CLI.

use super::plan::{AzureRole, Group, Membership, Plan, Right, Vault};
use super::template::fill;
use crate::cloud::GRAPH_SCOPES;

pub(super) fn text(plan: &Plan<'_>) -> String {
    let tenant = plan.tenant;
    let mut variables: String = plan.groups.iter().map(variables).collect();
    variables.extend(plan.roles.iter().map(role_variables));
    let groups: String = plan.groups.iter().map(group).collect();
    let mut pim: String = plan.groups.iter().flat_map(pim).collect();
    pim.extend(plan.roles.iter().map(role));
    let vaults: String = plan.vaults.iter().map(vault).collect();
    fill(
        include_str!("az/script.sh"),
        &[
            ("TENANT", tenant.name.as_str()),
            ("TENANT_ID", &tenant.id),
            ("CLIENT_ID", tenant.client_id.as_deref().unwrap_or("new")),
            ("GRAPH", tenant.graph.as_str().trim_end_matches('/')),
            ("ARM", tenant.arm.as_str().trim_end_matches('/')),
            ("DEVICE_CODE", &plan.device_code().to_string()),
            ("SCOPES", &GRAPH_SCOPES.join(" ")),
            ("AZURE", &azure(plan)),
            ("STEPS", steps(plan)),
            ("VARIABLES", &variables),
            ("GROUPS", nothing_or(&groups)),
            ("PIM", nothing_or(&pim)),
            ("VAULTS", nothing_or(&vaults)),
        ],
    )
}

/// The permission that windows of Azure roles need.
fn azure(plan: &Plan<'_>) -> String {
    let line = |id| format!("    printf ', '\n    permissions {id} user_impersonation\n");
    plan.service_management().map(line).unwrap_or_default()
}

/// The steps that are done unless others are named.
fn steps(plan: &Plan<'_>) -> &'static str {
    match plan.has_application() {
        true => "app groups pim vaults",
        false => "groups pim vaults",
    }
}

/// The lines of a step; a shell takes no empty one.
fn nothing_or(lines: &str) -> &str {
    match lines.trim_end() {
        "" => "    :",
        lines => lines,
    }
}

fn role_variables(role: &AzureRole) -> String {
    fill(
        include_str!("az/role.sh"),
        &[
            ("LABEL", &role.label.to_uppercase()),
            ("ROLE", &role.role.to_string()),
            ("WINDOWS", &role.terms.windows.join(", ")),
        ],
    )
}

fn role(role: &AzureRole) -> String {
    let (label, scope, definition) = (role.label.to_uppercase(), &role.scope, role.definition());
    let (longest, ticket) = (role.terms.longest, role.terms.ticket);
    format!(
        "    role_policy \"{scope}\" {definition} {longest} {ticket} \"$CONTEXT_{label}\" \
         \"$APPROVERS_{label}\" \"$NOTIFY_{label}\"\n    \
         role_eligible \"{scope}\" {definition} \"$ELIGIBLE_{label}\"\n"
    )
}

fn variables(group: &Group) -> String {
    let id = group.id.to_string();
    let mut text = fill(
        include_str!("az/group.sh"),
        &[
            ("LABEL", &group.label.to_uppercase()),
            ("NAME", &group.label.replace('_', "-")),
            ("ID", &id),
        ],
    );
    for membership in &group.memberships {
        text.push_str(&fill(
            include_str!("az/membership.sh"),
            &[
                ("LABEL", &membership.label.to_uppercase()),
                ("ACCESS", &membership.access.to_string()),
                ("WINDOWS", &membership.terms.windows.join(", ")),
            ],
        ));
    }
    text
}

fn group(group: &Group) -> String {
    let label = group.label.to_uppercase();
    format!("    group \"$GROUP_{label}\" \"$NAME_{label}\"\n    GROUP_{label}=$GROUP\n")
}

fn pim(group: &Group) -> impl Iterator<Item = String> {
    let line = |it: &Membership| {
        let (group, label) = (group.label.to_uppercase(), it.label.to_uppercase());
        let (access, longest, ticket) = (it.access, it.terms.longest, it.terms.ticket);
        format!(
            "    policy \"$GROUP_{group}\" {access} {longest} {ticket} \"$CONTEXT_{label}\" \
             \"$APPROVERS_{label}\" \"$NOTIFY_{label}\"\n    \
             eligible \"$GROUP_{group}\" {access} \"$ELIGIBLE_{label}\"\n"
        )
    };
    group.memberships.iter().map(line)
}

fn vault(vault: &Vault) -> String {
    let grant = |right: &Right| {
        let group = right.group.to_uppercase();
        format!(
            "    grant {} \"{}\" \"$GROUP_{group}\"\n",
            vault.name, right.role.name
        )
    };
    let grants: String = vault.rights.iter().map(grant).collect();
    format!("{grants}    log {}\n", vault.name)
}
