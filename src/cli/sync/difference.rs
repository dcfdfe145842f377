//! A key whose public half in the vault is not the pinned one.

use serde_json::{Value, json};
use ssh_key::{HashAlg, PublicKey};

use crate::catalog::Credential;
use crate::config::{Paths, is_own};

/// The key, and what the vault has.
pub(super) struct Difference<'c> {
    pub(super) credential: &'c Credential,
    pinned: PublicKey,
    pub(super) now: PublicKey,
}

impl<'c> Difference<'c> {
    /// The difference, if `now` is one.
    pub(super) fn of(credential: &'c Credential, now: &str) -> Option<Self> {
        let pinned = credential.kind.pinned()?;
        let now = PublicKey::from_openssh(now).ok()?;
        (now.key_data() != pinned.key_data()).then(|| Self {
            credential,
            pinned: pinned.clone(),
            now,
        })
    }

    pub(super) fn is_own(&self, paths: &Paths) -> bool {
        is_own(self.credential, paths)
    }

    /// For people: what stands there, and what would.
    pub(super) fn shown(&self) -> String {
        let line = |sign: char, key: &PublicKey| {
            format!(
                "  {sign} {}  ({})",
                key.to_openssh().unwrap_or_default(),
                key.fingerprint(HashAlg::Sha256)
            )
        };
        format!(
            "{} {} in {} differs from {} in vault {}:\n{}\n{}\n  if nobody told you that it was \
             replaced, ask the owner of the vault before you take it",
            self.credential.kind.word(),
            self.credential.name,
            self.credential.source.display(),
            self.credential.object,
            self.credential.vault.name,
            line('-', &self.pinned),
            line('+', &self.now),
        )
    }

    /// For people: why it is not written.
    pub(super) fn not_own(&self) -> String {
        format!(
            "pimento: {} is not one of your own files: whoever keeps it puts the new public_key of \
             [{}.{}] there",
            self.credential.source.display(),
            self.credential.kind.word(),
            self.credential.name
        )
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "key": self.credential.name.as_str(),
            "file": self.credential.source,
            "pinned": self.pinned.to_openssh().unwrap_or_default(),
            "found": self.now.to_openssh().unwrap_or_default(),
        })
    }
}
