//! A raw client on the emulator's wire: no SDK, no code of pimento's own client in between.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use pimento::emulator::{Emulator, Options, Scenario, World};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use url::Url;

use crate::openapi::{Descriptions, Exchange};

pub const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";
/// The application that lacks the permissions of PIM.
pub const NARROW: &str = "535fb089-9ff3-47b6-9bfb-4f1264799865";
pub const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
pub const MIA: (&str, &str) = ("mia@contoso.onmicrosoft.com", "correct horse");
pub const MIA_ID: &str = "b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9a1111";
pub const ALEX: (&str, &str) = ("alex@contoso.onmicrosoft.com", "battery staple");
pub const KIM: (&str, &str) = ("kim@contoso.onmicrosoft.com", "no second factor");
pub const KIM_ID: &str = "b0a1f3a4-0d5e-4a55-8f3c-0f6f6a9a3333";
pub const GRAPH: &str = "https://graph.microsoft.com/v1.0";
pub const PIM: &str = "https://graph.microsoft.com/v1.0/identityGovernance/privilegedAccess/group";
pub const ARM: &str = "https://management.azure.com";
pub const VAULT: &str = "https://kv-own.vault.azure.net";
pub const API: &str = "api-version=2025-07-01";
pub const GRAPH_SCOPE: &str = "https://graph.microsoft.com/.default offline_access openid profile";
pub const VAULT_SCOPE: &str = "https://vault.azure.net/.default offline_access openid profile";

pub const ARM_SCOPE: &str = "https://management.azure.com/.default offline_access openid profile";

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null for an empty body, a string for what is not JSON.
    pub body: Value,
}

/// An emulator of `world.toml`, and a client that judges all it hears.
pub struct Wire {
    pub emulator: Emulator,
    descriptions: &'static Descriptions,
    http: reqwest::Client,
}

