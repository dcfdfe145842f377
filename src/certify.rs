//! SSH certificates as an authority is to sign them (PROTOCOL.certkeys); and, in `proof`, what one proves.
//!
//! Enters: a public key, and what is said of its holder. Leaves: the bytes that the authority signs,
//! and with its signature the certificate. What never happens here: a private key, or a signature.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use jiff::Timestamp;
use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use crate::wire::{Wire, put_string};

pub use proof::{CertificateProblem, is_signed, is_valid, proves};

mod proof;

/// What an authority says of the holder of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// Whose key it is: a user's or a host's.
    pub holder: Holder,
    /// What a host writes into its log with each login.
    pub key_id: &'a str,
    /// The accounts or roles of a user, the names of a host. Never empty: some hosts take that for
    /// everybody.
    pub principals: &'a [String],
    /// The first second in which it is valid.
    pub valid_after: Timestamp,
    /// The first second in which it is valid no more.
    pub valid_before: Timestamp,
    /// What a host must honour, or refuse the certificate: name and value.
    pub critical: &'a [(String, String)],
    /// What a host may let a user do: name and value.
    pub extensions: &'a [(String, String)],
}

/// Whose key is certified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Holder {
    /// Somebody who logs in (`SSH_CERT_TYPE_USER`).
    User = 1,
    /// What is logged in to (`SSH_CERT_TYPE_HOST`).
    Host = 2,
}

/// Why there is nothing to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncertifiable {
    /// A certificate, a key of a token, or a kind that is not known.
    #[error("no certificate is made for this kind of key: use Ed25519, ECDSA or RSA")]
    Kind,
    /// It would be valid for nobody, or never.
    #[error("a certificate without names or without any time is for nobody")]
    Nobody,
    /// A key that cannot be encoded, or no random numbers.
    #[error("the cryptographic library failed")]
    Failed,
}

/// The bytes that `authority` is to sign, so that they say `statement` of the holder of `key`.
///
/// # Errors
/// If no certificate can be made of it.
pub fn to_be_signed(
    key: &PublicKey,
    statement: &Statement<'_>,
    authority: &PublicKey,
) -> Result<Vec<u8>, Uncertifiable> {
    let times = [statement.valid_after, statement.valid_before].map(seconds);
    let [Some(after), Some(before)] = times else {
        return Err(Uncertifiable::Nobody);
    };
    if statement.principals.iter().all(String::is_empty) || before <= after {
        return Err(Uncertifiable::Nobody);
    }
    let blob = key.to_bytes().map_err(|_| Uncertifiable::Failed)?;
    let mut public = Wire::new(&blob);
    let algorithm = public.text().map_err(|_| Uncertifiable::Failed)?;
    let (nonce, serial) = (random::<32>()?, random::<8>()?);
    let mut out = Vec::with_capacity(blob.len() + 512);
    put_string(&mut out, certified(key.key_data(), algorithm)?.as_bytes());
    put_string(&mut out, &nonce);
    // The fields of the key, as they stand behind its algorithm.
    out.extend_from_slice(public.rest());
    out.extend_from_slice(&serial);
    out.extend_from_slice(&(statement.holder as u32).to_be_bytes());
    put_string(&mut out, statement.key_id.as_bytes());
    put_string(&mut out, &packed(statement.principals.iter()));
    out.extend_from_slice(&after.to_be_bytes());
    out.extend_from_slice(&before.to_be_bytes());
    put_string(&mut out, &options(statement.critical));
    put_string(&mut out, &options(statement.extensions));
    put_string(&mut out, b"");
    let authority = authority.to_bytes().map_err(|_| Uncertifiable::Failed)?;
    put_string(&mut out, &authority);
    Ok(out)
}

/// Whether `name` is one host's own: a certificate for a pattern would make its holder many hosts.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || "-._:".contains(c);
    !name.is_empty() && name.chars().all(plain)
}

/// The certificate: what was signed, and the signature as SSH encodes it.
#[must_use]
pub fn signed(mut to_be_signed: Vec<u8>, signature: &[u8]) -> Vec<u8> {
    put_string(&mut to_be_signed, signature);
    to_be_signed
}

/// What a certificate of such a key is called.
fn certified(key: &KeyData, algorithm: &str) -> Result<String, Uncertifiable> {
    match key {
        KeyData::Ecdsa(_) | KeyData::Ed25519(_) | KeyData::Rsa(_) => {
            Ok(format!("{algorithm}-cert-v01@openssh.com"))
        }
        _ => Err(Uncertifiable::Kind),
    }
}

fn packed<'a>(strings: impl Iterator<Item = &'a String>) -> Vec<u8> {
    let mut out = Vec::new();
    strings.for_each(|string| put_string(&mut out, string.as_bytes()));
    out
}

/// Options in the order of their names, as PROTOCOL.certkeys wants them. A value is a string within
/// its string; one that is empty is no value at all.
fn options(named: &[(String, String)]) -> Vec<u8> {
    let mut named: Vec<&(String, String)> = named.iter().collect();
    named.sort_unstable();
    named.dedup_by(|one, other| one.0 == other.0);
    let mut out = Vec::new();
    for (name, value) in named {
        put_string(&mut out, name.as_bytes());
        let mut data = Vec::new();
        if !value.is_empty() {
            put_string(&mut data, value.as_bytes());
        }
        put_string(&mut out, &data);
    }
    out
}

fn seconds(time: Timestamp) -> Option<u64> {
    u64::try_from(time.as_second()).ok()
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Uncertifiable> {
    let mut bytes = [0; LENGTH];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| Uncertifiable::Failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
