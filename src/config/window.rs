//! `[window.NAME]`: what PIM opens, for how long, and what it is told.

use std::sync::Arc;

use jiff::SignedDuration;
use uuid::Uuid;

use super::access::guid;
use super::entries::{Entries, Entry, Noun};
use super::problem::Findings;
use super::section::{Section, Text};
use super::span::{Limits, span};
use crate::catalog::{
    AccessId, Name, Reason, Role, Scope, SignInMethod, Target, Tenant, Ticket, WindowSpec, nearest,
};

/// Reads one window.
pub(super) fn window(
    entry: &Entry<'_>,
    entries: &Entries<'_>,
    tenants: &[(Name, Arc<Tenant>)],
    findings: &mut Findings,
) -> Option<WindowSpec> {
    let section = &entry.section;
    section.allow(&WINDOW, findings);
    let tenant = section
        .needed("tenant", "write tenant = \"NAME\"", findings)
        .and_then(|text| Some((text, entries.find(Noun::Tenant, text, tenants, findings)?)));
    let target = target(section, findings);
    if let (Some((text, tenant)), Some(target)) = (tenant, &target) {
        can_activate(text, tenant.sign_in, target, findings);
    }
    let duration = duration(section, findings);
    let reason = reason(section, findings);
    let ticket = ticket(section, findings);
    Some(WindowSpec {
        name: entry.name.clone(),
        tenant: Arc::clone(tenant?.1),
        target: target?,
        duration: duration?,
        reason,
        ticket,
    })
}

/// Only a person can activate, and a PIM group only by an application of one's own: the Azure CLI's
/// is not granted the permission (AADSTS65002). For an Azure role the Azure CLI will do; and what is
/// no person may hold one for good.
fn can_activate(text: Text<'_>, sign_in: SignInMethod, target: &Target, findings: &mut Findings) {
    let Target::Group { .. } = target else { return };
    let of_tenant = format!("in [tenant.{}]", text.text);
    let (why, remedy) = match sign_in {
        SignInMethod::Browser | SignInMethod::DeviceCode => return,
        SignInMethod::AzureCli => (
            "the Azure CLI's sign-in cannot open a PIM group: Microsoft does not let its \
             application have that permission (AADSTS65002)",
            format!(
                "register an application of your own (docs/azure-setup.md), then set client_id and \
                 sign_in = \"browser\" {of_tenant}"
            ),
        ),
        SignInMethod::ClientCertificate
        | SignInMethod::ManagedIdentity
        | SignInMethod::WorkloadIdentity => (
            "an application or a managed identity cannot open a PIM group: only a person can",
            format!(
                "name an Azure role that an administrator has assigned to it (scope, role) in place of \
                 the group; or let people sign in: client_id and sign_in = \"browser\" {of_tenant}"
            ),
        ),
    };
    findings.wrong(text.place, why, remedy);
}

/// A group with access to it, or a role on a scope: one of the two.
fn target(section: &Section<'_>, findings: &mut Findings) -> Option<Target> {
    let first = |names: [&str; 2]| names.iter().find_map(|name| section.field(name));
    let (group, azure) = (first(["group", "access"]), first(["scope", "role"]));
    match (group, azure) {
        (Some(of_group), Some(of_role)) => {
            findings.wrong(
                of_role.place,
                format!("{} is both of a group and of an Azure role", section.what),
                format!(
                    "remove {} (and leave `group`), or remove {} (and leave `scope` and `role`); \
                     two things to open are two windows",
                    of_role.name, of_group.name
                ),
            );
            None
        }
        (_, Some(_)) => {
            let (scope, role) = (scope(section, findings), role(section, findings));
            Some(Target::AzureRole {
                scope: scope?,
                role: role?,
            })
        }
        _ => {
            let access = section.word("access", &ACCESS, AccessId::Member, findings);
            Some(Target::Group {
                group: group_id(section, findings)?,
                access: access?,
            })
        }
    }
}

fn group_id(section: &Section<'_>, findings: &mut Findings) -> Option<Uuid> {
    let text = section.needed(
        "group",
        "write group = \"GUID\", the object id of the PIM group \
         (`az ad group show --group NAME --query id`); or, for an Azure role, scope and role",
        findings,
    )?;
    guid(text, "group", findings)
}

