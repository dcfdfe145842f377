//! Reads secrets from Key Vault, writes new ones into it, and has it sign with keys that stay there.
//!
//! A request of our own rather than the SDK's: the value goes from the wire into one buffer that is
//! wiped, the token to the vault's own host alone, and the decisive error code is not lost
//! (docs/decisions). What never happens here: a retry of a refused read; that is the broker's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::http::{Answer, Http, unreachable};
use super::list;
use super::{
    AccessToken, CorrelationId, FetchedKey, FetchedSecret, NewSecret, ReadError, SecretFacts, Vault,
};
use crate::catalog::{Credential, ObjectName, Version};
use crate::refusal::{Refusal, Service};
use crate::secret::vault_key::ToSign;

pub(super) use refused::denied;
use refused::refused;

mod keys;
mod refused;
mod store;
#[cfg(test)]
mod tests;
mod value;
mod versions;

/// Key Vault's REST API.
pub(super) struct KeyVault {
    pub(super) http: Arc<Http>,
}

#[async_trait]
impl Vault for KeyVault {
    async fn secret(
        &self,
        credential: &Credential,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<FetchedSecret, ReadError> {
        let version = match &credential.version {
            Version::Exact(version) => Some(version.as_str().to_owned()),
            Version::Newest => None,
            Version::Previous => Some(self.previous(credential, token, id).await?),
        };
        let path = match version {
            Some(version) => format!("{}/{version}", credential.object.path()),
            None => credential.object.path(),
        };
        let answer = self.get(credential, &path, token, id).await?;
        fetched(credential, &answer, self.http.server_time()).map_err(ReadError::Refused)
    }

    async fn store(
        &self,
        credential: &Credential,
        new: &NewSecret,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<String, ReadError> {
        self.stored(credential, new, token, id).await
    }

    async fn key(
        &self,
        credential: &Credential,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<FetchedKey, ReadError> {
        self.public(credential, token, id).await
    }

    async fn sign(
        &self,
        credential: &Credential,
        asked: &ToSign,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Vec<u8>, ReadError> {
        self.signed(credential, asked, token, id).await
    }
}

impl KeyVault {
    /// The version before the newest one.
    async fn previous(
        &self,
        credential: &Credential,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<String, ReadError> {
        let path = format!("{}/versions", credential.object.path());
        let mut versions = Vec::new();
        let mut next = Some(address(credential, &path));
        for _ in 0..list::MOST_PAGES {
            let Some(url) = next else { break };
            let answer = self.read(credential, url.clone(), token, id).await?;
            let page = versions::Page::of(&answer, &url).map_err(ReadError::Refused)?;
            versions.extend(page.versions);
            next = page.next;
        }
        if next.is_some() {
            // The newest one could be among those that were not read.
            return Err(ReadError::Refused(list::endless(Service::KeyVault)));
        }
        versions::previous(versions).ok_or_else(|| {
            ReadError::Refused(Refusal::Material {
                credential: credential.name.to_string(),
                problem: format!("{} has no earlier version", credential.object),
                remedy: "ask for the newest one".to_owned(),
            })
        })
    }

    /// Reads `path` of the credential's vault.
    async fn get(
        &self,
        credential: &Credential,
        path: &str,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Answer, ReadError> {
        let url = address(credential, path);
        self.read(credential, url, token, id).await
    }

    /// Reads what is at `url`, which is of the credential's vault.
    async fn read(
        &self,
        credential: &Credential,
        url: Url,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Answer, ReadError> {
        let answer = self.http.get(Service::KeyVault, url, Some(token), id).await;
        let answer = answer.map_err(ReadError::Refused)?;
        if answer.is_success() {
            return Ok(answer);
        }
        Err(refused(credential, &answer))
    }
}

/// Where `path` of the credential's vault is.
fn address(credential: &Credential, path: &str) -> Url {
    let mut url = credential.vault.url.clone();
    url.set_path(path);
    url.set_query(Some(&format!("api-version={API_VERSION}")));
    url
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(borrow)]
    value: Option<&'a serde_json::value::RawValue>,
    id: String,
    #[serde(default)]
    attributes: Attributes,
    #[serde(default)]
    managed: bool,
    #[serde(rename = "contentType")]
    content_type: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct Attributes {
    nbf: Option<i64>,
    exp: Option<i64>,
    created: Option<i64>,
}

impl Bundle<'_> {
    /// All but the value.
    fn facts(self, name: &ObjectName, version: String) -> SecretFacts {
        let time = |seconds: Option<i64>| Timestamp::from_second(seconds?).ok();
        SecretFacts {
            name: name.to_string(),
            version,
            // What is disabled is not given out.
            enabled: true,
            managed: self.managed,
            not_before: time(self.attributes.nbf),
            expires: time(self.attributes.exp),
            created: time(self.attributes.created),
            content_type: self.content_type,
            tags: self.tags.unwrap_or_default(),
        }
    }
}

/// The secret in an answer. `heard` is the cloud's time as known without it: an answer that does not
/// name its own time is held to that, or its `exp` would not count.
fn fetched(
    credential: &Credential,
    answer: &Answer,
    heard: Timestamp,
) -> Result<FetchedSecret, Refusal> {
    let odd = |why: &dyn std::error::Error| unreachable(Service::KeyVault, why);
    let bundle: Bundle<'_> = serde_json::from_slice(&answer.body).map_err(|error| odd(&error))?;
    let raw = bundle
        .value
        .map(serde_json::value::RawValue::get)
        .unwrap_or_default();
    let value: Zeroizing<Vec<u8>> = value::decode(raw.as_bytes()).map_err(|error| odd(&error))?;
    let time = |seconds: Option<i64>| Timestamp::from_second(seconds?).ok();
    let (begins, ends) = (time(bundle.attributes.nbf), time(bundle.attributes.exp));
    let valid_for = validity(credential, (begins, ends), answer, heard)?;
    let version = bundle.id.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(FetchedSecret {
        value,
        facts: bundle.facts(credential.object.name(), version.clone()),
        version,
        valid_for,
        as_of: latest(answer, heard),
    })
}

/// How much longer an object is valid (`exp`), if it is.
fn validity(
    credential: &Credential,
    (begins, ends): (Option<Timestamp>, Option<Timestamp>),
    answer: &Answer,
    heard: Timestamp,
) -> Result<Option<Duration>, Refusal> {
    let problem = |problem: &str, remedy: String| Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!(
            "{problem} ({} in vault {})",
            credential.object, credential.vault.name
        ),
        remedy,
    };
    let kind = credential.object.kind();
    // Key Vault gives out secrets outside these times; enforcing them is ours.
    let now = answer.date.unwrap_or(heard);
    if begins.is_some_and(|begins| begins > now) {
        let remedy = format!("see `nbf` of the {kind}");
        return Err(problem("its time has not come yet", remedy));
    }
    let left = ends.map(|ends| ends.duration_since(latest(answer, heard)));
    if left.is_some_and(|left| !left.is_positive()) {
        let remedy = format!("rotate it, or set a later `exp` on the {kind}");
        return Err(problem("it has expired", remedy));
    }
    Ok(left.and_then(|left| Duration::try_from(left).ok()))
}

/// The latest that it can be: a time is told in whole seconds.
fn latest(answer: &Answer, heard: Timestamp) -> Timestamp {
    answer.latest().unwrap_or(heard + Duration::from_secs(1))
}

/// The newest stable version that Microsoft's own clients use by default.
pub(super) const API_VERSION: &str = "2025-07-01";
