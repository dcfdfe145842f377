//! The plan as Terraform: providers azuread and azurerm.

use super::plan::{AzureRole, Group, Membership, Plan, Terms, Vault};
use super::template::fill;
use crate::cloud::GRAPH_SCOPES;

pub(super) fn text(plan: &Plan<'_>) -> String {
    let tenant = plan.tenant;
    let mut text = fill(
        include_str!("terraform/head.tf"),
        &[("TENANT", tenant.name.as_str()), ("TENANT_ID", &tenant.id)],
    );
    if plan.has_application() {
        text.push_str(&application_text(plan));
    }
    for group in &plan.groups {
        text.push_str(&group_text(group));
        for membership in &group.memberships {
            text.push_str(&membership_text(group, membership));
        }
    }
    for role in &plan.roles {
        text.push_str(&role_text(role));
    }
    for vault in &plan.vaults {
        text.push_str(&vault_text(vault));
    }
    text
}

fn application_text(plan: &Plan<'_>) -> String {
    let tenant = plan.tenant;
    let scopes: Vec<String> = GRAPH_SCOPES
        .iter()
        .map(|it| format!("    \"{it}\","))
        .collect();
    let azure = plan.service_management();
    let access = azure.map_or("", |_| include_str!("terraform/azure_access.tf"));
    let mut text = fill(
        include_str!("terraform/application.tf"),
        &[
            ("TENANT", tenant.name.as_str()),
            (
                "CLIENT_ID",
                tenant.client_id.as_deref().unwrap_or("none yet"),
            ),
            ("DEVICE_CODE", &plan.device_code().to_string()),
            ("SCOPES", &scopes.join("\n")),
            ("AZURE_ACCESS", access),
        ],
    );
    if let Some(azure) = azure {
        text.push_str(&fill(
            include_str!("terraform/azure.tf"),
            &[("AZURE", azure)],
        ));
    }
    text
}

fn group_text(group: &Group) -> String {
    let id = group.id.to_string();
    let windows: Vec<&str> = group
        .memberships
        .iter()
        .flat_map(|it| it.terms.windows.iter().map(String::as_str))
        .collect();
    fill(
        include_str!("terraform/group.tf"),
        &[
            ("LABEL", &group.label),
            ("ID", &id),
            ("WINDOWS", &windows.join(", ")),
        ],
    )
}

fn membership_text(group: &Group, membership: &Membership) -> String {
    let access = membership.access.to_string();
    let what = format!("the group as {access}");
    fill(
        &with_policy(include_str!("terraform/membership.tf")),
        &[
            ("LABEL", &membership.label),
            ("GROUP", &group.label),
            ("ACCESS", &access),
            ("WHAT", &what),
            ("PERSON", "singleUser"),
            ("LONGEST", &longest(&membership.terms)),
            ("TICKET", &membership.terms.ticket.to_string()),
        ],
    )
}

fn role_text(role: &AzureRole) -> String {
    fill(
        &with_policy(include_str!("terraform/role.tf")),
        &[
            ("LABEL", &role.label),
            ("WINDOWS", &role.terms.windows.join(", ")),
            ("WHAT", &role.role.to_string()),
            ("PERSON", "User"),
            ("SCOPE", role.scope.as_str()),
            ("DEFINITION", &role.definition()),
            ("LONGEST", &longest(&role.terms)),
            ("TICKET", &role.terms.ticket.to_string()),
        ],
    )
}

/// A template with what the policies of groups and of roles have in common.
fn with_policy(template: &str) -> String {
    let variables = include_str!("terraform/variables.tf");
    let rules = include_str!("terraform/rules.tf");
    fill(template, &[("VARIABLES", variables), ("RULES", rules)])
}

/// The providers write a whole day in days only.
fn longest(terms: &Terms) -> String {
    match terms.longest.as_hours() {
        24 => "P1D".to_owned(),
        _ => terms.longest.to_string(),
    }
}

fn vault_text(vault: &Vault) -> String {
    let mut text = fill(
        include_str!("terraform/vault.tf"),
        &[("LABEL", &vault.label), ("NAME", &vault.name)],
    );
    for right in &vault.rights {
        text.push_str(&fill(
            include_str!("terraform/grant.tf"),
            &[
                ("LABEL", &vault.label),
                ("GROUP", &right.group),
                ("ROLE", right.role.name),
                ("DOES", right.role.does),
                ("SUFFIX", right.role.suffix),
            ],
        ));
    }
    text
}
