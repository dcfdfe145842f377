//! What PuTTY makes of a passphrase (PuTTY's manual, appendix C).
//!
//! Enters: a passphrase, and how a file says it is to be stretched. Leaves: the keys of its cipher
//! and check sum, in memory that is wiped. What never happens here: work without a bound, however
//! much a file asks for.

use argon2::{Algorithm, Argon2, Params};
use aws_lc_rs::cipher::{AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::digest;
use zeroize::Zeroizing;

use super::KeyProblem;
use super::putty::{Version, mac_key_of_two};

/// Cipher key, initialisation vector and the key of the check sum, one behind the other.
pub(super) struct Keys {
    cipher: Option<Zeroizing<[u8; 48]>>,
    mac: Zeroizing<Vec<u8>>,
}

impl Keys {
    /// Those of a file without a passphrase.
    pub(super) fn none(version: Version) -> Self {
        let mac = match version {
            Version::Two => mac_key_of_two(b"").as_ref().to_vec(),
            Version::Three => Vec::new(),
        };
        Self {
            cipher: None,
            mac: Zeroizing::new(mac),
        }
    }

    /// Those that a passphrase makes.
    pub(super) fn derived(
        version: Version,
        derivation: &str,
        passphrase: &[u8],
    ) -> Result<Self, KeyProblem> {
        let mut cipher = Zeroizing::new([0; 48]);
        let mac = match version {
            Version::Two => {
                // SHA-1 of a counter and the passphrase, twice; the vector is all zeros.
                let mut both = Zeroizing::new(Vec::with_capacity(40));
                both.extend_from_slice(counted(0, passphrase).as_ref());
                both.extend_from_slice(counted(1, passphrase).as_ref());
                for (to, from) in cipher.iter_mut().zip(both.iter().take(32)) {
                    *to = *from;
                }
                Zeroizing::new(mac_key_of_two(passphrase).as_ref().to_vec())
            }
            Version::Three => {
                let stretched = stretched(derivation, passphrase)?;
                let (head, mac) = stretched.split_at(48);
                cipher.copy_from_slice(head);
                Zeroizing::new(mac.to_vec())
            }
        };
        Ok(Self {
            cipher: Some(cipher),
            mac,
        })
    }

    pub(super) fn mac(&self) -> &[u8] {
        &self.mac
    }

    /// Decrypts in place; leaves what was not encrypted.
    pub(super) fn decrypt(&self, bytes: &mut [u8]) -> Result<(), KeyProblem> {
        let Some(cipher) = &self.cipher else {
            return Ok(());
        };
        let (key, vector) = cipher.split_at(32);
        let vector: [u8; 16] = vector.try_into().map_err(|_| KeyProblem::Cryptography)?;
        let key = DecryptingKey::cbc(UnboundCipherKey::new(&AES_256, key)?)?;
        let cut_short = |_| KeyProblem::damaged("its private part is cut short");
        key.decrypt(bytes, DecryptionContext::Iv128(vector.into()))
            .map_err(cut_short)?;
        Ok(())
    }
}

fn counted(number: u32, passphrase: &[u8]) -> digest::Digest {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(&number.to_be_bytes());
    hash.update(passphrase);
    hash.finish()
}

/// Argon2, as `fields` say: `Argon2id Argon2-Memory: 8192 Argon2-Passes: 13 …`.
fn stretched(fields: &str, passphrase: &[u8]) -> Result<Zeroizing<[u8; 80]>, KeyProblem> {
    let wrong = || KeyProblem::damaged("it does not say how its passphrase is stretched");
    let after = |name: &str| fields.split_once(name).map(|(_, rest)| rest.trim_start());
    let number = |name: &str| {
        let rest = after(name)?;
        let digits = rest.find(|c: char| !c.is_ascii_digit());
        rest.get(..digits.unwrap_or(rest.len()))?.parse().ok()
    };
    let algorithm = match fields.trim_start().get(..8) {
        Some("Argon2id") => Algorithm::Argon2id,
        Some(other) if other.starts_with("Argon2i") => Algorithm::Argon2i,
        Some(other) if other.starts_with("Argon2d") => Algorithm::Argon2d,
        _ => return Err(wrong()),
    };
    let memory: u32 = number("Argon2-Memory:").ok_or_else(wrong)?;
    let passes: u32 = number("Argon2-Passes:").ok_or_else(wrong)?;
    let lanes: u32 = number("Argon2-Parallelism:").ok_or_else(wrong)?;
    if memory > MOST_MEMORY || u64::from(memory) * u64::from(passes) > MOST_WORK {
        return Err(KeyProblem::unsupported(
            "a key whose passphrase is stretched for longer than pimento works on it",
        ));
    }
    let salt = after("Argon2-Salt:").ok_or_else(wrong)?;
    let end = salt.find(|c: char| !c.is_ascii_hexdigit());
    let salt = salt
        .get(..end.unwrap_or(salt.len()))
        .and_then(super::putty::hex);
    let salt = salt.ok_or_else(wrong)?;
    let params = Params::new(memory, passes, lanes, None).map_err(|_| wrong())?;
    let argon = Argon2::new(algorithm, argon2::Version::V0x13, params);
    let mut out = Zeroizing::new([0; 80]);
    argon
        .hash_password_into(passphrase, &salt, out.as_mut_slice())
        .map_err(|_| wrong())?;
    Ok(out)
}

/// In KiB; puttygen's own is 8192.
const MOST_MEMORY: u32 = 256 * 1024;
/// KiB times passes: some seconds.
const MOST_WORK: u64 = 8 * 1024 * 1024;
