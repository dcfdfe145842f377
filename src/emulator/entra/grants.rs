//! The token endpoint: what a code, a device code or a refresh token is redeemed for.

use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::DEVICE_GRANT;
use super::errors::Problem;
use super::sign_in::POLL_INTERVAL;
use crate::emulator::http::{Form, Reply, Request};
use crate::emulator::tokens::{Scope, TOKEN_LIFE};
use crate::emulator::world::{DeviceState, Grant, Refresh, World};

impl World {
    pub(super) fn token(&mut self, request: &Request) -> Result<Reply, Problem> {
        let form = request.form();
        let asked = request.parts().into_iter().next().unwrap_or_default();
        if !self.is_tenant(&asked) {
            return Err(Problem::tenant(&asked));
        }
        let client_id = form
            .get("client_id")
            .ok_or(Problem::missing("client_id"))?
            .to_owned();
        if self.application(&client_id).is_none() {
            return Err(Problem::client(&client_id));
        }
        let (grant, nonce) = match form.get("grant_type") {
            Some("client_credentials") => return self.as_itself(&form, &asked, &client_id),
            Some("authorization_code") => self.redeem_code(&form)?,
            Some(DEVICE_GRANT | "device_code") => (self.redeem_device(&form, &client_id)?, None),
            Some("refresh_token") => (self.redeem_refresh(&form)?, None),
            Some(other) => return Err(Problem::grant_type(other)),
            None => return Err(Problem::missing("grant_type")),
        };
        if grant.client_id != client_id {
            return Err(Problem::grant(
                70000,
                "The grant was issued to another client.",
            ));
        }
        self.issue(grant, &form, nonce)
    }

    fn redeem_code(&mut self, form: &Form) -> Result<(Grant, Option<String>), Problem> {
        let code = form.get("code").ok_or(Problem::missing("code"))?;
        let now = self.now();
        let Some(auth) = self.codes.remove(code).filter(|auth| now < auth.expires) else {
            return Err(Problem::grant(
                70008,
                "The provided authorization code has expired or was used.",
            ));
        };
        if form.get("redirect_uri") != Some(&auth.redirect_uri) {
            return Err(Problem::grant(
                50011,
                "The redirect URI does not match the authorization request.",
            ));
        }
        let verifier = form.get("code_verifier").unwrap_or_default();
        use base64::Engine as _;
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .encode(Sha256::digest(verifier.as_bytes()));
        if challenge != auth.challenge {
            let text = "The Code_Verifier does not match the code_challenge supplied in the authorization request.";
            return Err(Problem::grant(501_481, text));
        }
        Ok((auth.grant, auth.nonce))
    }

    fn redeem_device(&mut self, form: &Form, client_id: &str) -> Result<Grant, Problem> {
        let now = self.now();
        let code = form
            .get("device_code")
            .ok_or(Problem::missing("device_code"))?;
        let Some(device) = self.devices.get_mut(code) else {
            return Err(Problem::device(
                "bad_verification_code",
                70_000,
                "The device code is not right.",
            ));
        };
        if device.expires <= now {
            return Err(Problem::device(
                "expired_token",
                70020,
                "The provided value for the input parameter 'device_code' is not valid. This device code has expired.",
            ));
        }
        let soonest = SignedDuration::from_millis(POLL_INTERVAL * 500);
        let hasty = device
            .polled
            .is_some_and(|polled| now.duration_since(polled) < soonest);
        device.polled = Some(now);
        match device.state.clone() {
            DeviceState::Pending if hasty => {
                Err(Problem::device("slow_down", 70_000, "Polling too fast."))
            }
            DeviceState::Pending => Err(Problem::device(
                "authorization_pending",
                70016,
                "OAuth 2.0 device flow error. Authorization is pending. Continue polling.",
            )),
            DeviceState::Declined => Err(Problem::device(
                "authorization_declined",
                70_000,
                "The user declined the sign-in.",
            )),
            DeviceState::SignedIn(user) => {
                let (scope, owner) = (device.scope.clone(), device.client_id.clone());
                let asked = [form.get("claims").unwrap_or_default(), &device.claims];
                let acrs = asked.into_iter().find_map(asked_context);
                let more = asked.into_iter().any(asks_for_more);
                self.devices.remove(code);
                debug_assert_eq!(owner, client_id);
                if self.wants_device(acrs.as_deref()) {
                    return Err(Problem::unmanaged());
                }
                Ok(Grant {
                    mfa: more || self.scenario.user(&user).is_some_and(|user| user.mfa),
                    client_id: owner,
                    user,
                    scope,
                    acrs,
                })
            }
        }
    }