fn scope(section: &Section<'_>, findings: &mut Findings) -> Option<Scope> {
    let remedy = "write scope = \"/subscriptions/GUID/resourceGroups/NAME/providers/\
                  Microsoft.KeyVault/vaults/NAME\", or the path of what holds the vault \
                  (`az keyvault show --name NAME --query id`)";
    let text = section.needed("scope", remedy, findings)?;
    let scope = Scope::parse(text.text);
    if scope.is_none() {
        let what = format!(
            "scope = {:?} is not the path of an Azure resource",
            text.text
        );
        findings.wrong(text.place, what, remedy);
    }
    scope
}

fn role(section: &Section<'_>, findings: &mut Findings) -> Option<Role> {
    let text = section.needed(
        "role",
        "write role = \"Key Vault Secrets User\", or the GUID of the role that you are eligible for",
        findings,
    )?;
    let role = Role::parse(text.text);
    if role.is_none() {
        let remedy = match Role::nearest(text.text) {
            Some(name) => format!("did you mean {name:?}?"),
            None => format!(
                "write its GUID (`az role definition list --name {:?} --query [].name`)",
                text.text
            ),
        };
        let what = format!(
            "role = {:?} is none of Key Vault's own roles, and no GUID",
            text.text
        );
        findings.wrong(text.place, what, remedy);
    }
    role
}

fn duration(section: &Section<'_>, findings: &mut Findings) -> Option<SignedDuration> {
    let Some(text) = section.text("duration", findings) else {
        return Some(SignedDuration::from_hours(1));
    };
    let limits = Limits::new(1, WindowSpec::LONGEST.as_secs());
    let span = span(text, "duration", limits, findings)?;
    if span < SignedDuration::from_mins(5) {
        findings.odd(
            text.place,
            format!("duration = {:?} is less than PIM accepts", text.text),
            "PIM refuses activations of less than 5 minutes",
        );
    }
    Some(span)
}

fn reason(section: &Section<'_>, findings: &mut Findings) -> Reason {
    let Some(text) = section.text("reason", findings) else {
        return Reason::Template("{credential} for {program}".to_owned());
    };
    if text.text == "ask" {
        return Reason::Ask;
    }
    for word in placeholders(text.text) {
        if !PLACEHOLDERS.contains(&word) {
            let remedy = match nearest(word, PLACEHOLDERS.into_iter()) {
                Some(name) => format!("did you mean {{{name}}}?"),
                None => "there are {program}, {user}, {host} and {credential}".to_owned(),
            };
            let what = format!("the reason has an unknown placeholder {{{word}}}");
            findings.wrong(text.place, what, remedy);
        }
    }
    if text.text.trim().is_empty() {
        let remedy = "write what PIM should record, or reason = \"ask\"";
        findings.wrong(text.place, "the reason is empty", remedy);
    }
    Reason::Template(text.text.to_owned())
}

fn placeholders(template: &str) -> impl Iterator<Item = &str> {
    let after_braces = template.split('{').skip(1);
    after_braces.filter_map(|rest| rest.split_once('}').map(|(word, _)| word))
}

fn ticket(section: &Section<'_>, findings: &mut Findings) -> Option<Ticket> {
    let ticket = section
        .field("ticket")?
        .section(format!("ticket of {}", section.what), findings)?;
    ticket.allow(&["number", "system"], findings);
    let remedy = "write ticket = { number = \"…\", system = \"…\" }";
    let number = ticket.needed("number", remedy, findings);
    let system = ticket.needed("system", remedy, findings);
    Some(Ticket {
        number: number?.text.to_owned(),
        system: system?.text.to_owned(),
    })
}

const ACCESS: [(&str, AccessId); 2] = [("member", AccessId::Member), ("owner", AccessId::Owner)];

const PLACEHOLDERS: [&str; 4] = ["credential", "host", "program", "user"];

const WINDOW: [&str; 8] = [
    "access", "duration", "group", "reason", "role", "scope", "tenant", "ticket",
];
