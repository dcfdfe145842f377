//! Azure roles as data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Policy, Role};

/// An Azure role on a scope, and who has to do with it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AzureRole {
    /// The path of a resource, or of what holds it; a vault's is that of [`vault_path`].
    pub scope: String,
    /// The role.
    pub role: Role,
    /// What PIM asks of those who activate it.
    #[serde(default)]
    pub policy: Policy,
    /// User names of those who may activate it.
    #[serde(default)]
    pub eligible: Vec<String>,
    /// The group through which they may, if it is not their own eligibility.
    pub through: Option<String>,
    /// When the eligibility itself ends.
    pub end: Option<Timestamp>,
    /// User names, or ids of applications, of those who hold it for good.
    #[serde(default)]
    pub assigned: Vec<String>,
}

/// The path of a vault in Resource Manager; all of them lie in one resource group.
#[must_use]
pub fn vault_path(vault: &str) -> String {
    format!("{RESOURCE_GROUP}/providers/Microsoft.KeyVault/vaults/{vault}")
}

/// The resource group of all vaults.
pub const RESOURCE_GROUP: &str =
    "/subscriptions/5d2c9f0e-8f0b-4d62-9d3e-0d1c2b3a4f5e/resourceGroups/rg-vaults";

impl Role {
    /// Its display name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CryptoUser => "Key Vault Crypto User",
            Self::Reader => "Key Vault Reader",
            Self::SecretsOfficer => "Key Vault Secrets Officer",
            Self::SecretsUser => "Key Vault Secrets User",
        }
    }

    /// The role of that definition.
    #[must_use]
    pub fn of(definition: &str) -> Option<Self> {
        let all = [
            Self::CryptoUser,
            Self::Reader,
            Self::SecretsOfficer,
            Self::SecretsUser,
        ];
        let is = |role: &Self| role.definition().eq_ignore_ascii_case(definition);
        all.into_iter().find(is)
    }

    /// The GUID of its definition ("Azure built-in roles").
    #[must_use]
    pub const fn definition(self) -> &'static str {
        match self {
            Self::CryptoUser => "12338af0-0e69-4776-bea7-57ae8d297424",
            Self::Reader => "21090545-7ca7-4776-b22c-e363652d74d2",
            Self::SecretsOfficer => "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
            Self::SecretsUser => "4633458b-17de-408a-b874-0445c86b69e6",
        }
    }
}
