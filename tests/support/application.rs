//! Applications that sign in as themselves: their certificates, and the issuers of their tokens.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, date_time_ymd};
use serde_json::json;

pub const APP: &str = "5a9c1e2d-3b4f-4d6e-8f70-112233445566";
pub const APP_ID: &str = "b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9aaaaa";
pub const ISSUER: &str = "https://oidc.cluster.contoso.com/";
pub const SUBJECT: &str = "system:serviceaccount:ops:pimento";
pub const AUDIENCE: &str = "api://AzureADTokenExchange";

/// A certificate with its key, both as PEM.
pub struct Certified {
    pub certificate: String,
    pub key: String,
}

impl Certified {
    /// One that holds until the end of that year.
    pub fn until(year: i32) -> Self {
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, "pimento tests");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31);
        Self {
            certificate: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// The file that a configuration names.
    pub fn file(&self) -> String {
        format!("{}{}", self.key, self.certificate)
    }
}

/// Somebody who issues tokens to workloads.
pub struct Issuer(KeyPair);

impl Issuer {
    pub fn new() -> Self {
        Self(KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap())
    }

    /// Its public key (PEM).
    pub fn public(&self) -> String {
        self.0.public_key_pem()
    }

    /// A token that ends so many seconds after now.
    pub fn token(&self, issuer: &str, subject: &str, audience: &str, ends: i64) -> String {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "aud": [audience], "iss": issuer, "sub": subject,
            "iat": now - 3600, "nbf": now - 3600, "exp": now + ends,
        });
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("cluster".to_owned());
        let key = EncodingKey::from_rsa_pem(self.0.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    /// The token that Entra takes.
    pub fn good(&self) -> String {
        self.token(ISSUER, SUBJECT, AUDIENCE, 3600)
    }
}

/// The application, as a scenario has it.
pub fn registered(
    certificates: &[&Certified],
    issuer: &Issuer,
) -> pimento::emulator::scenario::Application {
    pimento::emulator::scenario::Application {
        client_id: APP.to_owned(),
        redirect_uris: Vec::new(),
        consented: Vec::new(),
        service_principal: Some(APP_ID.to_owned()),
        certificates: certificates
            .iter()
            .map(|it| it.certificate.clone())
            .collect(),
        federations: vec![pimento::emulator::scenario::Federation {
            issuer: ISSUER.to_owned(),
            subject: SUBJECT.to_owned(),
            audience: AUDIENCE.to_owned(),
            key: issuer.public(),
        }],
    }
}
