//! A private key that stays in its vault, as far as it is known here.
//!
//! Enters: its public half; data to sign; what the vault answers. Leaves: what to ask the vault for,
//! and the signature as SSH encodes it. What never happens here: a signature that was not verified.

use aws_lc_rs::digest;
use ssh_key::PublicKey;
use ssh_key::public::{EcdsaPublicKey, KeyData};

use super::private_key::{KeyProblem, SHA2_256, SHA2_512, blob, ecdsa_blob};
use crate::signature::verify;

/// A key of a vault, and which of its versions.
pub struct VaultKey {
    public: PublicKey,
    version: String,
}

/// What a vault is asked to sign.
#[derive(Debug, PartialEq, Eq)]
pub struct ToSign {
    /// The version of the key.
    pub version: String,
    /// As JSON Web Algorithms call it (RFC 7518, section 3.1): `RS256`, `ES384` and so on.
    pub algorithm: &'static str,
    /// The digest of the data, by the hash of that algorithm.
    pub digest: Vec<u8>,
    ssh: &'static str,
}

/// An answer of a vault that is no signature of its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what the vault answered is no signature of this key over what was to be signed")]
pub struct NotSigned;

impl VaultKey {
    /// The key whose public half is `public`, in that version.
    #[must_use]
    pub const fn new(public: PublicKey, version: String) -> Self {
        Self { public, version }
    }

    /// What to ask the vault for, so that it signs `data`; `flags` are those of the request
    /// (RFC 9987, section 5.6.1).
    ///
    /// # Errors
    /// If the flags ask for what is not done: SHA-1, or a bit that nobody has defined.
    pub fn asks(&self, data: &[u8], flags: u32) -> Result<ToSign, KeyProblem> {
        if flags & !(SHA2_256 | SHA2_512) != 0 {
            return Err(KeyProblem::Flags(flags));
        }
        let (algorithm, ssh, hash) = match self.public.key_data() {
            KeyData::Ecdsa(EcdsaPublicKey::NistP256(_)) => {
                ("ES256", "ecdsa-sha2-nistp256", &digest::SHA256)
            }
            KeyData::Ecdsa(EcdsaPublicKey::NistP384(_)) => {
                ("ES384", "ecdsa-sha2-nistp384", &digest::SHA384)
            }
            KeyData::Ecdsa(EcdsaPublicKey::NistP521(_)) => {
                ("ES512", "ecdsa-sha2-nistp521", &digest::SHA512)
            }
            KeyData::Rsa(_) => match flags {
                0 => return Err(KeyProblem::Sha1),
                SHA2_512 => ("RS512", "rsa-sha2-512", &digest::SHA512),
                // SHA-256 first when both are allowed, as in OpenSSH.
                _ => ("RS256", "rsa-sha2-256", &digest::SHA256),
            },
            _ => return Err(KeyProblem::unsupported("a kind of key that no vault has")),
        };
        Ok(ToSign {
            version: self.version.clone(),
            algorithm,
            digest: digest::digest(hash, data).as_ref().to_vec(),
            ssh,
        })
    }

    /// The signature over `data` that `answer` is, as SSH encodes it: algorithm and value.
    ///
    /// # Errors
    /// If it is none of this key over this data.
    pub fn signature(
        &self,
        asked: &ToSign,
        answer: &[u8],
        data: &[u8],
    ) -> Result<Vec<u8>, NotSigned> {
        let encoded = match self.public.key_data() {
            KeyData::Rsa(_) => blob(asked.ssh, answer),
            // `r` and `s` side by side (RFC 7518, section 3.4); SSH takes two mpints.
            _ => ecdsa_blob(asked.ssh, answer).map_err(|_| NotSigned)?,
        };
        let held = verify(self.public.key_data(), data, &encoded);
        held.map_err(|_| NotSigned)?;
        Ok(encoded)
    }
}

#[cfg(test)]
mod tests;
