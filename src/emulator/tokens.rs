//! Tokens as Entra issues them: RS256, one resource each, with the groups of their minting.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};
use uuid::Uuid;

use super::material::pkcs8;
use super::scenario::User;
use super::world::{Grant, World};

/// The tenant's signing key.
pub(super) struct Signer {
    kid: String,
    encoding: EncodingKey,
    decoding: DecodingKey,
    n: String,
    e: String,
}

impl Signer {
    pub(super) fn new() -> Result<Self, String> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|error| error.to_string())?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|error| error.to_string())?;
        let pem = pkcs8(der.as_ref());
        let encoding =
            EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|error| error.to_string())?;
        let key = pair.public_key();
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let n = number(key.modulus().big_endian_without_leading_zero());
        let e = number(key.exponent().big_endian_without_leading_zero());
        let decoding =
            DecodingKey::from_rsa_components(&n, &e).map_err(|error| error.to_string())?;
        Ok(Self {
            kid: Uuid::new_v4().simple().to_string(),
            encoding,
            decoding,
            n,
            e,
        })
    }

    pub(super) fn jwks(&self, issuer: &str) -> Value {
        json!({"keys": [{
            "kty": "RSA", "use": "sig", "kid": self.kid, "x5t": self.kid,
            "n": self.n, "e": self.e, "issuer": issuer,
        }]})
    }

    fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.encoding).unwrap_or_default()
    }

    /// The claims of a token that this tenant signed, whatever its time and audience.
    fn verify(&self, token: &str) -> Option<Value> {
        let mut validation = Validation::new(Algorithm::RS256);
        // The emulator has a time of its own, and each service names its own audience.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        jsonwebtoken::decode::<Value>(token, &self.decoding, &validation)
            .ok()
            .map(|token| token.claims)
    }
}

/// Why a bearer token is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenProblem {
    Audience(String),
    Expired,
    Malformed,
    Missing,
}

/// A token that was accepted.
pub(super) struct Caller {
    pub(super) claims: Value,
}

impl Caller {
    fn text(&self, name: &str) -> &str {
        self.claims
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    pub(super) fn object_id(&self) -> &str {
        self.text("oid")
    }

    pub(super) fn app_id(&self) -> &str {
        self.text("appid")
    }

    pub(super) fn has_scope(&self, scope: &str) -> bool {
        self.text("scp").split(' ').any(|found| found == scope)
    }

    pub(super) fn in_group(&self, group: &str) -> bool {
        let groups = self.claims.get("groups").and_then(Value::as_array);
        groups.is_some_and(|groups| groups.iter().any(|found| found == group))
    }

    /// Whether the sign-in came with a second factor.
    pub(super) fn has_mfa(&self) -> bool {
        let amr = self.claims.get("amr").and_then(Value::as_array);
        amr.is_some_and(|amr| amr.iter().any(|found| found == "mfa"))
    }

    pub(super) fn has_acrs(&self, context: &str) -> bool {
        // PIM heeds the context only of clients that announced cp1.
        let capable = self
            .claims
            .get("xms_cc")
            .is_some_and(|cc| cc.to_string().contains("cp1"));
        let acrs = self.claims.get("acrs").and_then(Value::as_array);
        capable && acrs.is_some_and(|acrs| acrs.iter().any(|found| found == context))
    }
}

impl World {
    /// Accepts a bearer token for `audience`.
    pub(super) fn caller(
        &self,
        bearer: Option<&str>,
        audience: &str,
    ) -> Result<Caller, TokenProblem> {
        let bearer = bearer.ok_or(TokenProblem::Missing)?;
        let claims = self.signer.verify(bearer).ok_or(TokenProblem::Malformed)?;
        let found = claims
            .get("aud")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if found != audience {
            return Err(TokenProblem::Audience(found.to_owned()));
        }
        let expires = claims
            .get("exp")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        if expires <= self.now().as_second() {
            return Err(TokenProblem::Expired);
        }
        Ok(Caller { claims })
    }

