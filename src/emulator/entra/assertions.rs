//! Applications that sign in as themselves: what they show is verified as Entra verifies it.
//!
//! An assertion of an application's own is signed with a registered certificate; a federated one is
//! the token of an issuer that a federated credential names. A repeated `jti` is taken, as Microsoft's
//! own clients show one assertion for several tokens.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, dangerous, decode, decode_header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use x509_cert::der::Document;

use super::errors::Problem;
use super::grants::{RESOURCES, split_scope};
use crate::emulator::http::{Form, Reply};
use crate::emulator::scenario::{Application, Federation};
use crate::emulator::tokens::TOKEN_LIFE;
use crate::emulator::world::World;

/// What an application shows.
struct Assertion<'a> {
    text: &'a str,
    header: Header,
    claims: Value,
}

impl World {
    /// The client credentials grant: a token for whatever the application itself may do.
    pub(super) fn as_itself(
        &self,
        form: &Form,
        asked: &str,
        client_id: &str,
    ) -> Result<Reply, Problem> {
        let application = self
            .application(client_id)
            .ok_or_else(|| Problem::client(client_id))?;
        let assertion = Assertion::read(form, client_id)?;
        let audience = format!("https://login.microsoftonline.com/{asked}/oauth2/v2.0/token");
        if assertion.text("iss") == client_id {
            assertion.certified(application, &audience, self.now())?;
        } else {
            assertion.federated(application)?;
        }
        assertion.is_of(self.now())?;
        let resource = resource(form.get("scope").unwrap_or_default())?;
        let tenant = &self.scenario.tenant.id;
        let principal = application.service_principal.as_deref();
        let principal = principal.ok_or_else(|| Problem::no_principal(client_id, tenant))?;
        let token = self.application_token(client_id, principal, &resource);
        Ok(Reply::json(
            200,
            &json!({
                "token_type": "Bearer",
                "expires_in": TOKEN_LIFE,
                "ext_expires_in": TOKEN_LIFE,
                "access_token": token,
            }),
        ))
    }
}

