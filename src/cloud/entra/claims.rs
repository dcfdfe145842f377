//! Claims: those we ask for, and those of tokens that say who signed in.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::catalog::Tenant;
use crate::cloud::{Account, jwt};

/// `wanted`, with the announcement that we handle claims challenges (`cp1`). PIM heeds a step-up
/// only from clients that announce it.
pub(super) fn with_capabilities(wanted: &str) -> String {
    merged(wanted, r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#)
}

/// All that two requests for claims ask for. What is no such request asks for nothing.
pub(super) fn merged(one: &str, other: &str) -> String {
    let object = |text: &str| serde_json::from_str(text).ok().filter(Value::is_object);
    let mut claims = object(one).unwrap_or_else(|| json!({}));
    merge(&mut claims, object(other).unwrap_or_else(|| json!({})));
    claims.to_string()
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

/// Whether `token` shows what `wanted` asks for, as far as that is told by the token: an
/// authentication context, or how the person has signed in. Anything else is the service's to see.
pub(super) fn satisfies(token: &str, wanted: &str) -> bool {
    let wanted: Value = serde_json::from_str(wanted).unwrap_or_default();
    let found: Value = jwt::claims(token).unwrap_or_default();
    let shows = |name: &str| {
        let wish = wanted.pointer(&format!("/access_token/{name}"));
        let one = wish.and_then(|wish| wish.get("value"));
        let some = wish.and_then(|wish| wish.get("values")?.as_array());
        let mut wished = some.into_iter().flatten().chain(one).peekable();
        let found = found.get(name).and_then(Value::as_array);
        wished.peek().is_none()
            || wished.any(|wish| found.is_some_and(|found| found.contains(wish)))
    };
    shows("acrs") && shows("amr")
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    aud: String,
    #[serde(default)]
    iss: String,
    nbf: Option<i64>,
    exp: Option<i64>,
    oid: String,
    tid: String,
    nonce: Option<String>,
    preferred_username: Option<String>,
    upn: Option<String>,
    app_displayname: Option<String>,
    appid: Option<String>,
}

/// What an id token has to say.
pub(super) struct Expected<'a> {
    pub(super) tenant: &'a Tenant,
    /// That of the request; none for a device code, which has none.
    pub(super) nonce: Option<&'a str>,
    /// By the server's clock.
    pub(super) now: Timestamp,
}

impl Expected<'_> {
    /// Who an id token says signed in.
    ///
    /// Its signature is not checked: it came from the token endpoint itself over TLS, which OpenID
    /// Connect Core, section 3.1.3.7, point 6, accepts in its place. All else is.
    pub(super) fn account(&self, id_token: Option<&str>) -> Result<Account, String> {
        let claims: Claims = id_token
            .and_then(jwt::claims)
            .ok_or("Entra sent no readable id token")?;
        let (tenant, now) = (self.tenant, self.now.as_second());
        let issuer = format!("{}{}/v2.0", tenant.authority, claims.tid);
        if claims.iss != issuer {
            return Err("the id token is of another issuer than this tenant".to_owned());
        }
        of_tenant(&claims, tenant)?;
        if Some(claims.aud.as_str()) != tenant.client_id.as_deref() {
            return Err("the id token is for another application".to_owned());
        }
        if self.nonce.is_some() && claims.nonce.as_deref() != self.nonce {
            return Err("the id token is of another sign-in".to_owned());
        }
        let begun = claims.nbf.is_some_and(|nbf| nbf <= now + SKEW.as_secs());
        let lasts = claims.exp.is_some_and(|exp| exp > now - SKEW.as_secs());
        if !begun || !lasts {
            return Err("the id token is not of now, by Entra's own clock".to_owned());
        }
        Ok(claims.into())
    }
}

/// Who an access token of the Azure CLI or a managed identity is for.
pub(super) fn of_access_token(token: &str, tenant: &Tenant) -> Result<Account, String> {
    let claims: Claims = jwt::claims(token).ok_or("the token does not say who you are")?;
    of_tenant(&claims, tenant)?;
    Ok(claims.into())
}

/// A tenant that is configured by a domain is proven by the authority's path alone.
fn of_tenant(claims: &Claims, tenant: &Tenant) -> Result<(), String> {
    let same = tenant.id.eq_ignore_ascii_case(&claims.tid);
    if Uuid::parse_str(&tenant.id).is_ok() && !same {
        let text = "the sign-in is of tenant {} and the configuration names {}";
        let text = text.replacen("{}", &claims.tid, 1);
        return Err(text.replacen("{}", &tenant.id, 1));
    }
    Ok(())
}

