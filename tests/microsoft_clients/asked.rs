//! What pimento asks Entra for, beside what msal asks for in the same situations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pimento::catalog::{AzureCloud, Keep, Name, SignInMethod, Tenant};
use pimento::clock::SystemClock;
use pimento::cloud::{
    Cloud, CorrelationId, Freshness, Network, Pages, Resource, SignInGuide, SignInStep, Stage,
    StageSink, StepUp,
};
use pimento::emulator::Emulator;
use pimento::requester::Requester;
use serde_json::Value;
use url::Url;

use crate::{CLIENT, TENANT};

const MIA: &str = "mia@contoso.onmicrosoft.com";

/// One request to the sign-in service.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) kind: String,
    parameters: BTreeMap<String, String>,
}

/// Everything that was asked of the sign-in service, but for discovery and polls that came early.
pub(crate) fn requests(emulator: &Emulator) -> Vec<Asked> {
    let seen = emulator.change(|world| world.seen().to_vec());
    let wanted = ["entra.authorize", "entra.devicecode"];
    let asks = |kind: &str| wanted.contains(&kind) || kind.starts_with("entra.token");
    let early = |kind: &str, status| kind == "entra.token.device_code" && status != 200;
    let seen = seen
        .into_iter()
        .filter(|it| asks(&it.operation) && !early(&it.operation, it.status));
    seen.map(|it| {
        let query = Url::parse(&it.url).unwrap();
        let query = query.query_pairs().into_owned();
        Asked {
            kind: it.operation,
            parameters: query.chain(it.form).collect(),
        }
    })
    .collect()
}

impl Asked {
    fn excuses(&self, name: &str) -> bool {
        let mut excused = EXCUSED.iter();
        excused.any(|(kind, excused, _)| self.kind.starts_with(kind) && *excused == name)
    }

    /// Parameters that differ without a known reason.
    pub(crate) fn differences(&self, msal: &Self) -> Vec<String> {
        let names = self.parameters.keys().chain(msal.parameters.keys());
        let names: BTreeSet<&String> = names.filter(|it| !self.excuses(it)).collect();
        let compared = |asked: &Self, name: &str| {
            let value = asked.parameters.get(name)?;
            Some(comparable(name, value))
        };
        names
            .into_iter()
            .filter(|name| compared(self, name) != compared(msal, name))
            .map(|name| {
                let value = |asked: &Self| asked.parameters.get(name).cloned();
                format!("{name}: {:?}, msal {:?}", value(self), value(msal))
            })
            .collect()
    }
}

/// What one of them sends and the other does not, where, and why.
const EXCUSED: [(&str, &str, &str); 4] = [
    (
        "entra.authorize",
        "X-AnchorMailbox",
        "msal's: leads the request to the account's region, which login_hint does as well",
    ),
    (
        "entra.authorize",
        "response_mode",
        "pimento's: says query, which is what a code comes back by if nothing is said",
    ),
    (
        "entra.",
        "client_info",
        "msal's: asks for an account's home id, by which msal keys its cache; pimento reads oid and tid",
    ),
    (
        "entra.token.device_code",
        "code",
        "msal's: the name of device_code before RFC 8628, which it sends besides",
    ),
];

/// What has to be the same of a value, where the value itself is made anew each time.
fn comparable(name: &str, value: &str) -> Value {
    match name {
        // Both made for one sign-in; msal sends the hash of its nonce.
        "nonce" | "state" | "code_challenge" => Value::Bool(!value.is_empty()),
        "redirect_uri" => {
            let mut redirect = Url::parse(value).unwrap();
            redirect.set_port(None).unwrap();
            redirect.to_string().into()
        }
        "scope" => {
            let scopes: BTreeSet<&str> = value.split_whitespace().collect();
            serde_json::json!(scopes)
        }
        "client_assertion" => assertion(value),
        // msal spells the capability CP1; Entra takes either.
        "claims" => serde_json::from_str(&value.replace("CP1", "cp1")).unwrap(),
        _ => value.into(),
    }
}

/// Header and claims of an assertion. One of an application's own is made anew each time; azure-identity
/// signs it with RS256 and names the certificate by its SHA-1, where pimento does as Microsoft's
/// documentation says by now: PS256 and SHA-256.
fn assertion(value: &str) -> Value {
    let mut parts: [serde_json::Map<String, Value>; 2] = serde_json::from_str(value).unwrap();
    let [header, claims] = &mut parts;
    if claims["iss"] == crate::application::APP {
        let own = [("RS256", "x5t", 27), ("PS256", "x5t#S256", 43)];
        let (_, name, length) = *own.iter().find(|it| header["alg"] == it.0).unwrap();
        let thumbprint = header.remove(name).unwrap();
        // azure-identity pads it.
        let thumbprint = thumbprint.as_str().unwrap().trim_end_matches('=');
        assert_eq!(thumbprint.len(), length);
        header.remove("alg");
        let at = |name: &str| claims[name].as_f64().unwrap();
        let life = at("exp") - at("iat");
        assert!((300.0..=600.0).contains(&life), "it lives {life} s");
        assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
        for name in ["exp", "iat", "jti", "nbf"] {
            claims.remove(name);
        }
    }
    serde_json::to_value(parts).unwrap()
}

