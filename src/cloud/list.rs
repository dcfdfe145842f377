//! Lists of the cloud, which go on on further pages.
//!
//! Enters: a page, and the address that it came from. Leaves: the address of the next one. What
//! never happens here: an address on another host, where the token of this one would go; or a list
//! that is taken for whole although it goes on.

use serde_json::Value;
use url::Url;

use crate::refusal::{Refusal, Service};

/// The page after `page`, which came from `at`; `None` after the last.
pub(super) fn next(service: Service, page: &Value, at: &Url) -> Result<Option<Url>, Refusal> {
    let links = ["@odata.nextLink", "nextLink"];
    let mut links = links.iter().filter_map(|name| page.get(name)?.as_str());
    let Some(link) = links.find(|link| !link.is_empty()) else {
        return Ok(None);
    };
    let here = |link: &Url| {
        link.origin() == at.origin() && link.username().is_empty() && link.password().is_none()
    };
    match Url::parse(link).ok().filter(here) {
        Some(next) if next == *at => Err(odd(service, "its list goes on where it is")),
        Some(next) => Ok(Some(next)),
        None => Err(odd(
            service,
            "its list goes on at another host, where no token is sent",
        )),
    }
}

/// The refusal for a list of more than [`MOST_PAGES`].
pub(super) fn endless(service: Service) -> Refusal {
    odd(service, "its list has no end")
}

fn odd(service: Service, why: &str) -> Refusal {
    let why = why.to_owned();
    Refusal::Unreachable { service, why }
}

/// Far more than anybody is eligible for, and than a vault of a few thousand secrets has.
pub(super) const MOST_PAGES: usize = 400;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const AT: &str = "https://kv.vault.azure.net/secrets?api-version=1";

    fn after(page: &Value) -> Result<Option<String>, Refusal> {
        let next = next(Service::KeyVault, page, &Url::parse(AT).unwrap());
        next.map(|next| next.map(String::from))
    }

    #[test]
    fn a_link_is_followed_on_the_host_that_was_asked() {
        let more = "https://kv.vault.azure.net/secrets?api-version=1&$skiptoken=a";
        for page in [
            json!({"nextLink": more}),
            json!({"@odata.nextLink": more}),
            // Key Vault names the port.
            json!({"nextLink": more.replace(".net/", ".net:443/")}),
        ] {
            assert_eq!(after(&page).unwrap().as_deref(), Some(more), "{page}");
        }
    }

    #[test]
    fn a_list_ends_where_no_link_is() {
        for page in [
            json!({}),
            json!({"nextLink": null}),
            json!({"nextLink": ""}),
        ] {
            assert_eq!(after(&page), Ok(None), "{page}");
        }
    }

    proptest! {
        #[test]
        fn no_link_leads_off_the_host_that_was_asked(
            link in "(https?:)?[/\\\\]{0,3}[a-z0-9.@:-]{0,24}(/[a-z]*)?([?#].*)?",
        ) {
            let at = Url::parse(AT).unwrap();
            if let Ok(Some(next)) = next(Service::KeyVault, &json!({"nextLink": link}), &at) {
                prop_assert_eq!(next.origin(), at.origin());
                prop_assert!(next.username().is_empty());
            }
        }
    }

    #[test]
    fn a_link_to_anywhere_else_or_to_the_same_page_is_refused() {
        for link in [
            "https://evil.example/secrets?$skiptoken=a",
            "http://kv.vault.azure.net/secrets?$skiptoken=a",
            "https://kv.vault.azure.net:444/secrets?$skiptoken=a",
            "https://me@kv.vault.azure.net/secrets?$skiptoken=a",
            "/secrets?$skiptoken=a",
            "no link",
            AT,
        ] {
            assert!(after(&json!({"nextLink": link})).is_err(), "{link}");
        }
    }
}
