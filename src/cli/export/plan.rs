//! What there is to set up in one tenant, in the order of the configuration.
//!
//! Enters: the configuration. Leaves: each group once, with a policy for each way to join it, and
//! each vault once. What never happens here: a word of any of the languages it is written in.

use std::collections::HashSet;

use jiff::SignedDuration;
use uuid::Uuid;

use crate::catalog::{
    AccessId, AzureCloud, Role, Scope, SignInMethod, Target, Tenant, VaultSpec, WindowSpec,
};
use crate::config::Config;

/// Everything to set up for one tenant.
pub(super) struct Plan<'c> {
    pub(super) tenant: &'c Tenant,
    pub(super) groups: Vec<Group>,
    pub(super) roles: Vec<AzureRole>,
    pub(super) vaults: Vec<Vault>,
}

/// A PIM group.
pub(super) struct Group {
    /// What it is called in the text; unique in the plan.
    pub(super) label: String,
    pub(super) id: Uuid,
    pub(super) memberships: Vec<Membership>,
}

/// A way to join a group, which has a policy of its own.
pub(super) struct Membership {
    pub(super) label: String,
    pub(super) access: AccessId,
    pub(super) terms: Terms,
}

/// An Azure role that people may activate.
pub(super) struct AzureRole {
    /// What it is called in the text; unique among groups and roles.
    pub(super) label: String,
    pub(super) role: Role,
    pub(super) scope: Scope,
    pub(super) terms: Terms,
}

/// What the windows of one policy need of it.
pub(super) struct Terms {
    /// The windows it is for.
    pub(super) windows: Vec<String>,
    /// The longest activation that one of them asks for, as PIM can have it.
    pub(super) longest: SignedDuration,
    /// Whether one of them gives a ticket.
    pub(super) ticket: bool,
}

/// A vault, and the groups that may read it.
pub(super) struct Vault {
    pub(super) label: String,
    /// The first part of its host name, which is its name in Azure.
    pub(super) name: String,
    /// What groups get on it.
    pub(super) rights: Vec<Right>,
}

/// What a group gets on a vault.
#[derive(PartialEq, Eq)]
pub(super) struct Right {
    /// The group's label.
    pub(super) group: String,
    pub(super) role: &'static VaultRole,
}

/// A role of Key Vault's own.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VaultRole {
    pub(super) name: &'static str,
    pub(super) id: &'static str,
    /// What it lets one do with a vault.
    pub(super) does: &'static str,
    /// Tells apart what a text names after it.
    pub(super) suffix: &'static str,
}

impl<'c> Plan<'c> {
    pub(super) fn of(config: &'c Config, tenant: &'c Tenant) -> Self {
        let mut labels = Labels::default();
        let mut plan = Self {
            tenant,
            groups: Vec::new(),
            roles: Vec::new(),
            vaults: Vec::new(),
        };
        let ours = |window: &WindowSpec| window.tenant.name == tenant.name;
        for window in config.windows.iter().filter(|it| ours(it)) {
            plan.add_window(window, &mut labels);
        }
        let mut labels = Labels::default();
        for vault in config.vaults.iter().filter(|it| ours(&it.window)) {
            plan.add_vault(config, vault, &mut labels);
        }
        plan
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.roles.is_empty()
    }

    /// Whether somebody signs in with a code on another device, which the application has to allow.
    pub(super) fn device_code(&self) -> bool {
        self.tenant.sign_in == SignInMethod::DeviceCode
    }

    /// Whether people sign in by an application of the tenant's own.
    pub(super) fn has_application(&self) -> bool {
        let of_others = [SignInMethod::AzureCli, SignInMethod::ManagedIdentity];
        !of_others.contains(&self.tenant.sign_in)
    }

    /// Azure Service Management, if there is an Azure role to be activated by it.
    pub(super) fn service_management(&self) -> Option<&'static str> {
        let id = match self.tenant.cloud {
            AzureCloud::UsGov | AzureCloud::UsGovDod => "40a69793-8fe6-4db1-9591-dbc5c57b17d8",
            AzureCloud::Public | AzureCloud::China => "797f4846-ba00-4fd7-ba43-dac1f8f63013",
        };
        (!self.roles.is_empty()).then_some(id)
    }

    fn add_window(&mut self, window: &WindowSpec, labels: &mut Labels) {
        match &window.target {
            Target::Group { group, access } => self.add_membership(*group, *access, window, labels),
            Target::AzureRole { scope, role } => {
                let same = |it: &&mut AzureRole| it.role == *role && it.scope == *scope;
                match self.roles.iter_mut().find(same) {
                    Some(known) => known.terms.add(window),
                    None => self.roles.push(AzureRole {
                        label: labels.of(window.name.as_str()),
                        role: *role,
                        scope: scope.clone(),
                        terms: Terms::of(window),
                    }),
                }
            }
        }
    }

    fn add_membership(
        &mut self,
        id: Uuid,
        access: AccessId,
        window: &WindowSpec,
        labels: &mut Labels,
    ) {
        let Some(group) = self.groups.iter_mut().find(|it| it.id == id) else {
            let label = labels.of(window.name.as_str());
            let membership = Membership {
                label: label.clone(),
                access,
                terms: Terms::of(window),
            };
            let memberships = vec![membership];
            return self.groups.push(Group {
                label,
                id,
                memberships,
            });
        };
        let mut memberships = group.memberships.iter_mut();
        match memberships.find(|it| it.access == access) {
            Some(known) => known.terms.add(window),
            None => group.memberships.push(Membership {
                label: labels.of(window.name.as_str()),
                access,
                terms: Terms::of(window),
            }),
        }
    }

    /// A role opens the vault by itself; a group has to be given a right on it.
    fn add_vault(&mut self, config: &Config, vault: &VaultSpec, labels: &mut Labels) {
        let host = vault.url.host_str().unwrap_or_default();
        let name = host.split('.').next().unwrap_or_default();
        let opens = |group: &&Group| matches!(&vault.window.target, Target::Group { group: id, .. } if *id == group.id);
        let group = self.groups.iter().find(opens).map(|it| it.label.clone());
        let roles = roles(config, vault);
        let rights = group.iter().flat_map(|group| {
            roles.iter().map(|&role| Right {
                group: group.clone(),
                role,
            })
        });
        let known = self.vaults.iter_mut().find(|known| known.name == name);
        match known {
            Some(known) => {
                for right in rights {
                    if !known.rights.contains(&right) {
                        known.rights.push(right);
                    }
                }
            }
            None => self.vaults.push(Vault {
                label: labels.of(vault.name.as_str()),
                name: name.to_owned(),
                rights: rights.collect(),
            }),
        }
    }
}

