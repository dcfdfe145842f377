//! The pages a person signs in on, and the codes that come of it.

use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use super::errors::{Problem, refuse};
use super::grants::{asked_context, asks_for_more};
use super::pages;
use crate::emulator::http::{Reply, Request};
use crate::emulator::world::{AuthCode, Device, DeviceState, Grant, World};

impl World {
    /// The sign-in page; its form carries the whole request on.
    pub(super) fn authorize(&self, request: &Request) -> Reply {
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
        let asked = asked_context(query("claims"))
            .map(|context| format!("More is asked of you: authentication context {context}."));
        let page = pages::sign_in(
            &self.scenario.tenant.id,
            &carried,
            query("login_hint"),
            &asked.unwrap_or_default(),
        );
        Reply::html(200, page)
    }

    pub(super) fn login(&mut self, request: &Request) -> Reply {
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
            // The person at the page shows whatever is asked for.
            acrs: asked_context(&query("claims")),
            mfa: user.mfa || asks_for_more(&query("claims")),
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

    pub(super) fn devicecode(&mut self, request: &Request) -> Reply {
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
            claims: form.get("claims").unwrap_or_default().to_owned(),
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

    pub(super) fn deviceauth(&mut self, request: &Request) -> Reply {
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

/// Seconds between two polls of a device code.
pub(super) const POLL_INTERVAL: i64 = 1;

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
}
