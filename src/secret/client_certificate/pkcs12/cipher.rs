//! The ciphers of PKCS#12: triple DES and RC2 by its own derivation, AES by PBES2 (RFC 8018).

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, PaddedBlockDecryptingKey,
    UnboundCipherKey,
};
use aws_lc_rs::pbkdf2;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use des::TdesEde3;
use rc2::Rc2;
use zeroize::Zeroizing;

use super::super::super::private_key::der::Der;
use super::Problem;
use super::derivation::{Hash, Purpose, derive};

/// What `data` is, decrypted as `algorithm` says.
pub(super) fn decrypted(
    mut algorithm: Der<'_>,
    data: &[u8],
    password: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let id = algorithm.object_id()?;
    let mut parameters = algorithm.sequence()?;
    match id.strip_prefix(PBES1) {
        _ if id == PBES2 => pbes2(parameters, data),
        Some([kind]) => {
            let salt = parameters.octet_string()?;
            let rounds = rounds(parameters.integer()?)?;
            let made =
                |purpose, length| derive(Hash::Sha1, purpose, password, salt, rounds, length);
            let vector = made(Purpose::Vector, 8);
            let key = |length| made(Purpose::Encryption, length);
            match kind {
                3 => old::<TdesEde3>(&key(24), &vector, data),
                5 => old::<Rc2>(&key(16), &vector, data),
                6 => old::<Rc2>(&key(5), &vector, data),
                _ => Err(Problem::Unsupported),
            }
        }
        _ => Err(Problem::Unsupported),
    }
}

/// How often a hash is repeated. A file that asks for hours of work is not one of a vault.
pub(super) fn rounds(number: &[u8]) -> Result<u32, Problem> {
    let add = |sum: u32, byte: &u8| sum.checked_mul(256)?.checked_add(u32::from(*byte));
    let rounds = number.iter().try_fold(0, add);
    let rounds = rounds.filter(|rounds| (1..=MOST_ROUNDS).contains(rounds));
    rounds.ok_or(Problem::Unsupported)
}

fn pbes2(mut parameters: Der<'_>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut derivation = parameters.sequence()?;
    if derivation.object_id()? != PBKDF2 {
        return Err(Problem::Unsupported);
    }
    let mut derivation = derivation.sequence()?;
    let salt = derivation.octet_string()?;
    let rounds = NonZeroU32::new(rounds(derivation.integer()?)?).ok_or(Problem::Damaged)?;
    // The key's length is the cipher's.
    let _length = derivation.integer();
    let hash = match derivation.is_empty() {
        true => pbkdf2::PBKDF2_HMAC_SHA1,
        false => pseudorandom(derivation.sequence()?.object_id()?)?,
    };
    let derived = |length| {
        let mut key = Zeroizing::new(vec![0; length]);
        // An empty password is nothing at all here: there is no terminator (RFC 8018).
        pbkdf2::derive(hash, rounds, salt, &[], &mut key);
        key
    };
    let mut cipher = parameters.sequence()?;
    let (id, vector) = (cipher.object_id()?, cipher.octet_string()?);
    match id.strip_prefix(AES) {
        _ if id == TRIPLE_DES => old::<TdesEde3>(&derived(24), vector, data),
        Some([0x02]) => aes(&AES_128, &derived(16), vector, data),
        Some([0x16]) => aes(&AES_192, &derived(24), vector, data),
        Some([0x2a]) => aes(&AES_256, &derived(32), vector, data),
        _ => Err(Problem::Unsupported),
    }
}

fn pseudorandom(id: &[u8]) -> Result<pbkdf2::Algorithm, Problem> {
    match id.strip_prefix(HMAC) {
        Some([0x07]) => Ok(pbkdf2::PBKDF2_HMAC_SHA1),
        Some([0x09]) => Ok(pbkdf2::PBKDF2_HMAC_SHA256),
        Some([0x0a]) => Ok(pbkdf2::PBKDF2_HMAC_SHA384),
        Some([0x0b]) => Ok(pbkdf2::PBKDF2_HMAC_SHA512),
        _ => Err(Problem::Unsupported),
    }
}

fn old<C: KeyInit + BlockCipherDecrypt>(
    key: &[u8],
    vector: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, vector);
    let cipher = cipher.map_err(|_| Problem::Damaged)?;
    let mut plain = Zeroizing::new(data.to_vec());
    let length = cipher.decrypt_padded::<Pkcs7>(&mut plain);
    let length = length.map_err(|_| Problem::Damaged)?.len();
    plain.truncate(length);
    Ok(plain)
}

fn aes(
    algorithm: &'static Algorithm,
    key: &[u8],
    vector: &[u8],
    data: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let damaged = |_| Problem::Damaged;
    let vector: [u8; 16] = vector.try_into().map_err(|_| Problem::Damaged)?;
    let key = UnboundCipherKey::new(algorithm, key).map_err(damaged)?;
    let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(damaged)?;
    let mut plain = Zeroizing::new(data.to_vec());
    let context = DecryptionContext::Iv128(vector.into());
    let length = key.decrypt(&mut plain, context).map_err(damaged)?.len();
    plain.truncate(length);
    Ok(plain)
}

/// Two thousand are usual; this is what OWASP asks for where a person chooses the password.
const MOST_ROUNDS: u32 = 600_000;

const AES: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x01];
const HMAC: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02];
const PBES1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01];
const PBES2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d];
const PBKDF2: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0c];
const TRIPLE_DES: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x03, 0x07];