impl<'a> Assertion<'a> {
    fn read(form: &'a Form, client_id: &str) -> Result<Self, Problem> {
        if form.get("client_secret").is_some() {
            // No scenario gives one.
            let text = format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the \
                 client secret value, not the client secret ID, for a secret added to app \
                 '{client_id}'."
            );
            return Err(Problem::assertion(7_000_215, text));
        }
        let Some(text) = form.get("client_assertion") else {
            let text = "The request body must contain the following parameter: 'client_assertion' or \
                        'client_secret'.";
            return Err(Problem::assertion(7_000_218, text));
        };
        if form.get("client_assertion_type") != Some(JWT_BEARER) {
            return Err(Problem::missing("client_assertion_type"));
        }
        let header = decode_header(text).map_err(|_| Problem::malformed("its header"))?;
        let claims = dangerous::insecure_decode_claims(text);
        let claims = claims.map_err(|_| Problem::malformed("its claims"))?;
        Ok(Self {
            text,
            header,
            claims,
        })
    }

    fn text(&self, name: &str) -> &str {
        let text = self.claims.get(name).and_then(Value::as_str);
        text.unwrap_or_default()
    }

    /// Whether `key` made its signature; times and audience are looked at apart.
    fn signed_by(&self, key: &DecodingKey, algorithms: &[Algorithm]) -> bool {
        let mut validation = Validation::new(self.header.alg);
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        algorithms.contains(&self.header.alg)
            && decode::<Value>(self.text, key, &validation).is_ok()
    }

    /// Whether a certificate of the application signed it, for this token endpoint.
    fn certified(
        &self,
        application: &Application,
        audience: &str,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let found = application.certificates.iter();
        let found = found.filter_map(|pem| Registered::read(pem));
        // Microsoft's client for Python pads them.
        let is = |given: &Option<String>, own: &str| {
            given
                .as_ref()
                .is_some_and(|given| given.trim_end_matches('=') == own)
        };
        let named = |it: &Registered| {
            is(&self.header.x5t_s256, &it.sha256) || is(&self.header.x5t, &it.sha1)
        };
        let refuse = |reason: &str| {
            let thumbprint = self.header.x5t_s256.as_ref().or(self.header.x5t.as_ref());
            let thumbprint = thumbprint.map(String::as_str).unwrap_or_default();
            let text = format!(
                "Client assertion contains an invalid signature. [Reason - {reason}, Thumbprint of key \
                 used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or \
                 directly use MS Graph to see configured keys for app Id '{}'.]",
                application.client_id
            );
            Problem::assertion(700_027, text)
        };
        let key = found.clone().find(named);
        let key = key.ok_or_else(|| refuse("The key was not found."))?;
        let public = DecodingKey::from_rsa_der(&key.public);
        if !self.signed_by(&public, &[Algorithm::PS256, Algorithm::RS256]) {
            return Err(refuse(
                "The provided signature value did not match the expected signature value.",
            ));
        }
        if key.ends <= now.as_second() {
            return Err(refuse("The key used is expired."));
        }
        if self.text("aud") != audience {
            let text = "Client assertion audience claim does not match Realm issuer.";
            return Err(Problem::assertion(700_023, text));
        }
        match self.text("sub") == application.client_id && !self.text("jti").is_empty() {
            true => Ok(()),
            false => Err(Problem::malformed("its 'sub' or 'jti' claim")),
        }
    }

    /// Whether it is the token of an issuer that the application trusts, for that subject.
    fn federated(&self, application: &Application) -> Result<(), Problem> {
        let no = |code, what: &str, found: &str| {
            let text = format!(
                "No matching federated identity record found for presented assertion {what} '{found}'. \
                 Check your federated identity credential Subject, Audience and Issuer against the \
                 presented assertion."
            );
            Problem::assertion(code, text)
        };
        let (issuer, subject) = (self.text("iss"), self.text("sub"));
        let all = &application.federations;
        let trusted: Vec<&Federation> = all.iter().filter(|it| it.issuer == issuer).collect();
        if trusted.is_empty() {
            return Err(no(700_211, "issuer", issuer));
        }
        let Some(found) = trusted.iter().find(|it| it.subject == subject) else {
            let near = |it: &&&Federation| it.subject.eq_ignore_ascii_case(subject);
            let code = match trusted.iter().find(near) {
                Some(_) => 7_002_138,
                None => 700_213,
            };
            return Err(no(code, "subject", subject));
        };
        // A token may be for several audiences.
        let audience = self.claims.get("aud").unwrap_or(&Value::Null);
        let among = audience.as_array().is_some_and(|all| {
            let mut all = all.iter();
            all.any(|it| it.as_str() == Some(&found.audience))
        });
        if !among && audience.as_str() != Some(&found.audience) {
            return Err(no(700_212, "audience", &audience.to_string()));
        }
        let key = DecodingKey::from_rsa_pem(found.key.as_bytes());
        match key.is_ok_and(|key| self.signed_by(&key, &[Algorithm::RS256])) {
            true => Ok(()),
            false => Err(Problem::assertion(
                50013,
                "Assertion failed signature validation. [Reason - The provided signature value did not \
                 match the expected signature value.]",
            )),
        }
    }

    fn is_of(&self, now: Timestamp) -> Result<(), Problem> {
        let (begins, ends) = (self.at("nbf"), self.at("exp"));
        let seconds = now.as_second();
        let begun = begins.is_none_or(|begins| begins <= seconds + LEEWAY);
        if begun && ends.is_some_and(|ends| seconds < ends + LEEWAY) {
            return Ok(());
        }
        let shown =
            |at: Option<i64>| Timestamp::from_second(at.unwrap_or_default()).unwrap_or_default();
        let text = format!(
            "Client assertion is not within its valid time range. Current time: {now}, assertion valid \
             from {}, expiry time of assertion {}.",
            shown(begins),
            shown(ends)
        );
        Err(Problem::assertion(700_024, text))
    }

    /// A time, which Microsoft's client for Python writes with a fraction.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction of a second does not count"
    )]
    fn at(&self, name: &str) -> Option<i64> {
        let at = self.claims.get(name)?;
        at.as_i64().or_else(|| Some(at.as_f64()? as i64))
    }
}

/// A certificate that is registered with an application.
struct Registered {
    sha1: String,
    sha256: String,
    /// PKCS#1.
    public: Vec<u8>,
    ends: i64,
}

impl Registered {
    fn read(pem: &str) -> Option<Self> {
        let (_, document) = Document::from_pem(pem.trim()).ok()?;
        let certificate: x509_cert::Certificate = document.decode_msg().ok()?;
        let certificate = certificate.tbs_certificate();
        let info = certificate.subject_public_key_info();
        let ends = certificate.validity().not_after.to_unix_duration();
        let der = document.as_bytes();
        Some(Self {
            sha1: URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der)),
            sha256: URL_SAFE_NO_PAD.encode(Sha256::digest(der)),
            public: info.subject_public_key.raw_bytes().to_vec(),
            ends: ends.as_secs().cast_signed(),
        })
    }
}

/// The one resource of an application's request.
fn resource(asked: &str) -> Result<String, Problem> {
    let (resource, name) = split_scope(asked);
    if name != ".default" || asked.contains(' ') {
        return Err(Problem::not_default(asked));
    }
    match RESOURCES.contains(&resource.as_str()) {
        true => Ok(resource),
        false => Err(Problem::resource(&resource)),
    }
}

/// What Entra forgives clocks.
const LEEWAY: i64 = 300;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
