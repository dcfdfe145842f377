//! Private keys as people store them in a vault, made into keys that sign.
//!
//! In go the bytes of a secret: OpenSSH's own format, PKCS#8, PKCS#1, SEC1 or PuTTY's, unharmed or
//! mangled
//! in one of the ways that clipboards and web forms mangle them. Out comes a [`PrivateKey`], with
//! the key object built once (building one costs more than a signature), or a [`KeyProblem`] that
//! names what was found and what to do. What never happens here: a key is copied out, printed or
//! compared; a signature with SHA-1 by a key of a vault; a guess at what a damaged key may have been.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair as RsaKeyPair;
use aws_lc_rs::signature::{
    EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA512,
    RsaSignatureEncoding,
};
use ssh_key::public::{EcdsaPublicKey, Ed25519PublicKey, KeyData, RsaPublicKey};
use ssh_key::{Mpint, PublicKey};

pub use prepared::Prepared;
pub use problem::KeyProblem;
pub use repair::{Format, Repair};

use crate::wire::{Wire, put_mpint, put_string};
use armour::Armour;
pub(super) use armour::written;
use curve::Curve;
use der::Der;

mod added;
mod armour;
mod assertion;
mod curve;
pub(super) mod der;
mod exported;
mod openssh;
mod prepared;
mod problem;
mod putty;
mod putty_cipher;
mod remainder;
mod repair;
mod sha1;

