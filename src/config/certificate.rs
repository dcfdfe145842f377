//! What `[certificate.NAME]` says besides where it is.

use super::credential::confirm;
use super::problem::Findings;
use super::section::Section;
use crate::catalog::ClientCertificateSpec;

/// Reads it.
pub(super) fn certificate(
    section: &Section<'_>,
    findings: &mut Findings,
) -> Option<ClientCertificateSpec> {
    section.allow(&CERTIFICATE, findings);
    let confirm = confirm(section, findings)?;
    Some(ClientCertificateSpec { confirm })
}

const CERTIFICATE: [&str; 4] = ["confirm", "rotate_after", "secret", "vault"];
