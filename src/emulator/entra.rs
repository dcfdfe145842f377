//! Microsoft Entra ID: discovery, sign-in, tokens.

use uuid::Uuid;

use super::http::{Form, Reply, Request};
use super::world::World;

use discovery::{configuration, instance};
use errors::{Problem, refuse};

mod assertions;
mod discovery;
mod errors;
mod grants;
mod pages;
mod sign_in;

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
        Some("client_credentials") => "entra.token.client_credentials",
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

    fn application(&self, client_id: &str) -> Option<&super::scenario::Application> {
        self.scenario
            .applications
            .iter()
            .find(|app| app.client_id == client_id)
    }
}

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
