//! The cloud's services, by name.

use crate::catalog::Target;

/// A cloud service, as its users call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Microsoft Entra ID.
    Entra,
    /// Azure Key Vault.
    KeyVault,
    /// Privileged Identity Management of groups, through Microsoft Graph.
    Pim,
    /// Privileged Identity Management of Azure roles, through Azure Resource Manager.
    PimAzure,
}

impl Service {
    /// The service that opens and closes windows of that kind.
    #[must_use]
    pub const fn of(target: &Target) -> Self {
        match target {
            Target::Group { .. } => Self::Pim,
            Target::AzureRole { .. } => Self::PimAzure,
        }
    }
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Entra => "Microsoft Entra",
            Self::KeyVault => "Key Vault",
            Self::Pim => "PIM (Microsoft Graph)",
            Self::PimAzure => "PIM (Azure Resource Manager)",
        })
    }
}
