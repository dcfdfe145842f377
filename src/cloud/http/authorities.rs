//! Which certificate authorities the cloud's servers may be certified by.
//!
//! Enters: what the system, or `SSL_CERT_FILE` and `SSL_CERT_DIR`, name as such. Leaves: those of it that are
//! authorities. What never happens here: a certificate that says that it is none becomes one.
//!
//! Debian's `/etc/ssl/certs` has such a certificate, `ssl-cert-snakeoil.pem`, with a key that a group of
//! services can read, and that machines made from one image share. OpenSSL refuses what it has signed;
//! rustls looks at no trust anchor's constraints.

use reqwest::Certificate;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls_native_certs::load_native_certs;
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::{TbsCertificate, Version};

/// The authorities of the system. Without any, nobody can be reached.
pub(super) fn trusted() -> Vec<Certificate> {
    let found = load_native_certs();
    let trusted = among(found.certs);
    if trusted.is_empty() {
        tracing::warn!(
            errors = ?found.errors,
            "no certificate authority was found: install ca-certificates, or set SSL_CERT_FILE"
        );
    }
    trusted
}

/// Without what rustls cannot read: one such certificate must not take the others with it.
fn among(found: Vec<CertificateDer<'static>>) -> Vec<Certificate> {
    let found = found.into_iter();
    found
        .filter(|it| is_authority(it) && RootCertStore::empty().add(it.clone()).is_ok())
        .filter_map(|it| Certificate::from_der(&it).ok())
        .collect()
}

/// By its basic constraints (RFC 5280, section 4.2.1.9). Version 1 has none, and old roots of
/// companies are of it: they signed themselves.
fn is_authority(certificate: &[u8]) -> bool {
    let Ok(certificate) = x509_cert::Certificate::from_der(certificate) else {
        return false;
    };
    let told: &TbsCertificate = certificate.tbs_certificate();
    match told.get_extension::<BasicConstraints>() {
        Ok(Some((_, constraints))) => constraints.ca,
        Ok(None) => told.version() == Version::V1 && told.issuer() == told.subject(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    use rustls::pki_types::pem::PemObject as _;

    /// A certificate that `openssl` makes, with these lines in the section of its extensions.
    fn made(extensions: &str) -> CertificateDer<'static> {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        let config = format!("[req]\ndistinguished_name = of\n[of]\n[v3]\n{extensions}\n");
        std::fs::write(file("config"), config).unwrap();
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2"])
            .args([
                "-subj",
                "/CN=made",
                "-keyout",
                "/dev/null",
                "-extensions",
                "v3",
            ])
            .arg("-config")
            .arg(file("config"))
            .arg("-out")
            .arg(file("certificate"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        CertificateDer::from_pem_file(file("certificate")).unwrap()
    }

    /// One of version 1 that an authority has signed for somebody else.
    fn signed_by_another() -> CertificateDer<'static> {
        let folder = tempfile::tempdir().unwrap();
        let script = "set -e\n\
            openssl req -x509 -newkey ed25519 -nodes -subj /CN=ca -keyout ca.key -out ca.pem\n\
            openssl req -new -newkey ed25519 -nodes -subj /CN=server -keyout key -out csr\n\
            : > none\n\
            openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile none -out made";
        let mut shell = Command::new("sh");
        let made = shell.args(["-c", script]).current_dir(folder.path());
        let output = made.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let made = CertificateDer::from_pem_file(folder.path().join("made")).unwrap();
        let read = x509_cert::Certificate::from_der(&made).unwrap();
        assert_eq!(read.tbs_certificate().version(), Version::V1);
        made
    }

    fn authority() -> CertificateDer<'static> {
        made("basicConstraints = critical, CA:true")
    }

    #[test]
    fn a_certificate_that_is_no_authority_is_not_made_one_by_where_it_lies() {
        assert_eq!(among(vec![authority(), authority()]).len(), 2);
        for server in ["basicConstraints = CA:false", "keyUsage = digitalSignature"] {
            assert_eq!(among(vec![made(server)]).len(), 0, "{server}");
        }
    }

    #[test]
    fn an_old_root_of_version_one_is_an_authority_and_what_another_has_signed_is_none() {
        assert_eq!(among(vec![made("")]).len(), 1);
        assert_eq!(among(vec![signed_by_another()]).len(), 0);
    }

    #[test]
    fn what_cannot_be_read_does_not_take_the_others_with_it() {
        let cut = CertificateDer::from(authority()[..40].to_vec());
        let empty = CertificateDer::from(vec![0x30, 0]);
        assert_eq!(
            among(vec![authority(), cut.clone(), empty, authority()]).len(),
            2
        );
        assert_eq!(among(vec![cut]).len(), 0);
    }

    #[test]
    fn no_root_of_this_systems_bundle_is_lost() {
        let bundle = "/etc/ssl/certs/ca-certificates.crt";
        let Ok(roots) = CertificateDer::pem_file_iter(bundle) else {
            println!("SKIPPED: there is no {bundle}");
            return;
        };
        let roots: Vec<_> = roots.map(Result::unwrap).collect();
        let all = roots.len();
        assert_eq!(among(roots).len(), all);
    }
}