    /// Mints an access token; `cp1` if the client announced that capability in this request.
    pub(super) fn access_token(
        &self,
        grant: &Grant,
        user: &User,
        scope: &Scope,
        cp1: bool,
    ) -> String {
        let now = self.now();
        let tenant = &self.scenario.tenant.id;
        let mut claims = json!({
            "aud": scope.resource,
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": now.as_second(),
            "nbf": now.as_second(),
            "exp": now.as_second() + TOKEN_LIFE,
            "appid": grant.client_id,
            "appidacr": "0",
            "amr": if grant.mfa { json!(["pwd", "mfa"]) } else { json!(["pwd"]) },
            "groups": self.groups_of(user, now),
            "idtyp": "user",
            "oid": user.id,
            "scp": scope.names.join(" "),
            "sub": user.id,
            "tid": tenant,
            "upn": user.name,
            "uti": Uuid::new_v4().simple().to_string(),
            "ver": "1.0",
        });
        if let Some(claims) = claims.as_object_mut() {
            if cp1 {
                claims.insert("xms_cc".to_owned(), json!(["cp1"]));
            }
            if let Some(acrs) = &grant.acrs {
                claims.insert("acrs".to_owned(), json!([acrs]));
            }
        }
        self.signer.sign(&claims)
    }

    /// Mints an access token of an application's own: without user, permissions or groups.
    pub(super) fn application_token(&self, client_id: &str, oid: &str, resource: &str) -> String {
        let now = self.now().as_second();
        let tenant = &self.scenario.tenant.id;
        self.signer.sign(&json!({
            "aud": resource,
            "iss": format!("https://sts.windows.net/{tenant}/"),
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_LIFE,
            "appid": client_id,
            "appidacr": "2",
            "idtyp": "app",
            "oid": oid,
            "sub": oid,
            "tid": tenant,
            "uti": Uuid::new_v4().simple().to_string(),
            "ver": "1.0",
        }))
    }

    /// A token as another program would have it for `user`, without a sign-in here.
    pub(super) fn foreign_token(&self, user: &str, resource: &str) -> Option<String> {
        let user = self.scenario.user(user)?;
        let grant = Grant {
            client_id: AZURE_CLI.to_owned(),
            user: user.name.clone(),
            scope: String::new(),
            acrs: None,
            mfa: user.mfa,
        };
        let scope = Scope {
            resource: resource.trim_end_matches('/').to_owned(),
            names: vec!["user_impersonation".to_owned()],
        };
        Some(self.access_token(&grant, user, &scope, false))
    }

    pub(super) fn id_token(&self, grant: &Grant, user: &User, nonce: Option<&str>) -> String {
        let now = self.now().as_second();
        let tenant = &self.scenario.tenant.id;
        let mut claims = json!({
            "aud": grant.client_id,
            "iss": format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            "iat": now, "nbf": now, "exp": now + TOKEN_LIFE,
            "name": user.name,
            "oid": user.id,
            "preferred_username": user.name,
            "sub": user.id,
            "tid": tenant,
            "ver": "2.0",
        });
        if let (Some(nonce), Some(claims)) = (nonce, claims.as_object_mut()) {
            claims.insert("nonce".to_owned(), json!(nonce));
        }
        self.signer.sign(&claims)
    }

    /// The groups that a token minted at `at` contains.
    fn groups_of(&self, user: &User, at: Timestamp) -> Vec<String> {
        let mut groups = user.member_of.clone();
        for request in &self.requests {
            let span = request.membership(&self.scenario.delays);
            let member = request.role == "member" && request.principal == user.id;
            let inside = span.is_some_and(|(start, end)| start <= at && at < end);
            if member && inside && !groups.contains(&request.scope) {
                groups.push(request.scope.clone());
            }
        }
        groups
    }
}

/// The scopes of one request: of one resource, as Entra demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) resource: String,
    pub(super) names: Vec<String>,
}

/// The application of the Azure CLI.
const AZURE_CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";

/// Entra's tokens live 60 to 90 minutes, at random; here always the mean.
pub(super) const TOKEN_LIFE: i64 = 75 * 60;