impl Wire {
    pub async fn start(contracts: &Path) -> Self {
        let scenario: Scenario = toml::from_str(include_str!("world.toml")).unwrap();
        let emulator = Emulator::start(scenario, Options::default()).await.unwrap();
        let ca = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
        let mut http = reqwest::Client::builder()
            .tls_certs_only([ca])
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(20))
            .no_proxy();
        for (host, address) in emulator.resolve() {
            http = http.resolve(&host, address);
        }
        Self {
            emulator,
            descriptions: DESCRIPTIONS.get_or_init(|| Descriptions::load(contracts)),
            http: http.build().unwrap(),
        }
    }

    /// One call to Graph or a vault; the answer is judged by the published description.
    pub async fn call(
        &self,
        method: &str,
        url: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let (url, answer) = self.unjudged(method, url, token, body).await;
        self.descriptions
            .judge(&Exchange {
                method,
                url: &url,
                status: answer.status,
                body: Some(&answer.body).filter(|body| !body.is_null()),
            })
            .unwrap_or_else(|error| panic!("{error}\n{}", answer.body));
        answer
    }

    /// One call whose answer no description covers.
    pub async fn unjudged(
        &self,
        method: &str,
        url: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> (Url, Answer) {
        let url = Url::parse(url).unwrap();
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .http
            .request(method, at_port(&url, self.emulator.address().port()))
            .header("x-ms-client-request-id", REQUEST_ID)
            .header("client-request-id", REQUEST_ID);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        (url, read(request.send().await.unwrap()).await)
    }

    /// A form posted to the tenant's sign-in service.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let url = Url::parse(&format!("https://login.microsoftonline.com/{path}")).unwrap();
        let url = at_port(&url, self.emulator.address().port());
        read(self.http.post(url).form(fields).send().await.unwrap()).await
    }

    /// A call to the tenant's token endpoint.
    pub async fn token_endpoint(&self, fields: &[(&str, &str)]) -> Answer {
        self.form(&format!("{TENANT}/oauth2/v2.0/token"), fields)
            .await
    }

    /// Starts a device sign-in: the device code and the code the person would type.
    pub async fn device(&self, client: &str, scope: &str) -> (String, String) {
        let fields = [("client_id", client), ("scope", scope)];
        let path = format!("{TENANT}/oauth2/v2.0/devicecode");
        let body = self.form(&path, &fields).await.body;
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        (text("device_code"), text("user_code"))
    }

    /// Redeems a device code.
    pub async fn poll(&self, client: &str, device_code: &str) -> Answer {
        self.token_endpoint(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", client),
            ("device_code", device_code),
        ])
        .await
    }

    /// The refresh token of a device sign-in as `user`.
    pub async fn sign_in(&self, client: &str, user: (&str, &str), scope: &str) -> String {
        let (device_code, user_code) = self.device(client, scope).await;
        let fields = [
            ("user_code", user_code.as_str()),
            ("username", user.0),
            ("password", user.1),
            ("action", "signin"),
        ];
        self.form("common/oauth2/deviceauth", &fields).await;
        let answer = self.poll(client, &device_code).await;
        answer.body["refresh_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no sign-in: {}", answer.body))
            .to_owned()
    }

    /// A fresh access token for one resource.
    pub async fn redeem(&self, client: &str, refresh: &str, scope: &str) -> String {
        let answer = self
            .token_endpoint(&[
                ("grant_type", "refresh_token"),
                ("client_id", client),
                ("refresh_token", refresh),
                ("scope", scope),
            ])
            .await;
        answer.body["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no token: {}", answer.body))
            .to_owned()
    }

    /// A token of `user` for Graph, from a sign-in of its own.
    pub async fn graph_token(&self, user: (&str, &str)) -> String {
        let refresh = self.sign_in(CLIENT, user, GRAPH_SCOPE).await;
        self.redeem(CLIENT, &refresh, GRAPH_SCOPE).await
    }

    /// A token of `user` for the vaults, from a sign-in of its own.
    pub async fn vault_token(&self, user: (&str, &str)) -> String {
        let refresh = self.sign_in(CLIENT, user, VAULT_SCOPE).await;
        self.redeem(CLIENT, &refresh, VAULT_SCOPE).await
    }

    /// A token of `user` for Resource Manager, from a sign-in of its own.
    pub async fn arm_token(&self, user: (&str, &str)) -> String {
        let refresh = self.sign_in(CLIENT, user, ARM_SCOPE).await;
        self.redeem(CLIENT, &refresh, ARM_SCOPE).await
    }

    /// `POST assignmentScheduleRequests`, judged.
    pub async fn request(&self, token: &str, body: &Value) -> Answer {
        self.call(
            "POST",
            &format!("{PIM}/assignmentScheduleRequests"),
            Some(token),
            Some(body),
        )
        .await
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.emulator.change(change)
    }

    pub fn advance(&self, span: Duration) {
        self.change(|world| world.advance(span));
    }

    /// Judges a request by the published description.
    pub fn judge_request(&self, method: &str, url: &str, body: Option<&Value>) {
        let url = Url::parse(url).unwrap();
        self.descriptions.judge_request(method, &url, body).unwrap();
    }
}

/// The body of a self-activation of the group whose id ends in `group`.
pub fn activation(principal: &str, group: char) -> Value {
    json!({
        "accessId": "member",
        "principalId": principal,
        "groupId": group_id(group),
        "action": "selfActivate",
        "scheduleInfo": {"expiration": {"type": "afterDuration", "duration": "PT2H"}},
        "justification": null,
    })
}

pub fn group_id(last: char) -> String {
    format!("00000000-0000-4000-8000-00000000000{last}")
}

/// The same URL on the emulator's port: the real one is 443, which needs a privilege.
fn at_port(url: &Url, port: u16) -> Url {
    let mut url = url.clone();
    url.set_port(Some(port)).unwrap();
    url
}

async fn read(response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    let text = response.text().await.unwrap();
    let body = match serde_json::from_str(&text) {
        Ok(body) => body,
        Err(_) if text.is_empty() => Value::Null,
        Err(_) => Value::String(text),
    };
    Answer {
        status,
        headers,
        body,
    }
}

/// Read once for all tests.
static DESCRIPTIONS: OnceLock<Descriptions> = OnceLock::new();

pub const REQUEST_ID: &str = "6f1d1b0e-58ad-4c61-9a31-6c2f3f0f7a55";
