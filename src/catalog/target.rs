//! What PIM can give for a time: membership of a group, or an Azure role on a scope.

use std::fmt;

use uuid::Uuid;

use super::nearest;

/// What a window gives the user while it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Membership of a PIM group (Microsoft Graph).
    Group {
        /// The group's object id.
        group: Uuid,
        /// As what the user joins the group.
        access: AccessId,
    },
    /// A role on a vault, a secret, or whatever holds them (Azure Resource Manager).
    AzureRole {
        /// Where the role is wanted; the eligibility may lie above it.
        scope: Scope,
        /// Which role.
        role: Role,
    },
}

impl Target {
    /// Whether who has it has `wanted` too: the same, or the same role where it holds there as well.
    #[must_use]
    pub fn gives(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (
                Self::AzureRole { scope, role },
                Self::AzureRole {
                    scope: inner,
                    role: wanted,
                },
            ) => role == wanted && scope.holds(inner),
            (held, wanted) => held == wanted,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group { group, access } => write!(f, "{access} of group {group}"),
            Self::AzureRole { scope, role } => write!(f, "{role} on {scope}"),
        }
    }
}

/// As what one joins a PIM group (`accessId` of Microsoft Graph).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessId {
    /// A member.
    Member,
    /// An owner.
    Owner,
}

impl fmt::Display for AccessId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Member => "member",
            Self::Owner => "owner",
        })
    }
}

/// Where a role holds: the path of a resource, or of what holds resources, in Resource Manager.
///
/// It becomes a part of addresses that a token is sent to, so it holds nothing but what names
/// there may hold.
#[derive(Clone, Debug)]
pub struct Scope(String);

impl Scope {
    /// `/subscriptions/GUID`, what lies in it, or a management group.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.strip_prefix('/')?.split('/').collect();
        if !parts.iter().all(|part| is_segment(part)) {
            return None;
        }
        let is = |part: &str, word: &str| part.eq_ignore_ascii_case(word);
        let sound = match parts.as_slice() {
            [kind, space, groups, _] if is(kind, "providers") => {
                is(space, "Microsoft.Management") && is(groups, "managementGroups")
            }
            [kind, id, rest @ ..] if is(kind, "subscriptions") => {
                let rest = match rest {
                    [kind, _, inner @ ..] if is(kind, "resourceGroups") => inner,
                    _ => rest,
                };
                let resource = match rest {
                    [] => true,
                    [kind, _, inner @ ..] if is(kind, "providers") => {
                        !inner.is_empty() && inner.len() % 2 == 0
                    }
                    _ => false,
                };
                resource && is_guid(id)
            }
            _ => false,
        };
        sound.then(|| Self(text.to_owned()))
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what holds here holds there too: whether `other` is this, or lies in it.
    ///
    /// Of a management group nobody can tell from the paths alone: it holds only itself here.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        let (own, other) = (self.0.to_lowercase(), other.0.to_lowercase());
        other
            .strip_prefix(&own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Resource Manager does not tell upper case from lower.
impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_lowercase() == other.0.to_lowercase()
    }
}

impl Eq for Scope {}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_segment(part: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "-_.()".contains(c);
    !part.is_empty() && part.chars().all(allowed) && !part.chars().all(|c| c == '.')
}

fn is_guid(text: &str) -> bool {
    // The long form only: `Uuid` would also take URNs and braces.
    text.len() == 36 && Uuid::parse_str(text).is_ok()
}

/// An Azure role, by its definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role(Uuid);

impl Role {
    /// The GUID of a role definition, or the name of one of Key Vault's own roles.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if is_guid(text) {
            return Uuid::parse_str(text).ok().map(Self);
        }
        let known = KNOWN
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(text));
        known.map(|(_, id)| Self(Uuid::from_u128(*id)))
    }

    /// The name that `text` may have meant.
    #[must_use]
    pub fn nearest(text: &str) -> Option<&'static str> {
        nearest(text, KNOWN.iter().map(|(name, _)| *name))
    }

    /// The role definition's GUID, the same in every subscription for the roles of Azure itself.
    #[must_use]
    pub const fn id(self) -> Uuid {
        self.0
    }

    /// Whether it reads secrets; `None` if it is none of Key Vault's own.
    #[must_use]
    pub fn reads_secrets(self) -> Option<bool> {
        let (name, _) = KNOWN.iter().find(|(_, id)| *id == self.0.as_u128())?;
        Some(READ_SECRETS.contains(name))
    }

    /// How the configuration writes it.
    #[must_use]
    pub fn word(self) -> String {
        let known = KNOWN.iter().find(|(_, id)| *id == self.0.as_u128());
        known.map_or_else(|| self.0.to_string(), |(name, _)| (*name).to_owned())
    }

    /// Whether `definition` is the path of this role's definition, wherever that is looked from.
    #[must_use]
    pub fn is(self, definition: &str) -> bool {
        let id = definition.rsplit('/').next().unwrap_or_default();
        is_guid(id) && Uuid::parse_str(id) == Ok(self.0)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = KNOWN.iter().find(|(_, id)| *id == self.0.as_u128());
        match known {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "role {}", self.0),
        }
    }
}

