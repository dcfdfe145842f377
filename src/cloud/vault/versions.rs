//! The versions of a secret, as Key Vault lists them.

use serde::Deserialize;
use url::Url;

use crate::cloud::http::{Answer, unreachable};
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
    /// Path and query of the next page. The host of the link is not taken: the token goes to the
    /// configured one only.
    pub(super) next: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    value: Vec<Item>,
    next_link: Option<String>,
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
    /// The page in an answer.
    pub(super) fn of(answer: &Answer) -> Result<Self, Refusal> {
        let odd = |error: &serde_json::Error| unreachable(Service::KeyVault, error);
        let list: List = serde_json::from_slice(&answer.body).map_err(|error| odd(&error))?;
        let version = |item: Item| Version {
            id: item.id.rsplit('/').next().unwrap_or_default().to_owned(),
            created: item.attributes.created.unwrap_or_default(),
            enabled: item.attributes.enabled != Some(false),
        };
        Ok(Self {
            versions: list.value.into_iter().map(version).collect(),
            next: list.next_link.as_deref().and_then(next),
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

fn next(link: &str) -> Option<String> {
    let link = Url::parse(link).ok()?;
    let rest = link
        .query_pairs()
        .filter(|(name, _)| name != "api-version")
        .fold(
            url::form_urlencoded::Serializer::new(String::new()),
            |mut query, (name, value)| {
                query.append_pair(&name, &value);
                query
            },
        )
        .finish();
    let path = link.path().trim_start_matches('/');
    // Another path would be another object of the vault.
    path.starts_with("secrets/")
        .then(|| format!("{path}?{rest}"))
}

#[cfg(test)]
mod tests {
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
    fn a_link_to_the_next_page_keeps_its_path_and_leaves_its_host() {
        let link = "https://kv.vault.azure.net:443/secrets/s/versions?api-version=7.4&$skiptoken=a%2Fb&maxresults=25";
        assert_eq!(
            next(link).as_deref(),
            Some("secrets/s/versions?%24skiptoken=a%2Fb&maxresults=25")
        );
        assert_eq!(next("https://kv.vault.azure.net/keys/k"), None);
        assert_eq!(next("nonsense"), None);
    }
}