/// Asks as an application for what opening a window and reading through it takes.
pub(crate) async fn as_application(emulator: &Emulator, method: SignInMethod, proof: PathBuf) {
    let browser = Arc::new(Browser(client(emulator)));
    let cloud = connected(emulator, browser);
    let tenant = Arc::new(Tenant {
        client_id: Some(crate::APP.to_owned()),
        sign_in: method,
        proof: Some(proof),
        ..tenant()
    });
    let id = CorrelationId::new();
    for resource in [Resource::Arm, Resource::Vault] {
        let token = cloud
            .identity
            .token(&tenant, resource, Freshness::Cached, id);
        drop(token.await.unwrap());
    }
}

fn connected(emulator: &Emulator, pages: Arc<dyn Pages>) -> Cloud {
    let network = Network {
        ca_pem: Some(emulator.ca_pem().as_bytes().to_vec()),
        resolve: emulator.resolve(),
    };
    let minute = Duration::from_secs(60);
    Cloud::connect(&network, Arc::new(SystemClock), minute, pages).unwrap()
}

/// Signs in by both methods, asks for a vault's token, and steps up.
pub(crate) async fn ours(emulator: &Emulator) {
    let browser = Arc::new(Browser(client(emulator)));
    let cloud = connected(emulator, Arc::clone(&browser) as Arc<dyn Pages>);
    let tenant = Arc::new(tenant());
    let identity = &cloud.identity;
    let person = Person(emulator);
    for method in [SignInMethod::DeviceCode, SignInMethod::Browser] {
        identity.sign_in(&tenant, method, &person).await.unwrap();
    }
    let id = CorrelationId::new();
    let vault = identity.token(&tenant, Resource::Vault, Freshness::New, id);
    drop(vault.await.unwrap());
    let step_up = StepUp {
        resource: Resource::Graph,
        claims: r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#,
        person: &Requester::default(),
        id,
    };
    drop(
        identity
            .step_up(&tenant, &step_up, &Unwatched)
            .await
            .unwrap(),
    );
}

fn tenant() -> Tenant {
    let at = |host: &str| Url::parse(&format!("https://{host}")).unwrap();
    Tenant {
        name: Name::parse("contoso").unwrap(),
        id: TENANT.to_owned(),
        client_id: Some(CLIENT.to_owned()),
        sign_in: SignInMethod::Browser,
        proof: None,
        keep: Keep::Memory,
        login_hint: None,
        cloud: AzureCloud::Public,
        authority: at("login.microsoftonline.com"),
        graph: at("graph.microsoft.com"),
        arm: at("management.azure.com"),
    }
}

fn client(emulator: &Emulator) -> reqwest::Client {
    let ca = reqwest::Certificate::from_pem(emulator.ca_pem().as_bytes()).unwrap();
    let mut client = reqwest::Client::builder()
        .no_proxy()
        .tls_certs_only([ca])
        .redirect(reqwest::redirect::Policy::none());
    for (host, address) in emulator.resolve() {
        client = client.resolve(&host, address);
    }
    client.build().unwrap()
}

/// The person's browser: fills in the sign-in page and follows it back to loopback.
struct Browser(reqwest::Client);

#[async_trait::async_trait]
impl Pages for Browser {
    async fn open(&self, page: &Url, _: &Requester) -> Result<(), String> {
        let client = self.0.clone();
        let page = page.clone();
        // Entra notes who came to look at its page; then the form is sent.
        drop(client.get(page.clone()).send().await.unwrap());
        tokio::spawn(async move {
            let form = [
                ("request", page.query().unwrap()),
                ("username", MIA),
                ("password", "correct horse"),
                ("action", "signin"),
            ];
            let target = page.join(&format!("/{TENANT}/login")).unwrap();
            let sent = client.post(target).form(&form).send().await.unwrap();
            let back = sent.headers()["location"].to_str().unwrap().to_owned();
            drop(client.get(back).send().await.unwrap());
        });
        Ok(())
    }
}

struct Person<'a>(&'a Emulator);

impl SignInGuide for Person<'_> {
    fn show(&self, step: SignInStep) {
        if let SignInStep::DeviceCode { user_code, .. } = step {
            let typed =
                |world: &mut pimento::emulator::World| world.sign_in_device(&user_code, MIA);
            assert!(self.0.change(typed));
        }
    }
}

struct Unwatched;

impl StageSink for Unwatched {
    fn reached(&self, _: Stage) {}
}
