//! The tenant that the conversations of `tenant.rs` are held with: the emulator's, or a live one.
//!
//! What enters: `PIMENTO_LIVE_TENANT`, the path of a file that describes a tenant, or nothing. What
//! leaves: answers, judged by the published descriptions. What never happens here: a token or the
//! value of a secret in a message, or a change of a live tenant that was not allowed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use pimento::emulator::{Emulator, Options, Scenario};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::openapi::{Descriptions, Exchange};
use crate::source;
use crate::source::skip::skipped;
use crate::wire::{CLIENT, MIA, TENANT, VAULT, group_id};

/// A tenant, as the file describes it; docs/azure-conformance.md says what each member is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Described {
    pub id: String,
    pub client_id: String,
    pub vault: Url,
    pub secret: String,
    pub group: Option<String>,
    #[serde(default)]
    tokens: BTreeMap<Resource, Source>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    resolve: BTreeMap<String, SocketAddr>,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    Arm,
    Graph,
    Vault,
}

/// Where a token is had from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Source {
    Command(Vec<String>),
    Env(String),
    File(PathBuf),
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

/// The tenant under test.
pub struct Subject {
    pub tenant: Described,
    http: reqwest::Client,
    descriptions: &'static Descriptions,
    /// The sign-in to the emulator; a live tenant's tokens come from its file.
    refresh: Option<String>,
    /// Ends with the test.
    _emulator: Option<Emulator>,
}

impl Subject {
    /// The live tenant, if one is named, else an emulator of `world.toml`.
    pub async fn under_test() -> Option<Self> {
        let folder = source::folder()?;
        match live() {
            Some(file) => Some(Self::described(&folder, &file)),
            None => Some(Self::emulated(&folder).await),
        }
    }

    fn described(contracts: &Path, file: &Path) -> Self {
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| {
            panic!("PIMENTO_LIVE_TENANT names {}: {error}", file.display())
        });
        let tenant: Described =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let ca = tenant.ca_file.as_ref().map(|ca| std::fs::read(ca).unwrap());
        Self {
            http: client(ca.as_deref(), &tenant.resolve),
            descriptions: descriptions(contracts),
            refresh: None,
            _emulator: None,
            tenant,
        }
    }

    async fn emulated(contracts: &Path) -> Self {
        let scenario: Scenario = toml::from_str(include_str!("world.toml")).unwrap();
        let emulator = Emulator::start(scenario, Options::default()).await.unwrap();
        let resolve = emulator.resolve().into_iter().collect();
        let http = client(Some(emulator.ca_pem().as_bytes()), &resolve);
        let tenant = Described {
            id: TENANT.to_owned(),
            client_id: CLIENT.to_owned(),
            vault: VAULT.parse().unwrap(),
            secret: "plain".to_owned(),
            group: Some(group_id('1')),
            tokens: BTreeMap::new(),
            ca_file: None,
            resolve,
        };
        Self {
            refresh: Some(sign_in(&http).await),
            http,
            descriptions: descriptions(contracts),
            _emulator: Some(emulator),
            tenant,
        }
    }

    /// Whether this may leave something behind: always in the emulator, in a live tenant by a second
    /// switch.
    pub fn may_change(&self, what: &str) -> bool {
        let allowed = self.refresh.is_some() || std::env::var_os("PIMENTO_LIVE_CHANGES").is_some();
        if !allowed {
            skipped(&format!(
                "{what}: it changes the tenant, and PIMENTO_LIVE_CHANGES is not set"
            ));
        }
        allowed
    }

    /// A token of the person's; none, said loudly, where the file names no way to have one.
    pub async fn token(&self, resource: Resource) -> Option<String> {
        if let Some(refresh) = &self.refresh {
            return Some(redeem(&self.http, refresh, resource).await);
        }
        let token = match self.tenant.tokens.get(&resource) {
            None => {
                skipped(&format!(
                    "the file of PIMENTO_LIVE_TENANT has no token for {resource:?}"
                ));
                return None;
            }
            Some(Source::Env(name)) => {
                std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"))
            }
            Some(Source::File(file)) => std::fs::read_to_string(file).unwrap(),
            Some(Source::Command(command)) => said(command),
        };
        Some(token.trim().to_owned())
    }

    /// Reads what a description covers; request and answer are judged by it.
    pub async fn get(&self, url: &str, token: &str) -> Answer {
        self.call("GET", url, token, None).await
    }

    /// One call that a description covers.
    pub async fn call(&self, method: &str, url: &str, token: &str, body: Option<&Value>) -> Answer {
        let url = Url::parse(url).unwrap();
        let judged = self.descriptions.judge_request(method, &url, body);
        judged.unwrap_or_else(|broken| panic!("{broken}"));
        let answer = self.ask(method, url.as_str(), Some(token), body).await;
        let judged = self.descriptions.judge(&Exchange {
            method,
            url: &url,
            status: answer.status,
            body: Some(&answer.body).filter(|body| !body.is_null()),
        });
        // What broke the rule may quote the value of a secret.
        let told = |broken: String| match answer.body["value"].as_str() {
            Some(value) => broken.replace(value, "(the value)"),
            None => broken,
        };
        judged.unwrap_or_else(|broken| panic!("{}", told(broken)));
        answer
    }

    /// One call that no description covers.
    pub async fn ask(
        &self,
        method: &str,
        url: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, url);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        answered(request).await
    }

    /// A form to the tenant's sign-in service.
    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let url = format!("{LOGIN}/{}/{path}", self.tenant.id);
        answered(self.http.post(url).form(fields)).await
    }
}

