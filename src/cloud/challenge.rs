//! What a service wants instead of the token it was sent (`WWW-Authenticate: Bearer …`).
//!
//! Enters: the header. Leaves: claims to sign in with, and whether the challenge is one that a
//! service of this tenant makes. What never happens here: an authority taken from a challenge.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use url::Url;
use uuid::Uuid;

use crate::catalog::Tenant;

/// The parameters of a challenge.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Challenge<'a> {
    /// Reads `Bearer name="value", …`; what is not that has no parameters.
    pub(super) fn parse(header: &'a str) -> Self {
        let mut rest = header.strip_prefix("Bearer ").unwrap_or_default();
        let mut parameters = Vec::new();
        while let Some((name, after)) = rest.split_once("=\"") {
            let Some((value, after)) = after.split_once('"') else {
                break;
            };
            parameters.push((name.trim_matches([' ', ',']), value));
            rest = after;
        }
        Self(parameters)
    }

    /// The parameter of that name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self
            .0
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| *value)
    }

    /// The claims: base64, with or without padding, in either alphabet.
    pub(super) fn claims(&self) -> Option<String> {
        let claims = self.get("claims")?.trim_end_matches('=');
        let decoded = URL_SAFE_NO_PAD.decode(claims).ok().or_else(|| {
            let padding = "=".repeat((4 - claims.len() % 4) % 4);
            STANDARD.decode(format!("{claims}{padding}")).ok()
        })?;
        String::from_utf8(decoded).ok()
    }

    /// Whether the service at `host` sends people to the sign-in that `tenant` has.
    ///
    /// Nothing is sent where a challenge points to; but one that points elsewhere is of a vault in
    /// another tenant, or of no vault at all, and no sign-in will satisfy it.
    pub(super) fn verify(&self, tenant: &Tenant, host: &str) -> Result<(), String> {
        let authority = self
            .get("authorization")
            .or_else(|| self.get("authorization_uri"));
        if let Some(text) = authority {
            let named = Url::parse(text).ok().filter(|url| url.scheme() == "https");
            let named = named.ok_or("it names a sign-in service that is no https address")?;
            if !same_service(&named, &tenant.authority) {
                let named = named.host_str().unwrap_or_default();
                return Err(format!("it wants a sign-in at {named:?}"));
            }
            of_tenant(&named, tenant)?;
        }
        let audience = self.get("scope").or_else(|| self.get("resource"));
        let Some(audience) = audience.filter(|audience| !audience.is_empty()) else {
            return Ok(());
        };
        let audience = Url::parse(audience).ok();
        let audience = audience
            .as_ref()
            .and_then(Url::host_str)
            .unwrap_or_default();
        if audience.is_empty() || !is_of(host, audience) {
            return Err("it wants a token for another service than it is".to_owned());
        }
        Ok(())
    }
}

/// Whether `host` is one of the hosts below `service`, whose tokens it takes.
pub(super) fn is_of(host: &str, service: &str) -> bool {
    host.strip_suffix(service)
        .is_some_and(|name| name.ends_with('.'))
}

/// One service under the names that its own discovery gives it.
fn same_service(named: &Url, authority: &Url) -> bool {
    let is_public = |host: Option<&str>| host.is_some_and(|host| ALIASES.contains(&host));
    named.host_str() == authority.host_str()
        || (is_public(named.host_str()) && is_public(authority.host_str()))
}

/// A tenant that is configured by a domain cannot be told from the GUID in a challenge.
fn of_tenant(named: &Url, tenant: &Tenant) -> Result<(), String> {
    let first = named.path_segments().and_then(|mut parts| parts.next());
    let theirs = Uuid::parse_str(first.unwrap_or_default());
    let ours = Uuid::parse_str(&tenant.id);
    match (theirs, ours) {
        (Ok(theirs), Ok(ours)) if theirs != ours => Err(format!(
            "it belongs to tenant {theirs}, and [tenant.{}] is {ours}",
            tenant.name
        )),
        _ => Ok(()),
    }
}

/// The names of the public cloud's sign-in service (its instance discovery lists them).
const ALIASES: [&str; 4] = [
    "login.microsoft.com",
    "login.microsoftonline.com",
    "login.windows.net",
    "sts.windows.net",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::testing;

    const VAULT: &str = "kv-linux.vault.azure.net";
    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    fn verified(header: &str) -> Result<(), String> {
        let mut tenant = testing::tenant();
        TENANT.clone_into(&mut tenant.id);
        Challenge::parse(header).verify(&tenant, VAULT)
    }

    #[test]
    fn the_challenges_of_a_tenants_own_vault_are_taken() {
        for header in [
            "Bearer authorization=\"https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47\", resource=\"https://vault.azure.net\"",
            "Bearer authorization=\"https://login.windows.net/72F988BF-86F1-41AF-91AB-2D7CD011DB47\", resource=\"https://vault.azure.net\"",
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", error=\"insufficient_claims\", claims=\"e30=\"",
            "Bearer",
        ] {
            assert_eq!(verified(header), Ok(()), "{header}");
        }
    }

    #[test]
    fn a_challenge_that_points_elsewhere_is_refused() {
        for header in [
            "Bearer authorization=\"https://login.microsoftonline.com.evil.example/72f988bf-86f1-41af-91ab-2d7cd011db47\"",
            "Bearer authorization=\"http://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47\"",
            "Bearer authorization=\"nonsense\"",
            "Bearer authorization=\"https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000\"",
            "Bearer resource=\"https://evil.example\"",
            "Bearer resource=\"https://azure.net.example\"",
            "Bearer resource=\"https://ult.azure.net\"",
            "Bearer resource=\"nonsense\"",
            "Bearer scope=\"https://evil.example/.default\", resource=\"https://vault.azure.net\"",
        ] {
            assert!(verified(header).is_err(), "{header}");
        }
    }

    #[test]
    fn claims_are_read_in_either_alphabet() {
        let claims = |text: &str| Challenge::parse(&format!("Bearer claims=\"{text}\"")).claims();
        assert_eq!(claims("e30=").as_deref(), Some("{}"));
        assert_eq!(claims("e30").as_deref(), Some("{}"));
        assert_eq!(claims("!!"), None);
        assert_eq!(Challenge::parse("Basic claims=\"e30=\"").claims(), None);
    }

    proptest! {
        #[test]
        fn no_header_makes_the_parser_panic(header in "(Bearer )?.{0,80}") {
            let challenge = Challenge::parse(&header);
            let _claims = challenge.claims();
            let _verdict = challenge.verify(&testing::tenant(), VAULT);
        }
    }
}
