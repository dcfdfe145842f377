//! A certificate and its private key, by which an application shows who it is.
//!
//! Enters: the text of a PEM file. Leaves: what the certificate says of itself, and signatures.
//! What never happens here: the key is copied out or printed; a pair that does not belong together.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use x509_cert::der::Document;

use super::private_key::{KeyProblem, PrivateKey};

/// A certificate with its RSA key.
pub struct Certificate {
    key: PrivateKey,
    thumbprint: String,
    begins: Timestamp,
    ends: Timestamp,
}

impl Certificate {
    /// Reads the first certificate and the first private key of a PEM file.
    ///
    /// # Errors
    /// If one of them is missing or damaged, or the key is another one's or not RSA.
    pub fn parse(pem: &[u8]) -> Result<Self, CertificateProblem> {
        let document = certificate(pem)?;
        let damaged = |_| CertificateProblem::Damaged;
        let parsed: x509_cert::Certificate = document.decode_msg().map_err(damaged)?;
        let parsed = parsed.tbs_certificate();
        let key = PrivateKey::parse(pem).map_err(CertificateProblem::Key)?;
        let public = parsed
            .subject_public_key_info()
            .subject_public_key
            .raw_bytes();
        if !key.is_rsa() {
            return Err(CertificateProblem::NotRsa);
        }
        if !key.is_of(public) {
            return Err(CertificateProblem::AnotherKey);
        }
        let at = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok();
            let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
            at.ok_or(CertificateProblem::Damaged)
        };
        Ok(Self {
            key,
            thumbprint: URL_SAFE_NO_PAD.encode(Sha256::digest(document.as_bytes())),
            begins: at(parsed.validity().not_before)?,
            ends: at(parsed.validity().not_after)?,
        })
    }

    /// Its SHA-256, as `x5t#S256` names it (RFC 7515, section 4.1.8).
    #[must_use]
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// From when it holds.
    #[must_use]
    pub const fn begins(&self) -> Timestamp {
        self.begins
    }

    /// Until when it holds.
    #[must_use]
    pub const fn ends(&self) -> Timestamp {
        self.ends
    }

    /// Signs as `PS256` (RFC 7518, section 3.5).
    ///
    /// # Errors
    /// If the cryptographic library fails.
    pub fn sign(&self, data: &[u8]) -> Result<Vec<u8>, KeyProblem> {
        self.key.sign_ps256(data)
    }
}

/// Why a file does not serve. Says nothing of the key itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// The key belongs to another certificate.
    #[error("the private key in it is not the certificate's")]
    AnotherKey,
    /// A certificate that cannot be read.
    #[error("the certificate in it is damaged")]
    Damaged,
    /// What is wrong with the key.
    #[error("its private key cannot be used: {0}")]
    Key(KeyProblem),
    /// No certificate.
    #[error("there is no certificate in it")]
    Missing,
    /// Entra takes assertions signed by RSA keys.
    #[error("its key is not RSA, the only kind that pimento signs in to Entra with")]
    NotRsa,
}