impl AzureRole {
    /// The path of its definition, as seen from its scope.
    pub(super) fn definition(&self) -> String {
        let id = self.role.id();
        let mut parts = self.scope.as_str().split('/').skip(1);
        match (parts.next(), parts.next()) {
            (Some(kind), Some(subscription)) if kind.eq_ignore_ascii_case("subscriptions") => {
                format!("/{kind}/{subscription}/{DEFINITIONS}/{id}")
            }
            _ => format!("/{DEFINITIONS}/{id}"),
        }
    }
}

impl Terms {
    fn of(window: &WindowSpec) -> Self {
        Self {
            windows: vec![window.name.to_string()],
            longest: half_hours(window.duration),
            ticket: window.ticket.is_some(),
        }
    }

    fn add(&mut self, window: &WindowSpec) {
        let more = Self::of(window);
        self.windows.extend(more.windows);
        self.longest = self.longest.max(more.longest);
        self.ticket |= more.ticket;
    }
}

/// PIM counts in half hours, up to a day.
fn half_hours(wished: SignedDuration) -> SignedDuration {
    let halves = (wished.as_secs().max(1) + 1799) / 1800;
    SignedDuration::from_mins(halves.min(48) * 30)
}

/// The words that stand for names: letters, digits and `_`, each once.
#[derive(Default)]
struct Labels(HashSet<String>);

impl Labels {
    fn of(&mut self, name: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
        let mut label: String = name.chars().map(plain).collect();
        label.make_ascii_lowercase();
        // No language takes a digit in front.
        if !label.starts_with(|c: char| c.is_ascii_alphabetic()) {
            label.insert_str(0, "n_");
        }
        while !self.0.insert(label.clone()) {
            label.push('_');
        }
        label
    }
}

const DEFINITIONS: &str = "providers/Microsoft.Authorization/roleDefinitions";

/// What a vault's group needs for what the configuration has there.
fn roles(config: &Config, vault: &VaultSpec) -> Vec<&'static VaultRole> {
    let here = config
        .catalog
        .iter()
        .filter(|it| it.vault.name == vault.name);
    let (keys, secrets): (Vec<_>, Vec<_>) = here.partition(|it| it.object.stays());
    // Of a vault without credentials nothing is known: most have secrets.
    let reads = (!secrets.is_empty() || keys.is_empty()).then_some(&SECRETS);
    reads
        .into_iter()
        .chain((!keys.is_empty()).then_some(&KEYS))
        .collect()
}

pub(super) static SECRETS: VaultRole = VaultRole {
    name: "Key Vault Secrets User",
    id: "4633458b-17de-408a-b874-0445c86b69e6",
    does: "read the vault",
    suffix: "",
};

pub(super) static KEYS: VaultRole = VaultRole {
    name: "Key Vault Crypto User",
    id: "12338af0-0e69-4776-bea7-57ae8d297424",
    does: "use the vault's keys",
    suffix: "_keys",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_named_from_where_its_scope_lies() {
        let of = |scope: &str| {
            let role = AzureRole {
                label: String::new(),
                role: Role::parse(SECRETS.id).unwrap(),
                scope: Scope::parse(scope).unwrap(),
                terms: Terms {
                    windows: Vec::new(),
                    longest: SignedDuration::ZERO,
                    ticket: false,
                },
            };
            role.definition()
        };
        let subscription = "/subscriptions/11111111-2222-3333-4444-555555555555";
        assert_eq!(
            of(&format!("{subscription}/resourceGroups/ops")),
            format!("{subscription}/{DEFINITIONS}/{}", SECRETS.id)
        );
        let root = of("/providers/Microsoft.Management/managementGroups/root");
        assert_eq!(root, format!("/{DEFINITIONS}/{}", SECRETS.id));
    }

    #[test]
    fn a_span_becomes_one_that_pim_can_have() {
        let minutes = |wished| half_hours(SignedDuration::from_mins(wished)).as_mins();
        assert_eq!([5, 30, 31, 90, 1440].map(minutes), [30, 30, 60, 90, 1440]);
    }

    #[test]
    fn names_that_differ_only_in_what_a_label_cannot_have_stay_apart() {
        let mut labels = Labels::default();
        let made = ["a-b", "a.b", "A_b", "1st"].map(|name| labels.of(name));
        assert_eq!(made, ["a_b", "a_b_", "a_b__", "n_1st"]);
    }
}