/// Key Vault's roles for what a vault holds ("Azure built-in roles").
const KNOWN: [(&str, u128); 8] = [
    (
        "Key Vault Administrator",
        0x00482a5a_887f_4fb3_b363_3b7fe8e74483,
    ),
    (
        "Key Vault Certificate User",
        0xdb79e9a7_68ee_4b58_9aeb_b90e7c24fcba,
    ),
    (
        "Key Vault Certificates Officer",
        0xa4417e6f_fecd_4de8_b567_7b0420556985,
    ),
    (
        "Key Vault Crypto Officer",
        0x14b46e9e_c2b7_41b4_b07b_48a6ebf60603,
    ),
    (
        "Key Vault Crypto User",
        0x12338af0_0e69_4776_bea7_57ae8d297424,
    ),
    ("Key Vault Reader", 0x21090545_7ca7_4776_b22c_e363652d74d2),
    (
        "Key Vault Secrets Officer",
        0xb86a8fe4_44ce_4948_aee5_eccb2c155cd7,
    ),
    (
        "Key Vault Secrets User",
        0x4633458b_17de_408a_b874_0445c86b69e6,
    ),
];

/// Those of them that read secrets.
const READ_SECRETS: [&str; 3] = [
    "Key Vault Administrator",
    "Key Vault Secrets Officer",
    "Key Vault Secrets User",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SUBSCRIPTION: &str = "/subscriptions/11111111-2222-3333-4444-555555555555";

    fn scope(below: &str) -> Option<Scope> {
        Scope::parse(&format!("{SUBSCRIPTION}{below}"))
    }

    #[test]
    fn a_scope_is_a_subscription_or_what_lies_in_it_or_a_management_group() {
        for below in [
            "",
            "/resourceGroups/rg-ops",
            "/resourceGroups/rg_(ops).1/providers/Microsoft.KeyVault/vaults/kv",
            "/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv/secrets/root",
        ] {
            assert!(scope(below).is_some(), "{below}");
        }
        let management = "/providers/Microsoft.Management/managementGroups/root";
        assert!(Scope::parse(management).is_some());
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_scope() {
        for below in [
            "/",
            "/resourceGroups",
            "/resourceGroups/..",
            "/resourceGroups/../providers",
            "/resourceGroups/rg?x=1",
            "/resourceGroups/rg#x",
            "/resourceGroups/r%67",
            "/resourceGroups/r g",
            "/resourceGroups/rg/providers/Microsoft.KeyVault",
            "/resourceGroups/rg/providers/Microsoft.KeyVault/vaults",
            "/resourceGroups/rg//providers/Microsoft.KeyVault/vaults/kv",
        ] {
            assert!(scope(below).is_none(), "{below}");
        }
        for bad in [
            "",
            "/",
            "//evil.example/x",
            "subscriptions/x",
            "/subscriptions/prod",
        ] {
            assert!(Scope::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_scope_holds_itself_and_what_lies_in_it_but_no_neighbour() {
        let group = scope("/resourceGroups/rg").unwrap();
        let vault = scope("/RESOURCEGROUPS/RG/providers/Microsoft.KeyVault/vaults/kv").unwrap();
        let neighbour = scope("/resourceGroups/rg2").unwrap();
        assert!(group.holds(&vault) && group.holds(&group));
        assert!(!vault.holds(&group) && !group.holds(&neighbour));
    }

    #[test]
    fn a_role_is_known_by_its_name_and_its_guid() {
        let role = Role::parse("key vault secrets user").unwrap();
        assert_eq!(
            Role::parse("4633458b-17de-408a-b874-0445c86b69e6"),
            Some(role)
        );
        assert_eq!(role.to_string(), "Key Vault Secrets User");
        let path = format!("{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/");
        assert!(role.is(&format!("{path}4633458B-17DE-408A-B874-0445C86B69E6")));
        assert!(!role.is(&path) && !role.is("4633458b"));
        assert_eq!(Role::parse("Key Vault Secret User"), None);
        assert_eq!(
            Role::nearest("Key Vault Secret User"),
            Some("Key Vault Secrets User")
        );
    }

    proptest! {
        #[test]
        fn a_scope_never_changes_the_address_it_is_put_into(text in "[/a-zA-Z0-9.%?#@:\\\\ -]{0,60}") {
            if let Some(scope) = Scope::parse(&text) {
                let mut url = url::Url::parse("https://management.azure.com").unwrap();
                url.set_path(scope.as_str());
                prop_assert_eq!(url.host_str(), Some("management.azure.com"));
                prop_assert_eq!(url.path(), scope.as_str());
                prop_assert!(url.query().is_none());
            }
        }
    }
}
