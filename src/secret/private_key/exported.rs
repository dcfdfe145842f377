//! The one way out of a private key: as PEM, for the files of a client certificate.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};

use super::super::locked::LockedBytes;
use super::armour::written;
use super::{KeyProblem, Pair, PrivateKey, pkcs8};

impl PrivateKey {
    /// Reads PKCS#8.
    pub(in crate::secret) fn from_pkcs8(der: &[u8]) -> Result<Self, KeyProblem> {
        Self::from_pair(pkcs8(der)?)
    }

    /// Writes PKCS#8 as PEM, into locked memory.
    pub(in crate::secret) fn to_pem(&self) -> Result<LockedBytes, KeyProblem> {
        Ok(match &self.pair {
            Pair::Ecdsa(_, pair) => pem(pair.to_pkcs8v1()?.as_ref()),
            Pair::Ed25519(pair) => pem(pair.to_pkcs8v1()?.as_ref()),
            Pair::Rsa(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der()?;
                pem(der.as_ref())
            }
        })
    }
}

fn pem(der: &[u8]) -> LockedBytes {
    LockedBytes::copy_of(&written("PRIVATE KEY", der))
}