impl From<Claims> for Account {
    fn from(claims: Claims) -> Self {
        let application = || Some(format!("application {}", claims.appid?));
        let person = claims.preferred_username.or(claims.upn);
        let user_name = person.or(claims.app_displayname).or_else(application);
        Self {
            user_name: user_name.unwrap_or_else(|| claims.oid.clone()),
            object_id: claims.oid,
            tenant_id: claims.tid,
        }
    }
}

/// Between Entra's own machines.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::testing;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    const NOW: i64 = 1_800_000_000;

    fn token(claims: &Value) -> String {
        format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    /// What the claims of a good token become if `change` is made to them.
    fn told(change: (&str, Value)) -> Result<Account, String> {
        let tenant = testing::tenant();
        let expected = Expected {
            tenant: &tenant,
            nonce: Some("n"),
            now: Timestamp::from_second(NOW).unwrap(),
        };
        let mut claims = json!({
            "aud": tenant.client_id, "iss": format!("{}t/v2.0", tenant.authority), "oid": "o",
            "tid": "t", "nonce": "n", "nbf": NOW, "exp": NOW + 3600, "preferred_username": "mia",
        });
        claims[change.0] = change.1;
        expected.account(Some(&token(&claims)))
    }

    #[test]
    fn an_id_token_that_differs_in_anything_that_counts_is_refused() {
        assert_eq!(told(("name", json!("Mia"))).unwrap().user_name, "mia");
        for wrong in [
            ("aud", json!("another")),
            ("iss", json!("https://login.microsoftonline.com/other/v2.0")),
            ("iss", json!("https://login.evil.example/t/v2.0")),
            ("iss", Value::Null),
            ("nonce", json!("x")),
            ("nonce", Value::Null),
            ("exp", json!(NOW - 301)),
            ("exp", Value::Null),
            ("nbf", json!(NOW + 301)),
            ("oid", Value::Null),
        ] {
            assert!(told(wrong.clone()).is_err(), "{wrong:?}");
        }
        // Entra's own clocks may differ by that.
        assert!(told(("exp", json!(NOW - 299))).is_ok());
    }

    #[test]
    fn a_token_of_another_tenant_than_the_configured_guid_is_refused() {
        let mut tenant = testing::tenant();
        "3c1f0f3a-52b1-4b26-9d0e-5d6c8c1d7a10".clone_into(&mut tenant.id);
        let of = |tid: &str| of_access_token(&token(&json!({"oid": "o", "tid": tid})), &tenant);
        assert!(of("3C1F0F3A-52B1-4B26-9D0E-5D6C8C1D7A10").is_ok());
        let refused = of("00000000-0000-0000-0000-000000000000").unwrap_err();
        assert!(refused.contains("3c1f0f3a"), "{refused}");
        assert!(of_access_token("nonsense", &tenant).is_err());
    }

    #[test]
    fn the_capability_is_added_to_whatever_is_asked_for() {
        let acrs = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
        let claims: Value = serde_json::from_str(&with_capabilities(acrs)).unwrap();
        assert_eq!(claims["access_token"]["acrs"]["value"], "c1");
        assert_eq!(claims["access_token"]["xms_cc"]["values"][0], "cp1");
        for nothing in ["", "testing1", "[1]", "null"] {
            let alone = r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#;
            assert_eq!(with_capabilities(nothing), alone, "{nothing}");
        }
    }

    #[test]
    fn what_entra_asks_for_besides_is_asked_for_as_well() {
        let acrs = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
        let more = r#"{"access_token":{"capolids":{"essential":true,"values":["p"]}}}"#;
        let both: Value = serde_json::from_str(&merged(acrs, more)).unwrap();
        assert_eq!(both["access_token"]["acrs"]["value"], "c1");
        assert_eq!(both["access_token"]["capolids"]["values"][0], "p");
    }

    #[test]
    fn a_token_satisfies_what_it_shows_and_nothing_more() {
        let context = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;
        let factor = r#"{"access_token":{"amr":{"values":["mfa"]}}}"#;
        let since = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
        let shown = token(&json!({"acrs": ["c1"], "amr": ["pwd", "mfa"]}));
        let plain = token(&json!({"acrs": ["c2"], "amr": ["pwd"]}));
        for wanted in [context, factor] {
            assert!(satisfies(&shown, wanted));
            assert!(!satisfies(&plain, wanted));
            assert!(!satisfies("opaque", wanted));
        }
        assert!(satisfies(&plain, since));
    }
}
