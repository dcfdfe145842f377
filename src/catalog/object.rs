//! What a credential is in its vault: Key Vault calls secrets and keys alike objects.

use std::fmt;

use super::ObjectName;

/// An object of a vault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VaultObject {
    /// A secret: given out, and held here while its window is open.
    Secret(ObjectName),
    /// A key: never given out; the vault itself signs with it.
    Key(ObjectName),
}

impl VaultObject {
    /// What the vault calls it.
    #[must_use]
    pub const fn name(&self) -> &ObjectName {
        match self {
            Self::Secret(name) | Self::Key(name) => name,
        }
    }

    /// `secret` or `key`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Secret(_) => "secret",
            Self::Key(_) => "key",
        }
    }

    /// Whether it never leaves its vault.
    #[must_use]
    pub const fn stays(&self) -> bool {
        matches!(self, Self::Key(_))
    }

    /// Its path below the vault's address.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}s/{}", self.kind(), self.name())
    }

    /// The least role with which it can be used.
    #[must_use]
    pub const fn role(&self) -> &'static str {
        match self {
            Self::Secret(_) => "Key Vault Secrets User",
            Self::Key(_) => "Key Vault Crypto User",
        }
    }
}

impl fmt::Display for VaultObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}
