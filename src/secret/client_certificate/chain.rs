//! The certificates of a chain: which of them is the key's, and which follow it.
//!
//! Nothing here is secret.

use jiff::Timestamp;
use x509_cert::Certificate;
use x509_cert::der::{Decode as _, Document};
use zeroize::Zeroizing;

use super::super::private_key::{PrivateKey, written};
use super::ClientCertificateProblem;

/// A certificate and those that issued it.
pub(super) struct Chain {
    /// PEM.
    pub(super) pem: Vec<u8>,
    pub(super) begins: Timestamp,
    pub(super) ends: Timestamp,
}

struct Link {
    der: Vec<u8>,
    parsed: Certificate,
}

impl Chain {
    /// The chain of `key`'s certificate; without a key, that of the one that issued no other.
    pub(super) fn of(
        certificates: Vec<Vec<u8>>,
        key: Option<&PrivateKey>,
    ) -> Result<Self, ClientCertificateProblem> {
        let mut links = Vec::new();
        for der in certificates {
            let parsed = Certificate::from_der(&der);
            let parsed = parsed.map_err(|_| ClientCertificateProblem::Damaged)?;
            links.push(Link { der, parsed });
        }
        let leaf = match key {
            _ if links.is_empty() => return Err(ClientCertificateProblem::Missing),
            Some(key) => links.iter().position(|link| link.is_of(key)),
            None => links.iter().position(|link| !link.issued_any(&links)),
        };
        let leaf = leaf.ok_or(ClientCertificateProblem::AnotherKey)?;
        let mut last = links.swap_remove(leaf);
        let validity = last.parsed.tbs_certificate().validity();
        let (begins, ends) = (at(validity.not_before)?, at(validity.not_after)?);
        let mut pem = last.pem().to_vec();
        while let Some(next) = links.iter().position(|link| link.issued(&last)) {
            last = links.swap_remove(next);
            pem.extend_from_slice(&last.pem());
        }
        Ok(Self { pem, begins, ends })
    }
}

impl Link {
    fn is_of(&self, key: &PrivateKey) -> bool {
        let info = self.parsed.tbs_certificate().subject_public_key_info();
        key.is_of(info.subject_public_key.raw_bytes())
    }

    fn issued(&self, other: &Self) -> bool {
        let (ours, theirs) = (
            self.parsed.tbs_certificate(),
            other.parsed.tbs_certificate(),
        );
        ours.subject() == theirs.issuer() && self.der != other.der
    }

    fn issued_any(&self, others: &[Self]) -> bool {
        others.iter().any(|other| self.issued(other))
    }

    fn pem(&self) -> Zeroizing<Vec<u8>> {
        written("CERTIFICATE", &self.der)
    }
}

/// Every certificate of a PEM text, as it is signed.
pub(super) fn blocks(value: &[u8]) -> Result<Vec<Vec<u8>>, ClientCertificateProblem> {
    let damaged = || ClientCertificateProblem::Damaged;
    let mut rest = std::str::from_utf8(value).map_err(|_| ClientCertificateProblem::Format)?;
    let mut found = Vec::new();
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (body, after) = after.split_once(END).ok_or_else(damaged)?;
        let block = format!("{BEGIN}{body}{END}");
        let (_, document) = Document::from_pem(&block).map_err(|_| damaged())?;
        found.push(document.as_bytes().to_vec());
        rest = after;
    }
    Ok(found)
}

fn at(time: x509_cert::time::Time) -> Result<Timestamp, ClientCertificateProblem> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.ok_or(ClientCertificateProblem::Damaged)
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";
