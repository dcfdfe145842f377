//! The state of the emulated cloud. Changed only by requests, the admin endpoint and tests.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::certificates::{Issuer, PEM};
use super::http::Request;
use super::material::{StoredKey, generate_secret};
use super::pim::PimRequest;
use super::scenario::{Fault, Scenario};
use super::tokens::Signer;

/// Everything the emulated cloud knows.
pub struct World {
    /// The scenario, as it is now.
    pub scenario: Scenario,
    pub(super) base: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    pub(super) offset: SignedDuration,
    pub(super) signer: Signer,
    pub(super) issuer: Issuer,
    pub(super) codes: BTreeMap<String, AuthCode>,
    pub(super) devices: BTreeMap<String, Device>,
    pub(super) refresh: BTreeMap<String, Refresh>,
    pub(super) requests: Vec<PimRequest>,
    pub(super) secrets: BTreeMap<(String, String), Vec<SecretVersion>>,
    pub(super) keys: BTreeMap<(String, String), StoredKey>,
    counts: BTreeMap<String, u64>,
    seen: Vec<Seen>,
    /// Requests whose answer a fault holds back.
    pub(super) held: usize,
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The operation, as the counters name it.
    pub operation: String,
    /// `client-request-id` or `x-ms-client-request-id`.
    pub client_request_id: Option<String>,
    /// The status it got.
    pub status: u16,
    /// How it was asked for.
    pub method: String,
    /// What was asked for, on the host's own port.
    pub url: String,
    /// What was sent along, if it is JSON; tokens and sign-ins are not.
    pub body: Option<Value>,
    /// The fields of a form that asks for tokens; what is secret in it is left empty.
    pub form: Vec<(String, String)>,
    /// When, by the cloud's clock.
    pub at: Timestamp,
}

pub(super) struct AuthCode {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) nonce: Option<String>,
    pub(super) expires: Timestamp,
}

pub(super) struct Device {
    pub(super) user_code: String,
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) claims: String,
    pub(super) state: DeviceState,
    pub(super) expires: Timestamp,
    pub(super) polled: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DeviceState {
    Declined,
    Pending,
    SignedIn(String),
}

pub(super) struct Refresh {
    pub(super) grant: Grant,
    pub(super) revoked: bool,
}

/// What a sign-in established.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) client_id: String,
    pub(super) user: String,
    pub(super) scope: String,
    /// The authentication context that the sign-in satisfied.
    pub(super) acrs: Option<String>,
    /// Whether a second factor was shown.
    pub(super) mfa: bool,
}

#[derive(Clone)]
pub(super) struct SecretVersion {
    pub(super) version: String,
    pub(super) value: String,
    pub(super) content_type: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) enabled: bool,
    /// Whether it belongs to a certificate.
    pub(super) managed: bool,
    pub(super) not_before: Option<Timestamp>,
    pub(super) expires: Option<Timestamp>,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
}

impl SecretVersion {
    /// An enabled version without any limits.
    pub(super) fn new(value: String, now: Timestamp) -> Self {
        Self {
            version: new_version(),
            value,
            content_type: None,
            tags: BTreeMap::new(),
            enabled: true,
            managed: false,
            not_before: None,
            expires: None,
            created: now,
            updated: now,
        }
    }
}

impl World {
    pub(super) fn new(
        scenario: Scenario,
        base: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Result<Self, String> {
        let mut world = Self {
            scenario,
            base,
            offset: SignedDuration::ZERO,
            signer: Signer::new()?,
            issuer: Issuer::new()?,
            codes: BTreeMap::new(),
            devices: BTreeMap::new(),
            refresh: BTreeMap::new(),
            requests: Vec::new(),
            secrets: BTreeMap::new(),
            keys: BTreeMap::new(),
            counts: BTreeMap::new(),
            seen: Vec::new(),
            held: 0,
        };
        world.stock()?;
        Ok(world)
    }

    /// Fills the vaults with what the scenario has and the world does not have yet.
    pub(super) fn stock(&mut self) -> Result<(), String> {
        let now = self.now();
        for vault in self.scenario.vaults.clone() {
            for (name, secret) in vault.secrets {
                let at = (vault.name.clone(), name);
                if self.secrets.contains_key(&at) {
                    continue;
                }
                let value = match (&secret.value, &secret.generate) {
                    (Some(value), _) => value.clone(),
                    (None, Some(kind)) => generate_secret(kind)?,
                    (None, None) => return Err(format!("secret {} has no value", at.1)),
                };
                let version = SecretVersion {
                    content_type: secret.content_type,
                    tags: secret.tags,
                    enabled: !secret.disabled,
                    not_before: secret.not_before,
                    expires: secret.expires,
                    ..SecretVersion::new(value, now)
                };
                self.secrets.insert(at, vec![version]);
            }
            for (name, certificate) in vault.certificates {
                let at = (vault.name.clone(), name);
                if let Entry::Vacant(vacant) = self.secrets.entry(at) {
                    let value = self.issuer.issue(&vacant.key().1, &certificate)?;
                    let version = SecretVersion {
                        content_type: Some(PEM.to_owned()),
                        enabled: !certificate.disabled,
                        managed: true,
                        expires: Some(certificate.expires),
                        ..SecretVersion::new(value, now)
                    };
                    vacant.insert(vec![version]);
                }
            }
            for (name, key) in vault.keys {
                let at = (vault.name.clone(), name);
                if let Entry::Vacant(vacant) = self.keys.entry(at) {
                    let stored = StoredKey::generate(&key.generate, !key.disabled, now)?;
                    vacant.insert(stored);
                }
            }
        }
        Ok(())
    }

    /// The cloud's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.base)() + self.offset
    }

