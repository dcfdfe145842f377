//! The certificates of vaults, and the authority that issues them.
//!
//! Given out in PEM. What a vault keeps as PKCS#12 is for tests to make, with OpenSSL.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_RSA_SHA256,
    RsaKeySize,
};

use super::scenario::Certificate;
use super::world::World;

/// An authority for clients.
pub(super) struct Issuer(CertifiedIssuer<'static, KeyPair>);

impl Issuer {
    pub(super) fn new() -> Result<Self, String> {
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let name = "pimento emulator clients";
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(failed)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        Ok(Self(issuer))
    }

    /// What servers have to trust (PEM).
    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// The secret of a new certificate: its key, unless that stays in the vault, and the certificate.
    pub(super) fn issue(&self, name: &str, wanted: &Certificate) -> Result<String, String> {
        let key = match wanted.generate.as_str() {
            "ec-p256" => KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256),
            "ec-p384" => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384),
            "rsa-2048" => KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048),
            other => {
                return Err(format!(
                    "the emulator makes no certificate of key {other:?}"
                ));
            }
        };
        let key = key.map_err(failed)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let ends = wanted.expires.as_second();
        params.not_after =
            time::OffsetDateTime::from_unix_timestamp(ends).map_err(|error| error.to_string())?;
        let certificate = params.signed_by(&key, &self.0).map_err(failed)?;
        let private = if wanted.exportable {
            key.serialize_pem()
        } else {
            String::new()
        };
        Ok(format!("{private}{}", certificate.pem()))
    }
}

impl World {
    /// Puts a new version into the secret of a certificate: PKCS#12 in base64, or PEM.
    pub fn put_certificate(&mut self, vault: &str, name: &str, value: &str) {
        self.put_secret(vault, name, value);
        let versions = self.secrets.get_mut(&(vault.to_owned(), name.to_owned()));
        if let Some(newest) = versions.and_then(|versions| versions.last_mut()) {
            let kind = if value.contains("-----BEGIN") {
                PEM
            } else {
                PKCS12
            };
            newest.content_type = Some(kind.to_owned());
            newest.managed = true;
        }
    }

    /// The authority of the certificates that the scenario has (PEM).
    #[must_use]
    pub fn client_authority(&self) -> String {
        self.issuer.pem()
    }
}

fn failed(error: rcgen::Error) -> String {
    format!("a certificate could not be made: {error}")
}

/// `contentType` of either format.
pub(super) const PEM: &str = "application/x-pem-file";
const PKCS12: &str = "application/x-pkcs12";
