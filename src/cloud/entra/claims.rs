//! Claims: those we ask for, and those of tokens that say who signed in.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cloud::Account;

/// Announces that we handle claims challenges. PIM heeds a step-up only from clients that do.
pub(super) const CAPABILITIES: &str = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;

/// `wanted` together with [`CAPABILITIES`].
pub(super) fn with_capabilities(wanted: &str) -> String {
    let mut claims: Value = serde_json::from_str(wanted).unwrap_or_else(|_| json!({}));
    let capable = json!({"values": ["cp1"]});
    match claims
        .get_mut("access_token")
        .and_then(Value::as_object_mut)
    {
        Some(access) => {
            access.insert("xms_cc".to_owned(), capable);
        }
        None => {
            if let Some(claims) = claims.as_object_mut() {
                claims.insert("access_token".to_owned(), json!({"xms_cc": capable}));
            }
        }
    }
    claims.to_string()
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    aud: String,
    oid: String,
    tid: String,
    nonce: Option<String>,
    preferred_username: Option<String>,
    upn: Option<String>,
}

/// Who an id token says signed in.
///
/// Its signature is not checked: it came from the token endpoint itself over TLS, which OpenID
/// Connect Core, section 3.1.3.7, point 6, accepts in its place. Audience and nonce are.
pub(super) fn account(
    id_token: Option<&str>,
    client_id: &str,
    nonce: Option<&str>,
) -> Result<Account, String> {
    let claims = id_token
        .and_then(payload)
        .ok_or("Entra sent no readable id token")?;
    if claims.aud != client_id {
        return Err("the id token is for another application".to_owned());
    }
    if nonce.is_some() && claims.nonce.as_deref() != nonce {
        return Err("the id token is of another sign-in".to_owned());
    }
    Ok(claims.into())
}

/// Who an access token of the Azure CLI or a managed identity is for.
pub(super) fn of_access_token(token: &str) -> Option<Account> {
    payload(token).map(Account::from)
}

impl From<Claims> for Account {
    fn from(claims: Claims) -> Self {
        let user_name = claims.preferred_username.or(claims.upn);
        Self {
            user_name: user_name.unwrap_or_else(|| claims.oid.clone()),
            object_id: claims.oid,
            tenant_id: claims.tid,
        }
    }
}

fn payload(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &Value) -> String {
        format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    #[test]
    fn an_id_token_of_another_application_or_sign_in_is_refused() {
        let claims =
            json!({"aud": "me", "oid": "o", "tid": "t", "nonce": "n", "preferred_username": "mia"});
        let token = token(&claims);
        assert_eq!(
            account(Some(&token), "me", Some("n")).unwrap().user_name,
            "mia"
        );
        assert!(account(Some(&token), "other", Some("n")).is_err());
        assert!(account(Some(&token), "me", Some("x")).is_err());
        assert!(account(None, "me", None).is_err());
        assert!(account(Some("nonsense"), "me", None).is_err());
    }

    #[test]
    fn the_capability_is_added_to_whatever_is_asked_for() {
        let acrs = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
        let claims: Value = serde_json::from_str(&with_capabilities(acrs)).unwrap();
        assert_eq!(claims["access_token"]["acrs"]["value"], "c1");
        assert_eq!(claims["access_token"]["xms_cc"]["values"][0], "cp1");
        assert_eq!(with_capabilities(""), CAPABILITIES);
    }
}
