//! The one way out of a private key: as PEM, for the files of a client certificate.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::super::locked::LockedBytes;
use super::{KeyProblem, Pair, PrivateKey, pkcs8};

impl PrivateKey {
    /// Reads PKCS#8.
    pub(in crate::secret) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyProblem> {
        Self::from_pair(pkcs8(der)?)
    }

    /// Writes PKCS#8 as PEM, into locked memory.
    pub(in crate::secret) fn to_pem(&self) -> Result<LockedBytes, KeyProblem> {
        match &self.pair {
            Pair::Ecdsa(_, pair) => pem(pair.to_pkcs8v1()?.as_ref()),
            Pair::Ed25519(pair) => pem(pair.to_pkcs8v1()?.as_ref()),
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                pem(der.as_ref())
            }
        }
    }
}

fn pem(der: &[u8]) -> Result<LockedBytes, KeyProblem> {
    let mut base64 = Zeroizing::new(vec![0; der.len().div_ceil(3) * 4]);
    let length = STANDARD
        .encode_slice(der, &mut base64)
        .map_err(|_| KeyProblem::Cryptography)?;
    base64.truncate(length);
    // Never grown: what grows leaves its first bytes behind.
    let lines = length.div_ceil(64);
    let mut text = Zeroizing::new(Vec::with_capacity(BEGIN.len() + END.len() + length + lines));
    text.extend_from_slice(BEGIN);
    for line in base64.chunks(64) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    text.extend_from_slice(END);
    Ok(LockedBytes::copy_of(&text))
}

const BEGIN: &[u8] = b"-----BEGIN PRIVATE KEY-----\n";
const END: &[u8] = b"-----END PRIVATE KEY-----\n";
