//! Microsoft Entra ID: discovery, sign-in, tokens.

use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::http::{Form, Reply, Request};
use super::tokens::{Scope, TOKEN_LIFE};
use super::world::{AuthCode, Device, DeviceState, Grant, Refresh, World};

use errors::{Problem, refuse};

mod errors;
mod pages;

/// The operation behind a request to the sign-in service.
pub(super) fn operation(request: &Request) -> Option<&'static str> {
    let parts = request.parts();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["common", "discovery", "instance"]) => Some("entra.instance"),
        ("GET", [_, "v2.0", ".well-known", "openid-configuration"]) => Some("entra.discovery"),
        ("GET", [_, "discovery", "v2.0", "keys"]) => Some("entra.keys"),
        ("GET", [_, "oauth2", "v2.0", "authorize"]) => Some("entra.authorize"),
        ("POST", [_, "login"]) => Some("entra.login"),
        ("POST", [_, "oauth2", "v2.0", "devicecode"]) => Some("entra.devicecode"),
        ("GET", ["common", "oauth2", "deviceauth"]) => Some("entra.deviceauth"),
        ("POST", ["common", "oauth2", "deviceauth"]) => Some("entra.deviceauth.submit"),
        ("POST", [_, "oauth2", "v2.0", "token"]) => Some(token_operation(&request.form())),
        _ => None,
    }
}

fn token_operation(form: &Form) -> &'static str {
    match form.get("grant_type") {
        Some("authorization_code") => "entra.token.authorization_code",
        Some("refresh_token") => "entra.token.refresh_token",
        Some(DEVICE_GRANT | "device_code") => "entra.token.device_code",
        _ => "entra.token",
    }
}

impl World {
    pub(super) fn entra(&mut self, operation: &str, request: &Request) -> Reply {
        let reply = self.entra_answer(operation, request);
        if operation == "entra.discovery" || operation == "entra.keys" {
            return reply;
        }
        reply
            .with("Cache-Control", "no-store, no-cache")
            .with("Expires", "-1")
            .with("P3P", "CP=\"DSP CUR OTPi IND OTRi ONL FIN\"")
            .with("Pragma", "no-cache")
            .with(
                "Strict-Transport-Security",
                "max-age=31536000; includeSubDomains",
            )
            .with("X-Content-Type-Options", "nosniff")
            .with("X-XSS-Protection", "0")
            .with("x-ms-clitelem", "1,0,0,,")
            .with("x-ms-ests-server", "2.1.0 - emulator")
            .with("x-ms-request-id", Uuid::new_v4().to_string())
            .with("x-ms-srs", "1.P")
    }

    fn entra_answer(&mut self, operation: &str, request: &Request) -> Reply {
        match operation {
            "entra.instance" => Reply::json(200, &instance(&self.scenario.tenant.id)),
            "entra.discovery" => self.discovery(request),
            "entra.keys" => Reply::json(200, &self.signer.jwks(&self.issuer())),
            "entra.authorize" => self.authorize(request),
            "entra.login" => self.login(request),
            "entra.devicecode" => self.devicecode(request),
            "entra.deviceauth" => Reply::html(200, pages::device("")),
            "entra.deviceauth.submit" => self.deviceauth(request),
            _ => match self.token(request) {
                Ok(reply) => reply,
                Err(problem) => refuse(self.now(), request, &problem),
            },
        }
    }

    fn issuer(&self) -> String {
        format!(
            "https://login.microsoftonline.com/{}/v2.0",
            self.scenario.tenant.id
        )
    }

    fn discovery(&self, request: &Request) -> Reply {
        let asked = request.parts().into_iter().next().unwrap_or_default();
        if !self.is_tenant(&asked) {
            return refuse(self.now(), request, &Problem::tenant(&asked));
        }
        Reply::json(200, &configuration(&self.scenario.tenant.id))
    }

    fn is_tenant(&self, name: &str) -> bool {
        let tenant = &self.scenario.tenant;
        [
            tenant.id.as_str(),
            &tenant.domain,
            "organizations",
            "common",
        ]
        .contains(&name)
    }

