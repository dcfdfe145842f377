//! The versions of a secret, as Key Vault lists them.

use serde::Deserialize;
use serde_json::Value;
use url::Url;

use crate::cloud::http::{Answer, unreachable};
use crate::cloud::list;
use crate::refusal::{Refusal, Service};

/// A version of a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Version {
    id: String,
    created: i64,
    enabled: bool,
}

/// A page of the list.
pub(super) struct Page {
    pub(super) versions: Vec<Version>,
    /// Where the list goes on.
    pub(super) next: Option<Url>,
}

#[derive(Deserialize)]
struct List {
    value: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    attributes: Attributes,
}

#[derive(Deserialize)]
struct Attributes {
    enabled: Option<bool>,
    created: Option<i64>,
}

impl Page {
    /// The page in an answer to a read of `at`.
    pub(super) fn of(answer: &Answer, at: &Url) -> Result<Self, Refusal> {
        let odd = |error: serde_json::Error| unreachable(Service::KeyVault, &error);
        let page: Value = serde_json::from_slice(&answer.body).map_err(odd)?;
        let list = List::deserialize(&page).map_err(odd)?;
        let version = |item: Item| Version {
            id: item.id.rsplit('/').next().unwrap_or_default().to_owned(),
            created: item.attributes.created.unwrap_or_default(),
            enabled: item.attributes.enabled != Some(false),
        };
        Ok(Self {
            versions: list.value.into_iter().map(version).collect(),
            next: next(&page, at)?,
        })
    }
}

/// The newest version but one among those that can be read.
pub(super) fn previous(mut versions: Vec<Version>) -> Option<String> {
    versions.retain(|version| version.enabled && is_id(&version.id));
    versions.sort_by_key(|version| std::cmp::Reverse(version.created));
    versions.into_iter().nth(1).map(|version| version.id)
}

/// It becomes a part of a path.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The page after `page`. A list of another path would be one of another object of the vault.
fn next(page: &Value, at: &Url) -> Result<Option<Url>, Refusal> {
    match list::next(Service::KeyVault, page, at)? {
        Some(next) if !next.path().eq_ignore_ascii_case(at.path()) => Err(Refusal::Unreachable {
            service: Service::KeyVault,
            why: "its list of versions goes on with another object".to_owned(),
        }),
        next => Ok(next),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn version(id: &str, created: i64, enabled: bool) -> Version {
        Version {
            id: id.to_owned(),
            created,
            enabled,
        }
    }

    #[test]
    fn the_previous_version_is_the_newest_but_one_that_can_be_read() {
        let versions = vec![
            version("a", 1, true),
            version("d", 4, true),
            version("c", 3, false),
            version("b", 2, true),
        ];
        assert_eq!(previous(versions).as_deref(), Some("b"));
    }

    #[test]
    fn a_secret_of_one_version_has_no_previous_one() {
        assert_eq!(previous(vec![version("a", 1, true)]), None);
        assert_eq!(previous(Vec::new()), None);
        let odd = vec![version("a", 2, true), version("../keys/k", 1, true)];
        assert_eq!(previous(odd), None);
    }

    #[test]
    fn a_list_goes_on_with_the_same_object_or_is_refused() {
        let at = Url::parse("https://kv.vault.azure.net/secrets/s/versions?api-version=1").unwrap();
        let after = |link: &str| next(&json!({ "nextLink": link }), &at);
        let more = "https://kv.vault.azure.net/secrets/S/versions?api-version=1&$skiptoken=a%2Fb";
        assert_eq!(after(more).unwrap().unwrap().as_str(), more);
        assert_eq!(after("").unwrap(), None);
        for link in [
            "https://kv.vault.azure.net/secrets/other/versions?$skiptoken=a",
            "https://kv.vault.azure.net/keys/s/versions?$skiptoken=a",
            "https://evil.example/secrets/s/versions?$skiptoken=a",
            "nonsense",
        ] {
            assert!(after(link).is_err(), "{link}");
        }
    }
}
