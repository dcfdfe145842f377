//! A key that is made here for one window, with the certificate that says what it is for.
//!
//! Enters: an authority's word on it. Leaves: the certificate, and signatures. What never happens
//! here: a key that outlives its window, or is written anywhere.

use std::sync::Arc;

use ssh_key::PublicKey;

use super::private_key::{KeyProblem, PrivateKey};

/// A key, and the certificate of its public half.
pub struct CertifiedKey {
    key: PrivateKey,
    certificate: Arc<[u8]>,
}

/// A key that nobody has certified yet.
pub struct Uncertified(PrivateKey);

impl Uncertified {
    /// A new Ed25519 key.
    ///
    /// # Errors
    /// If the cryptographic library has no random numbers.
    pub fn generate() -> Result<Self, KeyProblem> {
        PrivateKey::generate().map(Self)
    }

    /// What is to be certified.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        self.0.public()
    }

    /// The key with its certificate, as SSH encodes it.
    #[must_use]
    pub fn certified(self, certificate: Vec<u8>) -> CertifiedKey {
        CertifiedKey {
            key: self.0,
            certificate: certificate.into(),
        }
    }
}

impl CertifiedKey {
    /// The certificate, which is public.
    #[must_use]
    pub const fn certificate(&self) -> &Arc<[u8]> {
        &self.certificate
    }

    /// Signs as [`PrivateKey::sign`] does. The signature is the key's own: nothing in it tells that
    /// it is certified.
    ///
    /// # Errors
    /// As there.
    pub fn sign(&self, data: &[u8], flags: u32) -> Result<Vec<u8>, KeyProblem> {
        self.key.sign(data, flags)
    }
}
