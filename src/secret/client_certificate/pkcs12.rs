//! What is in a PKCS#12 file (RFC 7292) that has no password.
//!
//! "No password" is written in two ways, as an empty text with its terminator and as nothing at
//! all; which of them a file means is told by its authentication code.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::super::private_key::der::Der;
use super::ClientCertificateProblem as Problem;
use cipher::{decrypted, rounds};
use derivation::{Hash, Purpose, derive};

mod cipher;
mod derivation;

/// What was found.
#[derive(Default)]
pub(super) struct Contents {
    /// PKCS#8.
    pub(super) keys: Vec<Zeroizing<Vec<u8>>>,
    /// X.509.
    pub(super) certificates: Vec<Vec<u8>>,
}

/// Reads a file.
pub(super) fn parse(file: &[u8]) -> Result<Contents, Problem> {
    let mut pfx = Der::new(file).sequence().map_err(|_| Problem::Format)?;
    let _version = pfx.integer()?;
    let mut safe = pfx.sequence()?;
    if safe.object_id()? != DATA {
        return Err(Problem::Unsupported);
    }
    let safe = safe.tagged(0)?.octet_string()?;
    let password = match pfx.is_empty() {
        true => EMPTY,
        false => proven(pfx.sequence()?, safe)?,
    };
    let mut contents = Contents::default();
    let mut parts = Der::new(safe).sequence()?;
    while !parts.is_empty() {
        contents.add_part(parts.sequence()?, password)?;
    }
    Ok(contents)
}

/// The password for which the authentication code is right.
fn proven(mut mac: Der<'_>, safe: &[u8]) -> Result<&'static [u8], Problem> {
    let mut info = mac.sequence()?;
    let hash = Hash::of(info.sequence()?.object_id()?).ok_or(Problem::Unsupported)?;
    let (code, salt) = (info.octet_string()?, mac.octet_string()?);
    let rounds = if mac.is_empty() {
        1
    } else {
        rounds(mac.integer()?)?
    };
    let right = |password: &&[u8]| {
        let key = derive(hash, Purpose::Code, password, salt, rounds, hash.length());
        hmac::verify(&hmac::Key::new(hash.code(), &key), safe, code).is_ok()
    };
    [EMPTY, NONE]
        .into_iter()
        .find(right)
        .ok_or(Problem::Encrypted)
}

impl Contents {
    /// Adds what is in one part of the file, which may be encrypted as a whole.
    fn add_part(&mut self, mut part: Der<'_>, password: &[u8]) -> Result<(), Problem> {
        match part.object_id()? {
            DATA => self.add_bags(part.tagged(0)?.octet_string()?, password),
            ENCRYPTED => {
                let mut data = part.tagged(0)?.sequence()?;
                let _version = data.integer()?;
                let mut content = data.sequence()?;
                let _kind = content.object_id()?;
                let algorithm = content.sequence()?;
                let plain = decrypted(algorithm, content.implicit(0)?, password)?;
                self.add_bags(&plain, password)
            }
            _ => Err(Problem::Unsupported),
        }
    }

    fn add_bags(&mut self, bags: &[u8], password: &[u8]) -> Result<(), Problem> {
        let mut bags = Der::new(bags).sequence()?;
        while !bags.is_empty() {
            let mut bag = bags.sequence()?;
            let kind = bag.object_id()?;
            let mut value = bag.tagged(0)?;
            match kind {
                KEY_BAG => self.keys.push(Zeroizing::new(value.rest().to_vec())),
                SHROUDED_BAG => {
                    let mut shrouded = value.sequence()?;
                    let algorithm = shrouded.sequence()?;
                    let plain = decrypted(algorithm, shrouded.octet_string()?, password)?;
                    self.keys.push(plain);
                }
                CERTIFICATE_BAG => {
                    let mut bag = value.sequence()?;
                    if bag.object_id()? == X509 {
                        let certificate = bag.tagged(0)?.octet_string()?;
                        self.certificates.push(certificate.to_vec());
                    }
                }
                // Lists of revocations, secrets of Java, bags in bags.
                _ => {}
            }
        }
        Ok(())
    }
}

/// An empty text as a BMPString with its terminator (appendix B.1).
const EMPTY: &[u8] = &[0, 0];
const NONE: &[u8] = &[];

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const ENCRYPTED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06];
const KEY_BAG: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x01,
];
const SHROUDED_BAG: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02,
];
const CERTIFICATE_BAG: &[u8] = &[
    0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03,
];
const X509: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];

#[cfg(test)]
mod tests;
