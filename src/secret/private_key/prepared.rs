//! A key on its way into a vault: without a passphrase, and written as its format wants it.
//!
//! Enters: a key file as people have it, and its passphrase. Leaves: the same key as OpenSSH reads
//! it, with LF and one final line end, in memory that is wiped. What never happens here: a key that
//! was not read back from its new text, or a passphrase that is guessed.

use aws_lc_rs::rand;
use pkcs8::{EncryptedPrivateKeyInfoRef, pkcs5};
use ssh_key::{LineEnding, PublicKey};
use zeroize::Zeroizing;

use super::armour::{Armour, written};
use super::{Format, KeyProblem, PrivateKey, Repair, putty, repair};
use crate::wire::{Wire, put_string};

/// What is stored.
pub struct Prepared {
    /// The file.
    pub text: Zeroizing<Vec<u8>>,
    /// How it is written: OpenSSH's own format or PEM.
    pub format: Format,
    /// The key's public half, without a comment.
    pub public: PublicKey,
    /// What was mended.
    pub repairs: Vec<Repair>,
}

impl Prepared {
    /// Reads `bytes`, with the passphrase if they are under one.
    ///
    /// # Errors
    /// If they are no usable private key; [`KeyProblem::Encrypted`] if a passphrase is needed, and
    /// [`KeyProblem::WrongPassphrase`] if it is another.
    pub fn of(bytes: &[u8], passphrase: Option<&[u8]>) -> Result<Self, KeyProblem> {
        let (text, repairs) = match putty::File::find(bytes)? {
            Some(file) => (openssh(&file.numbers(passphrase)?)?, file.repairs()),
            None => {
                let armour = Armour::find(bytes)?;
                (rewritten(&armour, passphrase)?, repair::of(bytes, &armour))
            }
        };
        let read = PrivateKey::repaired(&text)?;
        if !read.repairs.is_empty() {
            return Err(KeyProblem::Cryptography);
        }
        Ok(Self {
            text,
            format: read.format,
            public: read.key.public().clone(),
            repairs,
        })
    }
}

/// A block as OpenSSH and OpenSSL write it, without a passphrase.
fn rewritten(
    armour: &Armour<'_>,
    passphrase: Option<&[u8]>,
) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
    let label = armour.label();
    let body = match armour.decode() {
        Err(KeyProblem::Encrypted) => return Err(KeyProblem::EncryptedOldWay),
        body => body?,
    };
    match label {
        "ENCRYPTED PRIVATE KEY" => {
            let passphrase = passphrase.ok_or(KeyProblem::Encrypted)?;
            // What names a way of encryption that is not known is not even read.
            let key = EncryptedPrivateKeyInfoRef::try_from(body.as_slice());
            let key = key.map_err(|_| KeyProblem::EncryptedOldWay)?;
            if !is_bounded(&key.encryption_algorithm) {
                return Err(too_long());
            }
            let key = key.decrypt(passphrase).map_err(|error| match error {
                pkcs8::Error::EncryptedPrivateKey(
                    pkcs5::Error::AlgorithmParametersInvalid { .. }
                    | pkcs5::Error::NoPbes1CryptSupport
                    | pkcs5::Error::UnsupportedAlgorithm { .. },
                ) => KeyProblem::EncryptedOldWay,
                _ => KeyProblem::WrongPassphrase,
            })?;
            Ok(written("PRIVATE KEY", key.as_bytes()))
        }
        "OPENSSH PRIVATE KEY" if is_protected(&body) => {
            let passphrase = passphrase.ok_or(KeyProblem::Encrypted)?;
            unlocked(&written(label, &body), passphrase)
        }
        _ => Ok(written(label, &body)),
    }
}

/// Whether a passphrase is stretched within some seconds and 256 MiB.
fn is_bounded(scheme: &pkcs5::EncryptionScheme) -> bool {
    let Some(kdf) = scheme.pbes2().map(|it| &it.kdf) else {
        return true;
    };
    let rounds = kdf
        .pbkdf2()
        .is_none_or(|it| it.iteration_count <= MOST_ITERATIONS);
    let memory = kdf.scrypt().is_none_or(|it| {
        let blocks = it.cost_parameter.saturating_mul(it.block_size.into());
        blocks <= MOST_BLOCKS && it.parallelization <= 16
    });
    rounds && memory
}

fn too_long() -> KeyProblem {
    KeyProblem::unsupported(
        "a key whose passphrase is stretched for longer than pimento works on it",
    )
}

fn is_protected(body: &[u8]) -> bool {
    let container = body.strip_prefix(b"openssh-key-v1\0").unwrap_or_default();
    Wire::new(container)
        .string()
        .is_ok_and(|cipher| cipher != b"none")
}

/// OpenSSH's own format, with a cipher of OpenSSH.
fn unlocked(text: &[u8], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
    let damaged = |_| KeyProblem::damaged("its outer structure is not that of a key");
    let locked = ssh_key::PrivateKey::from_openssh(text).map_err(damaged)?;
    if rounds(&locked) > MOST_ROUNDS {
        return Err(too_long());
    }
    let open = locked.decrypt(passphrase);
    let open = open.map_err(|_| KeyProblem::WrongPassphrase)?;
    let text = open
        .to_openssh(LineEnding::LF)
        .map_err(|_| KeyProblem::Cryptography)?;
    Ok(Zeroizing::new(text.as_bytes().to_vec()))
}

fn rounds(key: &ssh_key::PrivateKey) -> u32 {
    match key.kdf() {
        ssh_key::Kdf::Bcrypt { rounds, .. } => *rounds,
        _ => 0,
    }
}

/// The file of a key in OpenSSH's own format (PROTOCOL.key), of its kind and numbers.
fn openssh(numbers: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
    let key = PrivateKey::from_numbers(numbers)?;
    let public = key.public().to_bytes();
    let public = public.map_err(|_| KeyProblem::Cryptography)?;
    let mut check = [0; 4];
    rand::fill(&mut check)?;
    let mut private = Zeroizing::new(Vec::with_capacity(numbers.len() + 32));
    private.extend_from_slice(&check);
    private.extend_from_slice(&check);
    private.extend_from_slice(numbers);
    put_string(&mut private, b"");
    let lacks = private.len().next_multiple_of(8) - private.len();
    private.extend((1u8..).take(lacks));
    let room = private.len() + public.len() + 64;
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    out.extend_from_slice(b"openssh-key-v1\0");
    for part in [b"none".as_slice(), b"none", b""] {
        put_string(&mut out, part);
    }
    out.extend_from_slice(&1u32.to_be_bytes());
    put_string(&mut out, &public);
    put_string(&mut out, &private);
    Ok(written("OPENSSH PRIVATE KEY", &out))
}

/// OpenSSL's own is 2048; people take up to a million.
const MOST_ITERATIONS: u32 = 5_000_000;
/// Of 128 bytes.
const MOST_BLOCKS: u64 = 2 * 1024 * 1024;
/// OpenSSH's own is 16 to 24; each takes some milliseconds.
const MOST_ROUNDS: u32 = 1024;
