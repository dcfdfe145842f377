//! Private keys: read from every form that OpenSSH knows, and used to sign.
//!
//! Enters: the bytes of a Key Vault secret. Leaves: signatures and the public half. What was
//! mangled on its way into the vault is repaired where that is safe ([`pem`]), and named exactly
//! where it is not. What never happens here: a SHA-1 signature, or a key kept in a form of ours;
//! the library's key object is the only lasting copy, and it wipes itself.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RsaKeyPair,
};
use ssh_key::public::{EcdsaPublicKey, Ed25519PublicKey, KeyData, RsaPublicKey};
use ssh_key::{Mpint, PublicKey};

pub use problem::KeyProblem;

mod openssh;
mod pem;
mod problem;
mod signature;

/// A private key that can sign.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// SSH_AGENT_RSA_SHA2_256 (RFC 9987, section 5.6.1).
const RSA_SHA2_256: u32 = 0x02;
/// SSH_AGENT_RSA_SHA2_512.
const RSA_SHA2_512: u32 = 0x04;

impl PrivateKey {
    /// Reads a private key in OpenSSH, PKCS#8, PKCS#1 or SEC1 form.
    ///
    /// # Errors
    /// What the bytes are instead, and what to do about it.
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyProblem> {
        let block = pem::read(bytes)?;
        let pair = match block.label {
            pem::Label::OpenSsh => openssh::pair(&block.der)?,
            pem::Label::Pkcs1 => rsa(RsaKeyPair::from_der(&block.der).ok())?,
            pem::Label::Pkcs8 => pkcs8(&block.der)?,
            pem::Label::Sec1 => ecdsa(&block.der).ok_or(KeyProblem::Damaged)?,
        };
        let public = pair.public()?;
        Ok(Self { pair, public })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `data`; gives the signature as SSH encodes it: algorithm, then blob.
    ///
    /// `flags` are those of SSH_AGENTC_SIGN_REQUEST. If both RSA flags are set, SHA-256 is taken,
    /// as OpenSSH's agent does.
    ///
    /// # Errors
    /// For flags that ask for something else than SHA-2, which includes RSA without any flag.
    pub fn sign(&self, data: &[u8], flags: u32) -> Result<Vec<u8>, KeyProblem> {
        if flags & !(RSA_SHA2_256 | RSA_SHA2_512) != 0 {
            return Err(KeyProblem::Flags(flags));
        }
        let failed = |_| KeyProblem::Signing;
        match &self.pair {
            Pair::Ed25519(pair) => {
                let signature = pair.try_sign(data).map_err(failed)?;
                Ok(signature::plain("ssh-ed25519", signature.as_ref()))
            }
            Pair::Ecdsa(pair) => {
                let signature = pair.sign(&SystemRandom::new(), data).map_err(failed)?;
                signature::ecdsa(self.public.algorithm().as_str(), signature.as_ref())
                    .ok_or(KeyProblem::Signing)
            }
            Pair::Rsa(pair) => {
                let (name, padding) = match flags {
                    0 => return Err(KeyProblem::Sha1),
                    flags if flags & RSA_SHA2_256 != 0 => ("rsa-sha2-256", &RSA_PKCS1_SHA256),
                    _ => ("rsa-sha2-512", &RSA_PKCS1_SHA512),
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), data, &mut signature)
                    .map_err(failed)?;
                Ok(signature::plain(name, &signature))
            }
        }
    }
}

impl Pair {
    fn public(&self) -> Result<PublicKey, KeyProblem> {
        let damaged = |_| KeyProblem::Damaged;
        let data = match self {
            Self::Ed25519(pair) => KeyData::Ed25519(
                Ed25519PublicKey::try_from(pair.public_key().as_ref()).map_err(damaged)?,
            ),
            Self::Ecdsa(pair) => KeyData::Ecdsa(
                EcdsaPublicKey::from_sec1_bytes(pair.public_key().as_ref()).map_err(damaged)?,
            ),
            Self::Rsa(pair) => {
                let key = pair.public_key();
                let number = |bytes: &[u8]| Mpint::from_positive_bytes(bytes);
                let (e, n) = (key.exponent(), key.modulus());
                let (e, n) = (
                    number(e.big_endian_without_leading_zero()),
                    number(n.big_endian_without_leading_zero()),
                );
                KeyData::Rsa(RsaPublicKey::new(e, n).map_err(damaged)?)
            }
        };
        Ok(PublicKey::new(data, ""))
    }
}

fn pkcs8(der: &[u8]) -> Result<Pair, KeyProblem> {
    if let Ok(pair) = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der) {
        return Ok(Pair::Ed25519(pair));
    }
    match ecdsa(der) {
        Some(pair) => Ok(pair),
        None => rsa(RsaKeyPair::from_pkcs8(der).ok()),
    }
}

fn ecdsa(der: &[u8]) -> Option<Pair> {
    CURVES
        .iter()
        .find_map(|curve| EcdsaKeyPair::from_private_key_der(curve, der).ok())
        .map(Pair::Ecdsa)
}

fn rsa(pair: Option<RsaKeyPair>) -> Result<Pair, KeyProblem> {
    let pair = pair.ok_or(KeyProblem::RsaRejected)?;
    // AWS-LC takes 2048 to 8192 bits; beyond 4096 a login would take longer than a person waits.
    if pair.public_modulus_len() > 512 {
        return Err(KeyProblem::RsaRejected);
    }
    Ok(Pair::Rsa(pair))
}

static CURVES: [&EcdsaSigningAlgorithm; 3] = [
    &ECDSA_P256_SHA256_FIXED_SIGNING,
    &ECDSA_P384_SHA384_FIXED_SIGNING,
    &ECDSA_P521_SHA512_FIXED_SIGNING,
];

#[cfg(test)]
mod tests;