    /// Entra does not invalidate a refresh token when it issues the next one.
    fn redeem_refresh(&self, form: &Form) -> Result<Grant, Problem> {
        let token = form
            .get("refresh_token")
            .ok_or(Problem::missing("refresh_token"))?;
        match self.refresh.get(token) {
            None => Err(Problem::grant(
                9_002_313,
                "The refresh token is malformed or not known.",
            )),
            Some(found) if found.revoked => Err(Problem::grant(
                50173,
                "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
            )),
            Some(found) => {
                let mut grant = found.grant.clone();
                if let Some(scope) = form.get("scope") {
                    scope.clone_into(&mut grant.scope);
                }
                Ok(grant)
            }
        }
    }

    fn issue(
        &mut self,
        grant: Grant,
        form: &Form,
        nonce: Option<String>,
    ) -> Result<Reply, Problem> {
        let user = self.scenario.user(&grant.user).cloned();
        let user = user.ok_or(Problem::grant(50034, "The user account does not exist."))?;
        let scope = self.scope(&grant, form.get("scope").unwrap_or(&grant.scope))?;
        let claims = form.get("claims").unwrap_or_default();
        // Only an interactive sign-in can satisfy a context that the grant does not have yet.
        if let Some(context) = asked_context(claims)
            && grant.acrs.as_deref() != Some(&context)
        {
            return Err(Problem::interaction(&context));
        }
        if asks_for_mfa(claims) && !grant.mfa {
            return Err(Problem::second_factor());
        }
        let access_token = self.access_token(&grant, &user, &scope, announces_cp1(claims));
        let refresh_token = format!("1.{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let tenant = &self.scenario.tenant.id;
        let full: Vec<String> = scope
            .names
            .iter()
            .map(|name| format!("{}/{name}", scope.resource))
            .collect();
        let mut body = json!({
            "token_type": "Bearer",
            "scope": full.join(" "),
            "expires_in": TOKEN_LIFE,
            "ext_expires_in": TOKEN_LIFE,
            "access_token": access_token,
            "refresh_token": refresh_token,
            "id_token": self.id_token(&grant, &user, nonce.as_deref()),
        });
        if form.get("client_info") == Some("1") {
            use base64::Engine as _;
            let info = json!({"uid": user.id, "utid": tenant}).to_string();
            let info = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(info);
            if let Some(body) = body.as_object_mut() {
                body.insert("client_info".to_owned(), json!(info));
            }
        }
        self.refresh.insert(
            refresh_token,
            Refresh {
                grant,
                revoked: false,
            },
        );
        Ok(Reply::json(200, &body))
    }

    /// Whether a context is only for sign-ins from managed devices.
    fn wants_device(&self, context: Option<&str>) -> bool {
        let mut contexts = self.scenario.contexts.iter();
        contexts.any(|known| known.managed_device && Some(known.id.as_str()) == context)
    }

    /// The one resource of a request, and what the tenant consented to of what it names.
    fn scope(&self, grant: &Grant, asked: &str) -> Result<Scope, Problem> {
        let consented = self
            .application(&grant.client_id)
            .map(|application| application.consented.clone())
            .unwrap_or_default();
        let mut resource: Option<String> = None;
        let mut names = Vec::new();
        for scope in asked.split_whitespace() {
            if ["openid", "profile", "email", "offline_access"].contains(&scope) {
                continue;
            }
            let (of, name) = split_scope(scope);
            if !RESOURCES.contains(&of.as_str()) {
                return Err(Problem::resource(&of));
            }
            if resource.as_ref().is_some_and(|known| *known != of) {
                return Err(Problem::scope(asked));
            }
            resource = Some(of.clone());
            names
                .extend(granted(&consented, &of, &name).ok_or(Problem::consent(&grant.client_id))?);
        }
        let resource = resource.unwrap_or_else(|| "https://graph.microsoft.com".to_owned());
        Ok(Scope { resource, names })
    }
}

/// What a token can be for.
pub(super) const RESOURCES: [&str; 3] = [
    "https://graph.microsoft.com",
    "https://management.azure.com",
    "https://vault.azure.net",
];

/// What of `resource` is consented to under `name`; `.default` means all of it.
fn granted(consented: &[String], resource: &str, name: &str) -> Option<Vec<String>> {
    let all = consented.iter().filter_map(|scope| {
        let (of, name) = split_scope(scope);
        (of == resource).then_some(name)
    });
    if name == ".default" {
        return Some(all.collect());
    }
    let mut all = all;
    all.any(|found| found == name)
        .then(|| vec![name.to_owned()])
}

/// `https://resource/Name`, or a bare name, which is Graph's.
pub(super) fn split_scope(scope: &str) -> (String, String) {
    match scope.rsplit_once('/') {
        Some((resource, name)) => (resource.trim_end_matches('/').to_owned(), name.to_owned()),
        None => ("https://graph.microsoft.com".to_owned(), scope.to_owned()),
    }
}

/// The authentication context that a `claims` parameter asks for.
pub(super) fn asked_context(claims: &str) -> Option<String> {
    let claims: Value = serde_json::from_str(claims).ok()?;
    claims
        .pointer("/access_token/acrs/value")?
        .as_str()
        .map(str::to_owned)
}

/// Whether a `claims` parameter asks for a second factor.
fn asks_for_mfa(claims: &str) -> bool {
    let claims: Value = serde_json::from_str(claims).unwrap_or_default();
    let amr = claims.pointer("/access_token/amr/values");
    let amr = amr.and_then(Value::as_array);
    amr.is_some_and(|amr| amr.iter().any(|found| found == "mfa"))
}

/// Whether a `claims` parameter asks for something that a password alone does not show.
pub(super) fn asks_for_more(claims: &str) -> bool {
    asks_for_mfa(claims) || asked_context(claims).is_some()
}

/// Whether the client can handle claims challenges; msal spells the capability `CP1`.
fn announces_cp1(claims: &str) -> bool {
    let claims: Value = serde_json::from_str(claims).unwrap_or_default();
    let named = claims
        .pointer("/access_token/xms_cc/values")
        .and_then(Value::as_array);
    let mut named = named.into_iter().flatten().filter_map(Value::as_str);
    named.any(|name| name.eq_ignore_ascii_case("cp1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capability_counts_in_either_spelling_and_only_where_it_belongs() {
        assert!(announces_cp1(
            r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#
        ));
        assert!(announces_cp1(
            r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#
        ));
        assert!(!announces_cp1(
            r#"{"id_token":{"xms_cc":{"values":["cp1"]}}}"#
        ));
        assert!(!announces_cp1("cp1"));
    }

    #[test]
    fn a_bare_scope_is_graphs() {
        assert_eq!(split_scope("User.Read").0, "https://graph.microsoft.com");
        let vault = split_scope("https://vault.azure.net/.default");
        assert_eq!(
            vault,
            ("https://vault.azure.net".to_owned(), ".default".to_owned())
        );
    }
}
