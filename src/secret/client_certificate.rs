//! A client certificate of TLS: what Key Vault keeps as a certificate and gives out as a secret.
//!
//! Enters: the value of that secret, PEM or PKCS#12 in base64. Leaves: PEM, for files of a command.
//! What never happens here: a key that is not its certificate's; a key outside of locked memory
//! for longer than it takes to read it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use zeroize::Zeroizing;

pub use problem::ClientCertificateProblem;

use super::locked::LockedBytes;
use super::private_key::{KeyProblem, PrivateKey};
use crate::catalog::Part;
use chain::Chain;

mod chain;
mod pkcs12;
mod problem;

/// A certificate with those that issued it, and its private key where the vault gives it out.
pub struct ClientCertificate {
    /// PEM, PKCS#8.
    key: Option<LockedBytes>,
    chain: Chain,
}

impl ClientCertificate {
    /// Reads what a vault gives out for a certificate.
    ///
    /// # Errors
    /// If it is neither format, is encrypted, has no certificate or several keys, or if its key
    /// belongs to none of its certificates.
    pub fn parse(value: &[u8]) -> Result<Self, ClientCertificateProblem> {
        let (keys, certificates) = match contains(value, b"-----BEGIN ") {
            true => (pem_keys(value)?, chain::blocks(value)?),
            false => pkcs12_contents(value)?,
        };
        let mut keys = keys.into_iter();
        let key = match (keys.next(), keys.next()) {
            (_, Some(_)) => return Err(ClientCertificateProblem::SeveralKeys),
            (key, None) => key,
        };
        let chain = Chain::of(certificates, key.as_ref())?;
        let key = key.as_ref().map(PrivateKey::to_pem).transpose();
        Ok(Self {
            key: key.map_err(ClientCertificateProblem::Key)?,
            chain,
        })
    }

    /// From when its certificate holds.
    #[must_use]
    pub const fn begins(&self) -> Timestamp {
        self.chain.begins
    }

    /// Until when its certificate holds.
    #[must_use]
    pub const fn ends(&self) -> Timestamp {
        self.chain.ends
    }

    /// Whether it has that part.
    ///
    /// # Errors
    /// If the key is wanted, and the vault does not give it out.
    pub const fn has(&self, part: Part) -> Result<(), ClientCertificateProblem> {
        match (part, &self.key) {
            (Part::Certificate, _) | (_, Some(_)) => Ok(()),
            (Part::Both | Part::Key, None) => Err(ClientCertificateProblem::NoKey),
        }
    }

    /// That part of it, as PEM. Call it only inside a closure given to a window.
    ///
    /// # Errors
    /// As [`Self::has`].
    pub fn expose_secret(
        &self,
        part: Part,
    ) -> Result<Zeroizing<Vec<u8>>, ClientCertificateProblem> {
        self.has(part)?;
        let key: &[u8] = match (part, &self.key) {
            (Part::Both | Part::Key, Some(key)) => key,
            _ => &[],
        };
        let chain: &[u8] = match part {
            Part::Key => &[],
            Part::Both | Part::Certificate => &self.chain.pem,
        };
        // Never grown: what grows leaves its first bytes behind.
        let mut text = Zeroizing::new(Vec::with_capacity(key.len() + chain.len()));
        text.extend_from_slice(key);
        text.extend_from_slice(chain);
        Ok(text)
    }
}

/// Every private key of a PEM text.
fn pem_keys(value: &[u8]) -> Result<Vec<PrivateKey>, ClientCertificateProblem> {
    let marks = value.windows(KEY_MARK.len());
    match marks.filter(|part| *part == KEY_MARK).count() {
        // A block begins and ends with it.
        0 => Ok(Vec::new()),
        1 | 2 => Ok(vec![key(PrivateKey::parse(value))?]),
        _ => Err(ClientCertificateProblem::SeveralKeys),
    }
}

type Contents = (Vec<PrivateKey>, Vec<Vec<u8>>);

fn pkcs12_contents(value: &[u8]) -> Result<Contents, ClientCertificateProblem> {
    let mut file = Zeroizing::new(vec![0; value.len()]);
    let length = STANDARD
        .decode_slice(value.trim_ascii(), &mut file)
        .map_err(|_| ClientCertificateProblem::Format)?;
    file.truncate(length);
    let contents = pkcs12::parse(&file)?;
    let keys = contents.keys.iter();
    let keys = keys.map(|it| key(PrivateKey::from_pkcs8(it)));
    Ok((keys.collect::<Result<_, _>>()?, contents.certificates))
}

fn key(parsed: Result<PrivateKey, KeyProblem>) -> Result<PrivateKey, ClientCertificateProblem> {
    parsed.map_err(|problem| match problem {
        KeyProblem::Encrypted => ClientCertificateProblem::Encrypted,
        problem => ClientCertificateProblem::Key(problem),
    })
}

fn contains(value: &[u8], marker: &[u8]) -> bool {
    value.windows(marker.len()).any(|part| part == marker)
}

const KEY_MARK: &[u8] = b"PRIVATE KEY-----";

#[cfg(test)]
mod tests;