/// A private key, ready to sign.
///
/// AWS-LC wipes what it frees, so dropping the key wipes it.
pub struct PrivateKey {
    pair: Pair,
    public: PublicKey,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    Ecdsa(Curve, EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

/// A private key, and what had to be mended to read it.
pub struct Repaired {
    /// The key.
    pub key: PrivateKey,
    /// How it was written down.
    pub format: Format,
    /// What was mended; empty if it is as its program wrote it.
    pub repairs: Vec<Repair>,
}

impl PrivateKey {
    /// Reads a private key from what a vault holds.
    ///
    /// # Errors
    /// As [`Self::repaired`].
    pub fn parse(bytes: &[u8]) -> Result<Self, KeyProblem> {
        Self::repaired(bytes).map(|repaired| repaired.key)
    }

    /// Reads a private key, and tells what was wrong with how it was stored.
    ///
    /// Only what cannot turn one key into another is mended: a byte order mark, line ends, spaces
    /// and blank lines, lost padding. PuTTY's keys carry a check sum of their own.
    ///
    /// # Errors
    /// If the bytes are not one usable private key; the problem says what they are instead.
    pub fn repaired(bytes: &[u8]) -> Result<Repaired, KeyProblem> {
        if let Some(file) = putty::File::find(bytes)? {
            let numbers = file.numbers(None)?;
            return Ok(Repaired {
                key: Self::from_numbers(&numbers)?,
                format: Format::Putty,
                repairs: file.repairs(),
            });
        }
        let armour = Armour::find(bytes)?;
        let pair = unarmoured(armour.label(), &armour.decode()?)?;
        let format = match armour.label() {
            "OPENSSH PRIVATE KEY" => Format::OpenSsh,
            _ => Format::Pem,
        };
        Ok(Repaired {
            key: Self::from_pair(pair)?,
            format,
            repairs: repair::of(bytes, &armour),
        })
    }

    /// Of its kind and numbers, as [`openssh::numbers`] reads them.
    fn from_numbers(numbers: &[u8]) -> Result<Self, KeyProblem> {
        let mut wire = Wire::new(numbers);
        let kind = wire.string()?;
        let pair = openssh::numbers(kind, &mut wire)?;
        wire.end()?;
        Self::from_pair(pair)
    }

    /// A new Ed25519 key, which is nowhere but here.
    ///
    /// # Errors
    /// If the cryptographic library has no random numbers.
    pub fn generate() -> Result<Self, KeyProblem> {
        Self::from_pair(Pair::Ed25519(Ed25519KeyPair::generate()?))
    }

    fn from_pair(pair: Pair) -> Result<Self, KeyProblem> {
        let public = PublicKey::new(pair.public()?, "");
        Ok(Self { pair, public })
    }

    /// The public key that belongs to it.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs as [`Self::sign`] does, and with SHA-1 if an RSA key is asked for nothing better.
    ///
    /// # Errors
    /// If the flags ask for what nobody has defined, or the cryptographic library fails.
    pub fn sign_as_asked(&self, data: &[u8], flags: u32) -> Result<Vec<u8>, KeyProblem> {
        match &self.pair {
            Pair::Rsa(pair) if flags == 0 => Ok(blob("ssh-rsa", &sha1::sign(pair, data)?)),
            _ => self.sign(data, flags),
        }
    }

    /// Signs `data`; what returns is the signature as SSH encodes it: algorithm and value.
    ///
    /// `flags` are those of the request (RFC 9987 section 5.6.1).
    ///
    /// # Errors
    /// If the flags ask for what is not done (SHA-1, or a bit nobody has defined), or the
    /// cryptographic library fails.
    pub fn sign(&self, data: &[u8], flags: u32) -> Result<Vec<u8>, KeyProblem> {
        // RFC 9987 section 5.6: a flag that is not supported has to fail the request.
        if flags & !(SHA2_256 | SHA2_512) != 0 {
            return Err(KeyProblem::Flags(flags));
        }
        match &self.pair {
            Pair::Ed25519(pair) => Ok(blob("ssh-ed25519", pair.sign(data).as_ref())),
            Pair::Ecdsa(curve, pair) => {
                let fixed = pair.sign(&SystemRandom::new(), data)?;
                ecdsa_blob(curve.algorithm(), fixed.as_ref())
            }
            Pair::Rsa(pair) => {
                let (algorithm, padding) = rsa_hash(flags)?;
                let mut value = vec![0; pair.public_modulus_len()];
                pair.sign(padding, &SystemRandom::new(), data, &mut value)?;
                Ok(blob(algorithm, &value))
            }
        }
    }
}

impl Pair {
    fn public(&self) -> Result<KeyData, KeyProblem> {
        let unexpected = |_| KeyProblem::Cryptography;
        Ok(match self {
            Self::Ed25519(pair) => {
                let bytes = pair.public_key().as_ref().try_into();
                KeyData::Ed25519(Ed25519PublicKey(
                    bytes.map_err(|_| KeyProblem::Cryptography)?,
                ))
            }
            Self::Ecdsa(_, pair) => {
                let point = pair.public_key().as_ref();
                KeyData::Ecdsa(EcdsaPublicKey::from_sec1_bytes(point).map_err(unexpected)?)
            }
            Self::Rsa(pair) => {
                let mut public = Der::new(pair.public_key().as_ref()).sequence()?;
                let n = Mpint::from_positive_bytes(public.integer()?);
                let e = Mpint::from_positive_bytes(public.integer()?);
                KeyData::Rsa(RsaPublicKey::new(e, n).map_err(unexpected)?)
            }
        })
    }
}

/// What a PEM block of that label holds.
fn unarmoured(label: &str, body: &[u8]) -> Result<Pair, KeyProblem> {
    match label {
        "OPENSSH PRIVATE KEY" => openssh::parse(body),
        "PRIVATE KEY" => pkcs8(body),
        "RSA PRIVATE KEY" => pkcs1(body),
        "EC PRIVATE KEY" => sec1(body),
        "ENCRYPTED PRIVATE KEY" => Err(KeyProblem::Encrypted),
        // Not named in the message: it is a part of the secret.
        _ => Err(KeyProblem::unsupported("a PEM block of another kind")),
    }
}

/// Which hash an RSA key has to use; SHA-256 first when both are allowed, as in OpenSSH.
fn rsa_hash(flags: u32) -> Result<(&'static str, &'static RsaSignatureEncoding), KeyProblem> {
    match flags {
        0 => Err(KeyProblem::Sha1),
        SHA2_512 => Ok(("rsa-sha2-512", &RSA_PKCS1_SHA512)),
        _ => Ok(("rsa-sha2-256", &RSA_PKCS1_SHA256)),
    }
}

/// Makes an SSH signature (RFC 5656 section 3.1.2) of `r` and `s` side by side in fixed width,
/// which is how AWS-LC returns them.
pub(super) fn ecdsa_blob(algorithm: &str, fixed: &[u8]) -> Result<Vec<u8>, KeyProblem> {
    let (r, s) = fixed
        .split_at_checked(fixed.len() / 2)
        .filter(|(r, s)| r.len() == s.len() && !r.is_empty())
        .ok_or(KeyProblem::Cryptography)?;
    let mut value = Vec::with_capacity(fixed.len() + 10);
    put_mpint(&mut value, r);
    put_mpint(&mut value, s);
    Ok(blob(algorithm, &value))
}

pub(super) fn blob(algorithm: &str, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + algorithm.len() + value.len());
    put_string(&mut out, algorithm.as_bytes());
    put_string(&mut out, value);
    out
}

/// PKCS#8 (RFC 5958): the algorithm is named inside.
fn pkcs8(whole: &[u8]) -> Result<Pair, KeyProblem> {
    let mut info = Der::new(whole).sequence()?;
    let _version = info.integer()?;
    let mut algorithm = info.sequence()?;
    let name = algorithm.object_id()?;
    match name {
        der::RSA => pkcs1(info.octet_string()?),
        der::ED25519 => Ok(Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(
            whole,
        )?)),
        der::EC => {
            let curve = Curve::from_object_id(algorithm.object_id()?)?;
            let pair = EcdsaKeyPair::from_pkcs8(curve.signing(), whole)?;
            Ok(Pair::Ecdsa(curve, pair))
        }
        der::DSA => Err(KeyProblem::Dsa),
        other => Err(KeyProblem::unsupported(der::describe(other))),
    }
}