    /// The sign-in page; its form carries the whole request on.
    fn authorize(&self, request: &Request) -> Reply {
        let query = |name: &str| request.query(name).unwrap_or_default();
        let known = self.application(query("client_id"));
        let Some(known) = known else {
            return Reply::html(400, pages::error(700016, "The application was not found."));
        };
        if !redirect_allowed(&known.redirect_uris, query("redirect_uri")) {
            let text = "The redirect URI does not match the ones configured for the application.";
            return Reply::html(400, pages::error(50011, text));
        }
        if query("code_challenge").is_empty() || query("code_challenge_method") != "S256" {
            let text = "Proof Key for Code Exchange is required for this application.";
            return Reply::html(400, pages::error(9002325, text));
        }
        let carried = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&request.query)
            .finish();
        Reply::html(
            200,
            pages::sign_in(&self.scenario.tenant.id, &carried, query("login_hint"), ""),
        )
    }

    fn login(&mut self, request: &Request) -> Reply {
        let form = request.form();
        let field = |name: &str| form.get(name).unwrap_or_default().to_owned();
        let carried = field("request");
        let asked: Vec<(String, String)> = url::form_urlencoded::parse(carried.as_bytes())
            .into_owned()
            .collect();
        let query = |name: &str| {
            asked
                .iter()
                .find(|(found, _)| found == name)
                .map(|(_, v)| v.clone())
                .unwrap_or_default()
        };
        let back = |pairs: &[(&str, &str)]| {
            let pairs = url::form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs)
                .finish();
            Reply::redirect(&format!("{}?{pairs}", query("redirect_uri")))
        };
        let state = query("state");
        if field("action") == "cancel" {
            let text = "AADSTS65004: User declined to consent to access the app.";
            let pairs = [
                ("error", "access_denied"),
                ("error_description", text),
                ("state", &state),
            ];
            return back(&pairs);
        }
        let known = self.scenario.user(&field("username")).cloned();
        let Some(user) = known.filter(|user| user.password == field("password")) else {
            let text = "Your account or password is incorrect.";
            let page = pages::sign_in(&self.scenario.tenant.id, &carried, &field("username"), text);
            return Reply::html(200, page);
        };
        let code = format!("1.{}", Uuid::new_v4().simple());
        let grant = Grant {
            client_id: query("client_id"),
            user: user.name,
            scope: query("scope"),
            acrs: asked_context(&query("claims")),
        };
        let auth = AuthCode {
            grant,
            redirect_uri: query("redirect_uri"),
            challenge: query("code_challenge"),
            nonce: Some(query("nonce")).filter(|nonce| !nonce.is_empty()),
            expires: self.now() + SignedDuration::from_mins(10),
        };
        self.codes.insert(code.clone(), auth);
        back(&[
            ("code", &code),
            ("state", &state),
            ("session_state", &Uuid::new_v4().to_string()),
        ])
    }

    fn devicecode(&mut self, request: &Request) -> Reply {
        let form = request.form();
        let client_id = form.get("client_id").unwrap_or_default();
        if self.application(client_id).is_none() {
            return refuse(self.now(), request, &Problem::client(client_id));
        }
        let device_code = Uuid::new_v4().simple().to_string();
        let user_code = Uuid::new_v4().simple().to_string().to_uppercase();
        let user_code: String = user_code.chars().take(9).collect();
        let device = Device {
            user_code: user_code.clone(),
            client_id: client_id.to_owned(),
            scope: form.get("scope").unwrap_or_default().to_owned(),
            state: DeviceState::Pending,
            expires: self.now() + SignedDuration::from_mins(15),
            polled: None,
        };
        self.devices.insert(device_code.clone(), device);
        let page = "https://login.microsoftonline.com/common/oauth2/deviceauth";
        let message = format!(
            "To sign in, use a web browser to open the page {page} and enter the code {user_code} \
             to authenticate."
        );
        Reply::json(
            200,
            &json!({
                "user_code": user_code, "device_code": device_code, "verification_uri": page,
                "expires_in": 900, "interval": POLL_INTERVAL, "message": message,
            }),
        )
    }

    fn deviceauth(&mut self, request: &Request) -> Reply {
        let form = request.form();
        let field = |name: &str| form.get(name).unwrap_or_default();
        let user_code = field("user_code").to_uppercase();
        let user = self.scenario.user(field("username")).cloned();
        let Some(user) = user.filter(|user| user.password == field("password")) else {
            return Reply::html(200, pages::device("Your account or password is incorrect."));
        };
        let decided = match field("action") {
            "cancel" => self.decline_device(&user_code),
            _ => self.sign_in_device(&user_code, &user.name),
        };
        if decided {
            return Reply::html(200, pages::done("You can close this window now."));
        }
        Reply::html(200, pages::device("That code is not right."))
    }

    fn token(&mut self, request: &Request) -> Result<Reply, Problem> {
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
                let scope = device.scope.clone();
                let owner = device.client_id.clone();
                self.devices.remove(code);
                debug_assert_eq!(owner, client_id);
                Ok(Grant {
                    client_id: owner,
                    user,
                    scope,
                    acrs: None,
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
            if !["https://graph.microsoft.com", "https://vault.azure.net"].contains(&of.as_str()) {
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

    fn application(&self, client_id: &str) -> Option<&super::scenario::Application> {
        self.scenario
            .applications
            .iter()
            .find(|app| app.client_id == client_id)
    }
}

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
fn split_scope(scope: &str) -> (String, String) {
    match scope.rsplit_once('/') {
        Some((resource, name)) => (resource.trim_end_matches('/').to_owned(), name.to_owned()),
        None => ("https://graph.microsoft.com".to_owned(), scope.to_owned()),
    }
}

/// The authentication context that a `claims` parameter asks for.
fn asked_context(claims: &str) -> Option<String> {
    let claims: Value = serde_json::from_str(claims).ok()?;
    claims
        .pointer("/access_token/acrs/value")?
        .as_str()
        .map(str::to_owned)
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

/// A loopback address matches whatever its port (RFC 8252, section 7.3); everything else exactly.
fn redirect_allowed(registered: &[String], asked: &str) -> bool {
    let without_port = |text: &str| {
        let mut url = url::Url::parse(text).ok()?;
        let loopback = url.host_str() == Some("localhost");
        if loopback {
            url.set_port(None).ok()?;
        }
        Some(url)
    };
    let asked = without_port(asked);
    asked.is_some() && registered.iter().any(|known| without_port(known) == asked)
}

fn instance(tenant: &str) -> Value {
    let discovery =
        format!("https://login.microsoftonline.com/{tenant}/v2.0/.well-known/openid-configuration");
    json!({
        "tenant_discovery_endpoint": discovery,
        "api-version": "1.1",
        "metadata": [{
            "preferred_network": "login.microsoftonline.com",
            "preferred_cache": "login.windows.net",
            "aliases": ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"],
        }],
    })
}

fn configuration(tenant: &str) -> Value {
    let base = format!("https://login.microsoftonline.com/{tenant}");
    json!({
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{base}/v2.0"),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": "https://graph.microsoft.com/oidc/userinfo",
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "claims_supported": ["sub", "iss", "cloud_instance_name", "cloud_instance_host_name",
            "cloud_graph_host_name", "msgraph_host", "aud", "exp", "iat", "auth_time", "acr", "nonce",
            "preferred_username", "name", "tid", "ver", "at_hash", "c_hash", "email"],
        "kerberos_endpoint": format!("{base}/kerberos"),
        "tenant_region_scope": "WW",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
        "rbac_url": "https://pas.windows.net",
    })
}

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// Seconds between two polls of a device code.
const POLL_INTERVAL: i64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_redirect_matches_with_any_port_and_no_other_path() {
        let known = ["http://localhost".to_owned()];
        assert!(redirect_allowed(&known, "http://localhost:4711"));
        assert!(redirect_allowed(&known, "http://localhost:4711/"));
        assert!(!redirect_allowed(&known, "http://localhost:4711/x"));
        assert!(!redirect_allowed(&known, "http://evil.example"));
        assert!(!redirect_allowed(&known, "nonsense"));
    }

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
