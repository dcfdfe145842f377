//! Whether a certificate is what its authority has signed, and proves a host's name (PROTOCOL.certkeys).
//!
//! In go a certificate that the host has shown to be its own, the authority that somebody trusts,
//! and a name; out comes whether the one vouches for the other. What never happens here: a name
//! from a certificate whose signature was not checked.

use jiff::Timestamp;
use ssh_encoding::Encode;
use ssh_key::Certificate;
use ssh_key::certificate::CertType;
use ssh_key::public::KeyData;

use crate::pattern::wildcard_matches;
use crate::signature;

/// Why a certificate does not prove a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// Somebody else signed it.
    #[error("it is signed by another authority")]
    Authority,
    /// It cannot be read as what its authority has signed.
    #[error("it cannot be read")]
    Malformed,
    /// It is for other names, or for none.
    #[error("it is for other host names")]
    Name,
    /// It is valid under a condition that is not known here.
    #[error("it has a critical option that is not known")]
    Option,
    /// The authority's signature does not hold.
    #[error("its authority's signature does not hold")]
    Signature,
    /// Not valid yet, or not any more.
    #[error("it is not valid at this time")]
    Time,
    /// A user's certificate.
    #[error("it is not a host's certificate")]
    Type,
}

/// Makes sure that `authority` says by `certificate` that its holder is the host `name`.
///
/// The certificate's principals may be patterns. One without principals is for nobody, as in
/// current OpenSSH; older ones took it for everybody.
///
/// # Errors
/// If it does not.
pub fn proves(
    certificate: &Certificate,
    authority: &KeyData,
    name: &str,
    now: Timestamp,
) -> Result<(), CertificateProblem> {
    is_valid(certificate, authority, now)?;
    let mut principals = certificate.valid_principals().iter();
    if principals.any(|principal| wildcard_matches(principal, name)) {
        Ok(())
    } else {
        Err(CertificateProblem::Name)
    }
}

/// Makes sure that `certificate` is a host's, signed by `authority`, and valid now.
///
/// # Errors
/// If it is not.
pub fn is_valid(
    certificate: &Certificate,
    authority: &KeyData,
    now: Timestamp,
) -> Result<(), CertificateProblem> {
    if certificate.cert_type() != CertType::Host {
        return Err(CertificateProblem::Type);
    }
    if certificate.signature_key() != authority {
        return Err(CertificateProblem::Authority);
    }
    let now = u64::try_from(now.as_second()).map_err(|_| CertificateProblem::Time)?;
    if now < certificate.valid_after() || certificate.valid_before() <= now {
        return Err(CertificateProblem::Time);
    }
    // None is defined for hosts.
    if !certificate.critical_options().is_empty() {
        return Err(CertificateProblem::Option);
    }
    is_signed(certificate)
}

/// Makes sure that the authority which a certificate names, of a host or a user, has signed it.
///
/// # Errors
/// If it has not.
pub fn is_signed(certificate: &Certificate) -> Result<(), CertificateProblem> {
    let whole = certificate
        .to_bytes()
        .map_err(|_| CertificateProblem::Malformed)?;
    let mut value = Vec::new();
    certificate
        .signature()
        .encode(&mut value)
        .map_err(|_| CertificateProblem::Malformed)?;
    // The signature is the last string, and covers all that is in front of it.
    let front = whole.len().checked_sub(size_of::<u32>() + value.len());
    let covered = front.and_then(|front| whole.get(..front));
    let covered = covered.ok_or(CertificateProblem::Malformed)?;
    signature::verify(certificate.signature_key(), covered, &value)
        .map_err(|_| CertificateProblem::Signature)
}
