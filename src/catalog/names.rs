//! Names: of things in the configuration, and of secrets in a vault.

use std::fmt;

/// The name of a tenant, window, vault or credential: letters, digits, `-`, `_` and `.`.
///
/// The narrow alphabet keeps names safe in shells, file names, audit lines and SSH comments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// Takes `text` as a name.
    ///
    /// # Errors
    /// If it is empty, longer than 64 characters, or has a character outside the alphabet.
    pub fn parse(text: &str) -> Result<Self, NameProblem> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
            return Err(NameProblem::Name(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of a certain version; `@` keeps it apart from every configured name.
    pub(super) fn at(&self, version: &str) -> Self {
        Self(format!("{}@{version}", self.0))
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The name of a secret in Key Vault: 1 to 127 letters, digits and hyphens.
///
/// Microsoft's clients put the name into the request's path as it is, so `../keys/k` would read
/// another object with our token; a value of this type cannot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// Takes `text` as the name of a secret.
    ///
    /// # Errors
    /// If Key Vault would not accept it.
    pub fn parse(text: &str) -> Result<Self, NameProblem> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if text.is_empty() || text.len() > 127 || !text.chars().all(allowed) {
            return Err(NameProblem::Object(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The id of a version of a secret.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionId(String);

impl VersionId {
    /// Takes `text` as the id of a version.
    ///
    /// # Errors
    /// If Key Vault would not have made it: it makes 32 hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, NameProblem> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(NameProblem::Version(text.to_owned()));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// Not a name for the configuration.
    #[error("{0:?} is not a name: use 1 to 64 letters, digits, '-', '_' or '.'")]
    Name(String),
    /// Not a name of a secret, key or certificate of Key Vault.
    #[error(
        "{0:?} is not the name of an object of Key Vault: those have 1 to 127 letters, digits and '-'"
    )]
    Object(String),
    /// Not the id of a version.
    #[error("{0:?} is not a version of a Key Vault secret: those have 32 hexadecimal digits")]
    Version(String),
}

/// The candidate that `wanted` was most likely meant to be, if one is near enough.
#[must_use]
pub fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let furthest = (wanted.chars().count() / 2).clamp(1, 4);
    candidates
        .map(|candidate| (distance(wanted, candidate), candidate))
        .filter(|(distance, _)| *distance <= furthest)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance, without regard to case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.to_lowercase().chars().enumerate() {
        let mut corner = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&b) {
            let above = *cell;
            let here = (corner + usize::from(from != *to))
                .min(above + 1)
                .min(left + 1);
            corner = above;
            left = here;
            *cell = here;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_name_cannot_leave_its_folder() {
        for bad in ["../keys/k", "a/b", "a?x=1", "a%2fb", "", "a b", "ä"] {
            assert!(ObjectName::parse(bad).is_err(), "{bad}");
        }
        assert!(ObjectName::parse(&"a".repeat(128)).is_err());
        assert!(ObjectName::parse(&"a".repeat(127)).is_ok());
    }

    #[test]
    fn a_name_with_a_space_or_a_slash_is_refused() {
        assert!(Name::parse("web 1").is_err());
        assert!(Name::parse("../web").is_err());
        assert_eq!(
            Name::parse("web-1.prod_x").unwrap().as_str(),
            "web-1.prod_x"
        );
    }

    #[test]
    fn the_nearest_name_is_proposed_and_a_distant_one_is_not() {
        let names = ["web", "db01-root", "linux-root"];
        assert_eq!(nearest("db01root", names.into_iter()), Some("db01-root"));
        assert_eq!(nearest("wbe", names.into_iter()), None);
        assert_eq!(nearest("Web", names.into_iter()), Some("web"));
        assert_eq!(nearest("oracle", names.into_iter()), None);
    }

    proptest! {
        #[test]
        fn a_distance_is_symmetric_and_zero_only_for_the_same_word(a in "[a-c]{0,6}", b in "[a-c]{0,6}") {
            prop_assert_eq!(distance(&a, &b), distance(&b, &a));
            prop_assert_eq!(distance(&a, &b) == 0, a == b);
        }
    }
}