/// The first certificate of a PEM file, as it is signed.
fn certificate(pem: &[u8]) -> Result<Document, CertificateProblem> {
    // Beside the blocks a file may hold anything, such as what openssl says of a certificate.
    let find = |from: usize, marker: &[u8]| {
        let rest = pem.get(from..).unwrap_or_default();
        let found = rest.windows(marker.len()).position(|part| part == marker);
        found.map(|at| from + at)
    };
    let begin = find(0, BEGIN).ok_or(CertificateProblem::Missing)?;
    let end = find(begin, END).ok_or(CertificateProblem::Damaged)? + END.len();
    let block = pem.get(begin..end).map(std::str::from_utf8);
    let Some(Ok(block)) = block else {
        return Err(CertificateProblem::Damaged);
    };
    let (_, document) = Document::from_pem(block).map_err(|_| CertificateProblem::Damaged)?;
    Ok(document)
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use proptest::prelude::*;

    use super::*;

    /// Made by `openssl req -x509 -newkey rsa:2048 -nodes -days 36500`, and used nowhere else.
    const FILE: &str = include_str!("certificate/rsa.crt");
    /// The same with `-newkey ec -pkeyopt ec_paramgen_curve:prime256v1`.
    const CURVE: &str = include_str!("certificate/ec.crt");

    fn problem(pem: &str) -> CertificateProblem {
        match Certificate::parse(pem.as_bytes()) {
            Ok(_) => panic!("it was taken"),
            Err(problem) => problem,
        }
    }

    fn block(pem: &str, label: &str) -> String {
        let (begin, end) = (
            format!("-----BEGIN {label}-----"),
            format!("-----END {label}-----"),
        );
        let (_, rest) = pem.split_once(&begin).unwrap();
        let (body, _) = rest.split_once(&end).unwrap();
        format!("{begin}{body}{end}\n")
    }

    #[test]
    fn a_file_with_both_gives_the_thumbprint_openssl_gives_and_signs_for_the_certificate() {
        let found = Certificate::parse(FILE.as_bytes()).unwrap();
        // openssl x509 -fingerprint -sha256, as base64url.
        assert_eq!(found.thumbprint(), THUMBPRINT);
        assert!(found.begins() < found.ends());
        let document = certificate(FILE.as_bytes()).unwrap();
        let parsed: x509_cert::Certificate = document.decode_msg().unwrap();
        let info = parsed.tbs_certificate().subject_public_key_info();
        let public = info.subject_public_key.raw_bytes();
        let signed = found.sign(b"assertion").unwrap();
        let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, public);
        key.verify(b"assertion", &signed).unwrap();
        assert!(key.verify(b"another", &signed).is_err());
    }

    #[test]
    fn the_order_of_the_blocks_and_what_stands_beside_them_do_not_matter() {
        let key = block(FILE, "PRIVATE KEY");
        let certificate = block(FILE, "CERTIFICATE");
        for text in [
            format!("{certificate}{key}"),
            format!("subject=CN = x\n{key}\n{certificate}"),
            format!("{key}{certificate}{}", block(CURVE, "CERTIFICATE")).replace('\n', "\r\n"),
        ] {
            let found = Certificate::parse(text.as_bytes()).unwrap();
            assert_eq!(found.thumbprint(), THUMBPRINT);
        }
    }

    #[test]
    fn what_is_missing_or_does_not_belong_together_is_named() {
        let key = block(FILE, "PRIVATE KEY");
        let certificate = block(FILE, "CERTIFICATE");
        assert_eq!(problem(&key), CertificateProblem::Missing);
        assert_eq!(problem(""), CertificateProblem::Missing);
        assert!(matches!(problem(&certificate), CertificateProblem::Key(_)));
        let cut = certificate.get(..200).unwrap();
        assert_eq!(problem(cut), CertificateProblem::Damaged);
        let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(
            problem(&format!("{hollow}{key}")),
            CertificateProblem::Damaged
        );
        let mixed = format!("{}{key}", block(CURVE, "CERTIFICATE"));
        assert_eq!(problem(&mixed), CertificateProblem::AnotherKey);
        assert_eq!(problem(CURVE), CertificateProblem::NotRsa);
    }

    proptest! {
        #[test]
        fn a_file_with_one_byte_changed_is_refused_or_is_the_same(
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut file = FILE.as_bytes().to_vec();
            let at = at.index(file.len());
            file[at] = byte;
            // A damaged certificate would have another thumbprint, which Entra does not know; what
            // may not happen is a pair that signs for another key than it shows.
            if let Ok(found) = Certificate::parse(&file) {
                let public = Certificate::parse(FILE.as_bytes()).unwrap();
                prop_assert_eq!(found.key.public(), public.key.public());
            }
        }
    }

    const THUMBPRINT: &str = "2OEGSjXPOt0lsH5nIbNcsKmis9vT6B8ykAFM1xKWXYY";
}