/// PKCS#1 (RFC 8017 appendix A.1.2).
fn pkcs1(whole: &[u8]) -> Result<Pair, KeyProblem> {
    let mut key = Der::new(whole).sequence()?;
    let _version = key.integer()?;
    rsa_size(key.integer()?)?;
    Ok(Pair::Rsa(RsaKeyPair::from_der(whole)?))
}

/// SEC1 (RFC 5915); the curve is named, or else known by the length of the number.
fn sec1(whole: &[u8]) -> Result<Pair, KeyProblem> {
    let mut key = Der::new(whole).sequence()?;
    let _version = key.integer()?;
    let number = key.octet_string()?;
    let curve = match key.tagged(0) {
        Ok(mut parameters) => Curve::from_object_id(parameters.object_id()?)?,
        Err(_) => Curve::from_width(number.len())?,
    };
    let pair = EcdsaKeyPair::from_private_key_der(curve.signing(), whole)?;
    Ok(Pair::Ecdsa(curve, pair))
}

/// Refuses what is too weak to use, or so large that every login would wait for it, with the size
/// in the message.
fn rsa_size(modulus: &[u8]) -> Result<(), KeyProblem> {
    let zeros = modulus
        .first()
        .map_or(0, |first| first.leading_zeros() as usize);
    let bits = (modulus.len() * 8).saturating_sub(zeros);
    if (2048..=8192).contains(&bits) {
        Ok(())
    } else {
        Err(KeyProblem::RsaSize(bits))
    }
}

// RFC 9987 section 5.6.1.
pub(super) const SHA2_256: u32 = 0x02;
/// An RSA key is to use SHA-512.
pub const SHA2_512: u32 = 0x04;

#[cfg(test)]
pub(crate) mod tests;
