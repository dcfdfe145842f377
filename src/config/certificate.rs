//! What `[certificate.NAME]` says besides where it is.

use super::credential::confirm;
use super::problem::Findings;
use super::section::{Field, Section};
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

/// Reports a key that is named beside it.
pub(super) fn no_key(field: &Field<'_>, findings: &mut Findings) {
    findings.wrong(
        field.place,
        "the private key of a certificate comes with its secret",
        "name the certificate: secret = \"NAME\", which is the secret that Key Vault keeps for it",
    );
}

const CERTIFICATE: [&str; 4] = ["confirm", "rotate_after", "secret", "vault"];
