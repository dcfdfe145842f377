//! Checks SSH signatures of every type a host key can have.
//!
//! In go a public key, a message and a signature as SSH encodes it. What cannot be checked is
//! refused: SHA-1, DSA, RSA below 1024 bits, unknown types.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    EcdsaVerificationAlgorithm, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, UnparsedPublicKey,
};
use ssh_key::public::{EcdsaPublicKey, KeyData, RsaPublicKey};

use crate::wire::{Malformed, Wire};

/// The signature does not hold, or cannot be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not hold")]
pub struct NotVerified;

/// Checks that `blob` is a signature of `key` over `message`.
///
/// # Errors
/// If it is not.
pub fn verify(key: &KeyData, message: &[u8], blob: &[u8]) -> Result<(), NotVerified> {
    let mut wire = Wire::new(blob);
    let (algorithm, value) = (wire.string()?, wire.string()?);
    match plain(key) {
        KeyData::Ed25519(public) if algorithm == b"ssh-ed25519" => {
            wire.end()?;
            ed25519(&public.0, message, value)
        }
        KeyData::Ecdsa(public) if algorithm == public.algorithm().as_str().as_bytes() => {
            wire.end()?;
            ecdsa(public, message, value)
        }
        KeyData::Rsa(public) => {
            wire.end()?;
            rsa(public, algorithm, message, value)
        }
        KeyData::SkEd25519(public) if algorithm == b"sk-ssh-ed25519@openssh.com" => {
            let message = token_message(public.application(), wire, message)?;
            ed25519(&public.public_key().0, &message, value)
        }
        KeyData::SkEcdsaSha2NistP256(public)
            if algorithm == b"sk-ecdsa-sha2-nistp256@openssh.com" =>
        {
            let message = token_message(public.application(), wire, message)?;
            let point = EcdsaPublicKey::NistP256(*public.ec_point());
            ecdsa(&point, &message, value)
        }
        _ => Err(NotVerified),
    }
}

/// The key inside a certificate; any other key as it is.
#[must_use]
pub fn plain(key: &KeyData) -> &KeyData {
    key.certificate()
        .map_or(key, |certificate| certificate.public_key())
}

fn ed25519(public: &[u8], message: &[u8], value: &[u8]) -> Result<(), NotVerified> {
    Ok(UnparsedPublicKey::new(&ED25519, public).verify(message, value)?)
}

fn ecdsa(public: &EcdsaPublicKey, message: &[u8], value: &[u8]) -> Result<(), NotVerified> {
    let (algorithm, width): (&'static EcdsaVerificationAlgorithm, usize) = match public {
        EcdsaPublicKey::NistP256(_) => (&ECDSA_P256_SHA256_FIXED, 32),
        EcdsaPublicKey::NistP384(_) => (&ECDSA_P384_SHA384_FIXED, 48),
        EcdsaPublicKey::NistP521(_) => (&ECDSA_P521_SHA512_FIXED, 66),
    };
    let mut wire = Wire::new(value);
    let (r, s) = (wire.mpint()?, wire.mpint()?);
    wire.end()?;
    let fixed = [widened(r, width)?, widened(s, width)?].concat();
    let public = UnparsedPublicKey::new(algorithm, public.as_sec1_bytes());
    Ok(public.verify(message, &fixed)?)
}

/// RFC 8332. The lower limit is OpenSSH's own for host keys (RequiredRSASize); what `ssh` lets a
/// user log in to, the agent has to be able to tell.
fn rsa(
    public: &RsaPublicKey,
    algorithm: &[u8],
    message: &[u8],
    value: &[u8],
) -> Result<(), NotVerified> {
    let parameters = match algorithm {
        b"rsa-sha2-256" => &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        b"rsa-sha2-512" => &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        _ => return Err(NotVerified),
    };
    let n = public.n().as_positive_bytes().ok_or(NotVerified)?;
    let e = public.e().as_positive_bytes().ok_or(NotVerified)?;
    // Some servers drop leading zeros of the value.
    let value = widened(value, n.len())?;
    Ok(PublicKeyComponents { n, e }.verify(parameters, message, &value)?)
}

/// What a security key signs instead of the message (PROTOCOL.u2f).
fn token_message(
    application: &str,
    mut rest: Wire<'_>,
    message: &[u8],
) -> Result<Vec<u8>, NotVerified> {
    let (flags, counter) = (rest.byte()?, rest.uint32()?);
    rest.end()?;
    let mut signed = digest(&SHA256, application.as_bytes()).as_ref().to_vec();
    signed.push(flags);
    signed.extend(counter.to_be_bytes());
    signed.extend(digest(&SHA256, message).as_ref());
    Ok(signed)
}

fn widened(number: &[u8], width: usize) -> Result<Vec<u8>, NotVerified> {
    let zeros = width.checked_sub(number.len()).ok_or(NotVerified)?;
    let mut wide = vec![0; zeros];
    wide.extend_from_slice(number);
    Ok(wide)
}

impl From<Malformed> for NotVerified {
    fn from(_: Malformed) -> Self {
        Self
    }
}

impl From<aws_lc_rs::error::Unspecified> for NotVerified {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}