    /// Lets `span` pass in the cloud alone.
    pub fn advance(&mut self, span: Duration) {
        self.offset += SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    }

    /// The newest value of a secret.
    #[must_use]
    pub fn secret(&self, vault: &str, name: &str) -> Option<&str> {
        let versions = self.secrets.get(&(vault.to_owned(), name.to_owned()))?;
        versions.last().map(|version| version.value.as_str())
    }

    /// Puts a new version into a secret, which need not exist.
    pub fn put_secret(&mut self, vault: &str, name: &str, value: &str) {
        let version = SecretVersion::new(value.to_owned(), self.now());
        self.secrets
            .entry((vault.to_owned(), name.to_owned()))
            .or_default()
            .push(version);
    }

    /// Changes the newest version of a secret: enabled, `nbf`, `exp`.
    pub fn set_secret_attributes(
        &mut self,
        vault: &str,
        name: &str,
        enabled: bool,
        not_before: Option<Timestamp>,
        expires: Option<Timestamp>,
    ) {
        let versions = self.secrets.get_mut(&(vault.to_owned(), name.to_owned()));
        if let Some(newest) = versions.and_then(|versions| versions.last_mut()) {
            newest.enabled = enabled;
            newest.not_before = not_before;
            newest.expires = expires;
        }
    }

    /// Removes a secret.
    pub fn remove_secret(&mut self, vault: &str, name: &str) {
        self.secrets.remove(&(vault.to_owned(), name.to_owned()));
    }

    /// Signs `user` in for the device code shown as `user_code`; false if there is no such code.
    pub fn sign_in_device(&mut self, user_code: &str, user: &str) -> bool {
        self.decide_device(user_code, DeviceState::SignedIn(user.to_owned()))
    }

    /// Declines the sign-in of the device code shown as `user_code`.
    pub fn decline_device(&mut self, user_code: &str) -> bool {
        self.decide_device(user_code, DeviceState::Declined)
    }

    fn decide_device(&mut self, user_code: &str, state: DeviceState) -> bool {
        let device = self
            .devices
            .values_mut()
            .find(|device| device.user_code == user_code);
        device.map(|device| device.state = state).is_some()
    }

    /// Makes every refresh token invalid, as a password reset or an administrator does.
    pub fn revoke_sign_ins(&mut self) {
        self.refresh
            .values_mut()
            .for_each(|token| token.revoked = true);
    }

    /// The public half of a vault's key.
    #[must_use]
    pub fn public_key(&self, vault: &str, name: &str) -> Option<ssh_key::PublicKey> {
        let key = self.keys.get(&(vault.to_owned(), name.to_owned()))?;
        key.public().ok()
    }

    /// How often `operation` was called.
    #[must_use]
    pub fn count(&self, operation: &str) -> u64 {
        self.counts.get(operation).copied().unwrap_or_default()
    }

    /// Every operation that was called, and how often.
    #[must_use]
    pub const fn counts(&self) -> &BTreeMap<String, u64> {
        &self.counts
    }

    /// All requests that were answered, in their order.
    #[must_use]
    pub fn seen(&self) -> &[Seen] {
        &self.seen
    }

    /// How many requests wait for an answer that a fault holds back.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// Sets all counters to zero.
    pub fn reset_counts(&mut self) {
        self.counts.clear();
        self.seen.clear();
    }

    /// Adds a fault.
    pub fn fault(&mut self, fault: Fault) {
        self.scenario.faults.push(fault);
    }

    pub(super) fn saw(&mut self, operation: &str, request: &Request, status: u16) {
        *self.counts.entry(operation.to_owned()).or_default() += 1;
        let id = request
            .header("client-request-id")
            .or_else(|| request.header("x-ms-client-request-id"));
        self.seen.push(Seen {
            operation: operation.to_owned(),
            client_request_id: id.map(str::to_owned),
            status,
            method: request.method.clone(),
            url: request.url(),
            body: request.json(),
            form: asked(operation, request),
            at: self.now(),
        });
    }

    /// The fault that is due for `operation`; counts it down.
    pub(super) fn due_fault(&mut self, operation: &str) -> Option<Fault> {
        let due = |fault: &&mut Fault| fault.operation == operation && fault.times != Some(0);
        let fault = self.scenario.faults.iter_mut().find(due)?;
        if let Some(times) = &mut fault.times {
            *times -= 1;
        }
        Some(fault.clone())
    }
}

/// What a token request asks for, without what it proves itself by; of an assertion what it says, as
/// JSON, without its signature.
fn asked(operation: &str, request: &Request) -> Vec<(String, String)> {
    let asks = operation.starts_with("entra.token") || operation == "entra.devicecode";
    if !asks {
        return Vec::new();
    }
    let told = |(name, value): (String, String)| match name.as_str() {
        "client_assertion" => (name, said(&value)),
        "code" | "code_verifier" | "device_code" | "refresh_token" => (name, String::new()),
        _ => (name, value),
    };
    request.form().0.into_iter().map(told).collect()
}

/// Header and claims of an assertion.
fn said(assertion: &str) -> String {
    let part = |part: &str| -> Option<Value> {
        let part = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&part).ok()
    };
    let parts: Vec<_> = assertion.split('.').take(2).map(part).collect();
    serde_json::json!(parts).to_string()
}

pub(super) fn new_version() -> String {
    Uuid::new_v4().simple().to_string()
}
