//! References to secrets in values: `pimento://VAULT/NAME[@VERSION][?part=PART]`.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::{Catalog, Credential, Kind, NameProblem, Part, Version, VersionId};

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The vault, as the configuration names it.
    vault: String,
    /// The secret, as the vault names it, or the credential, as the configuration does.
    name: String,
    version: Version,
    /// Only a certificate has parts.
    part: Option<Part>,
}

/// Why a text that begins like a reference is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceProblem {
    /// What stands behind the `?` is no part.
    #[error("behind the ? can stand part=certificate, part=key or part=both")]
    Part,
    /// A part is missing, or there is one too many.
    #[error("it is not {SCHEME}VAULT/NAME or {SCHEME}VAULT/NAME@VERSION")]
    Shape,
    /// The version is none.
    #[error(transparent)]
    Version(#[from] NameProblem),
}

impl Reference {
    /// Whether `text` is meant as a reference.
    #[must_use]
    pub fn is_meant(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Reads `text`. Names may be percent-encoded. The version is an id of Key Vault, or
    /// `previous`; the part is one of a certificate.
    ///
    /// # Errors
    /// If it is no reference.
    pub fn parse(text: &str) -> Result<Self, ReferenceProblem> {
        let shape = || ReferenceProblem::Shape;
        let rest = text.strip_prefix(SCHEME).ok_or_else(shape)?;
        let (vault, name) = rest.split_once('/').ok_or_else(shape)?;
        let (name, part) = match name.split_once('?') {
            None => (name, None),
            Some((name, asked)) => (name, Some(part(asked)?)),
        };
        let (name, version) = match name.split_once('@') {
            None => (name, Version::Newest),
            Some((name, "previous")) => (name, Version::Previous),
            Some((name, id)) => (name, Version::Exact(VersionId::parse(id)?)),
        };
        let plain = |part: &str| {
            let part = percent_decode_str(part).decode_utf8().ok()?.into_owned();
            (!part.is_empty() && !part.contains('/')).then_some(part)
        };
        Ok(Self {
            vault: plain(vault).ok_or_else(shape)?,
            name: plain(name).ok_or_else(shape)?,
            version,
            part,
        })
    }

    /// The part that it names.
    #[must_use]
    pub const fn part(&self) -> Option<Part> {
        self.part
    }

    /// The password or certificate of `catalog` that it names, in its version. A part is one of a
    /// certificate.
    #[must_use]
    pub fn find(&self, catalog: &Catalog) -> Option<Arc<Credential>> {
        let here = |it: &&Arc<Credential>| it.vault.name.as_str() == self.vault;
        let fits = |it: &&Arc<Credential>| match it.kind {
            Kind::ClientCertificate(_) => true,
            Kind::Password(_) => self.part.is_none(),
            Kind::Authority(_) | Kind::Certificate(_) | Kind::Key(_) => false,
        };
        let all = || catalog.iter().filter(here).filter(fits);
        let by_secret = all().find(|it| it.object.name().as_str() == self.name);
        let by_name = || all().find(|it| it.name.as_str() == self.name);
        let found = by_secret.or_else(by_name)?;
        Some(found.at(self.version.clone()))
    }
}

fn part(asked: &str) -> Result<Part, ReferenceProblem> {
    let part = asked.strip_prefix("part=").and_then(Part::parse);
    part.ok_or(ReferenceProblem::Part)
}

const SCHEME: &str = "pimento://";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::testing::{certificate, password};
    use crate::catalog::{ObjectName, VaultObject};

    fn find(text: &str) -> Option<String> {
        let mut db = password("db");
        db.object = VaultObject::Secret(ObjectName::parse("db01-root").unwrap());
        let catalog = Catalog::new(vec![Arc::new(db), Arc::new(certificate("web"))]);
        let found = Reference::parse(text).unwrap().find(&catalog)?;
        Some(found.name.to_string())
    }

    #[test]
    fn a_secret_is_found_by_its_name_in_the_vault_and_in_the_configuration() {
        assert_eq!(find("pimento://kv-ops/db01-root").as_deref(), Some("db"));
        assert_eq!(find("pimento://kv-ops/db").as_deref(), Some("db"));
        assert_eq!(
            find("pimento://kv%2Dops/db%30%31-root").as_deref(),
            Some("db")
        );
    }

    #[test]
    fn a_version_has_a_name_of_its_own() {
        let previous = find("pimento://kv-ops/db@previous");
        assert_eq!(previous.as_deref(), Some("db@previous"));
        let exact = find("pimento://kv-ops/db@0123456789ABCDEF0123456789abcdef");
        assert_eq!(
            exact.as_deref(),
            Some("db@0123456789abcdef0123456789abcdef")
        );
    }

    #[test]
    fn what_is_not_configured_is_not_found() {
        assert_eq!(find("pimento://kv-ops/web01-root"), None);
        assert_eq!(find("pimento://kv-other/db01-root"), None);
    }

    #[test]
    fn a_part_is_one_of_a_certificate() {
        let part = |text: &str| Reference::parse(text).unwrap().part();
        assert_eq!(part("pimento://kv-ops/web"), None);
        assert_eq!(part("pimento://kv-ops/web?part=key"), Some(Part::Key));
        assert_eq!(find("pimento://kv-ops/web").as_deref(), Some("web"));
        let previous = "pimento://kv%2Dops/w%65b@previous?part=certificate";
        assert_eq!(part(previous), Some(Part::Certificate));
        assert_eq!(find(previous).as_deref(), Some("web@previous"));
        assert_eq!(find("pimento://kv-ops/db?part=key"), None);
        for text in [
            "web?",
            "web?part=",
            "web?part=leaf",
            "web?key",
            "web?part=key@previous",
        ] {
            let text = format!("pimento://kv-ops/{text}");
            assert_eq!(
                Reference::parse(&text),
                Err(ReferenceProblem::Part),
                "{text}"
            );
        }
    }

    #[test]
    fn half_a_reference_is_none() {
        for text in [
            "pimento://",
            "pimento://kv",
            "pimento://kv/",
            "pimento:///db",
            "pimento://kv/db/x",
            "pimento://kv/db%2Fx",
            "pimento://kv/db@",
            "pimento://kv/db@latest",
            "pimento://kv/%ff",
            "op://kv/db",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_read_as_anything_but_its_parts(text in "pimento://[ -~]{0,40}") {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert!(!reference.vault.is_empty() && !reference.vault.contains('/'));
                prop_assert!(!reference.name.is_empty() && !reference.name.contains('/'));
            }
        }
    }
}
