//! What an RSA key does for the certificate that it belongs to.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256};

use super::{KeyProblem, Pair, PrivateKey};

impl PrivateKey {
    pub(in crate::secret) const fn is_rsa(&self) -> bool {
        matches!(self.pair, Pair::Rsa(_))
    }

    /// Whether `public`, as a certificate has it, is its public half.
    pub(in crate::secret) fn is_of(&self, public: &[u8]) -> bool {
        let ours = match &self.pair {
            Pair::Ecdsa(_, pair) => pair.public_key().as_ref(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
            Pair::Rsa(pair) => pair.public_key().as_ref(),
        };
        ours == public
    }

    /// Signs with PSS and SHA-256. Another padding than that of SSH: what is signed here is of no use
    /// for a login, and the reverse.
    pub(in crate::secret) fn sign_ps256(&self, data: &[u8]) -> Result<Vec<u8>, KeyProblem> {
        let Pair::Rsa(pair) = &self.pair else {
            return Err(KeyProblem::unsupported("no RSA key"));
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PSS_SHA256, &SystemRandom::new(), data, &mut signature)?;
        Ok(signature)
    }
}
