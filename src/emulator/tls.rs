//! A certificate authority that lives as long as the emulator.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// The server side of TLS.
#[derive(Clone)]
pub(super) struct Certificates {
    /// For the hosts of the scenario.
    pub(super) right: Arc<ServerConfig>,
    /// By the same authority, for a host that nobody asks for.
    pub(super) wrong: Arc<ServerConfig>,
    /// The authority (PEM) that clients have to trust.
    pub(super) authority: String,
}

impl Certificates {
    pub(super) fn for_hosts(hosts: Vec<String>) -> Result<Self, String> {
        let failed = |error: rcgen::Error| format!("a certificate could not be made: {error}");
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        params
            .distinguished_name
            .push(DnType::CommonName, "pimento emulator");
        let key = KeyPair::generate().map_err(failed)?;
        let authority = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
        Ok(Self {
            right: config(hosts, &authority)?,
            wrong: config(vec!["elsewhere.invalid".to_owned()], &authority)?,
            authority: authority.pem(),
        })
    }
}

fn config(
    hosts: Vec<String>,
    authority: &CertifiedIssuer<'_, KeyPair>,
) -> Result<Arc<ServerConfig>, String> {
    let failed = |error: rcgen::Error| format!("a certificate could not be made: {error}");
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::new(hosts).map_err(failed)?;
    params.use_authority_key_identifier_extension = true;
    params
        .distinguished_name
        .push(DnType::CommonName, "pimento emulator server");
    let certificate = params.signed_by(&key, authority).map_err(failed)?;

    let chain = vec![certificate.der().clone(), authority.der().clone()];
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| error.to_string())?;
    Ok(Arc::new(config))
}