/// The file of the live tenant.
pub fn live() -> Option<PathBuf> {
    std::env::var_os("PIMENTO_LIVE_TENANT").map(PathBuf::from)
}

/// A client that trusts that authority, and finds hosts where they are said to be.
pub fn client(ca_pem: Option<&[u8]>, resolve: &BTreeMap<String, SocketAddr>) -> reqwest::Client {
    let mut http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(60));
    if let Some(pem) = ca_pem {
        let ca = reqwest::Certificate::from_pem(pem).unwrap();
        http = http.tls_certs_only([ca]).no_proxy();
    }
    for (host, address) in resolve {
        http = http.resolve(host, *address);
    }
    http.build().unwrap()
}

/// Signs Mia in to an emulator of `world.toml`, by its pages alone; gives the refresh token.
pub async fn sign_in(http: &reqwest::Client) -> String {
    let url = |path: &str| format!("{LOGIN}/{path}");
    let scope = "https://graph.microsoft.com/.default offline_access openid profile";
    let begun = http.post(url(&format!("{TENANT}/oauth2/v2.0/devicecode")));
    let begun = answered(begun.form(&[("client_id", CLIENT), ("scope", scope)])).await;
    let text = |name: &str| begun.body[name].as_str().unwrap();
    let typed = http.post(url("common/oauth2/deviceauth"));
    let form = [
        ("user_code", text("user_code")),
        ("username", MIA.0),
        ("password", MIA.1),
        ("action", "signin"),
    ];
    answered(typed.form(&form)).await;
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", CLIENT),
        ("device_code", text("device_code")),
    ];
    let token = http.post(url(&format!("{TENANT}/oauth2/v2.0/token")));
    let tokens = answered(token.form(&form)).await;
    tokens.body["refresh_token"].as_str().unwrap().to_owned()
}

/// A token of Mia's for one resource.
pub async fn redeem(http: &reqwest::Client, refresh: &str, resource: Resource) -> String {
    let scope = match resource {
        Resource::Arm => "https://management.azure.com/.default",
        Resource::Graph => "https://graph.microsoft.com/.default",
        Resource::Vault => "https://vault.azure.net/.default",
    };
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", CLIENT),
        ("refresh_token", refresh),
        ("scope", scope),
    ];
    let url = format!("{LOGIN}/{TENANT}/oauth2/v2.0/token");
    let tokens = answered(http.post(url).form(&form)).await;
    tokens.body["access_token"].as_str().unwrap().to_owned()
}

async fn answered(request: reqwest::RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    Answer {
        status,
        headers,
        body: serde_json::from_str(&text).unwrap_or_default(),
    }
}

/// What a command prints; what it says of errors goes to the terminal.
fn said(command: &[String]) -> String {
    let (program, arguments) = command.split_first().expect("an empty command");
    let output = Command::new(program)
        .args(arguments)
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} failed");
    String::from_utf8(output.stdout).unwrap()
}

/// Read once for all tests.
fn descriptions(contracts: &Path) -> &'static Descriptions {
    static READ: OnceLock<Descriptions> = OnceLock::new();
    READ.get_or_init(|| Descriptions::load(contracts))
}

pub const LOGIN: &str = "https://login.microsoftonline.com";
