//! `include`: the catalogs of a team, as files, or at an HTTPS address with the hash of what is there.
//!
//! Enters: the list of one of the user's files. Leaves: what it names. What is fetched is known by
//! its hash, so the copy in the cache is as good as the address, and nobody but the user can change
//! what is used. What never happens here: the network is asked (`pimento sync` does), or a file that
//! was included includes another.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use toml::Spanned;
use toml::de::DeValue;
use url::Url;

use super::document::{Document, Layer, Place};
use super::paths::Paths;
use super::problem::Findings;
use super::section::{Field, Text};

/// A catalog at an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// Where it is.
    pub url: Url,
    /// What its SHA-256 has to be, in small letters.
    pub sha256: String,
}

/// An entry of the list.
pub(super) enum Include<'d> {
    File(Text<'d>),
    Pinned(Pinned, Place<'d>),
}

impl Pinned {
    /// Where its copy is kept.
    #[must_use]
    pub fn copy(&self, paths: &Paths) -> PathBuf {
        let folder = paths.cache.join("include");
        folder.join(format!("{}.toml", self.sha256))
    }

    /// Whether `content` is what is pinned.
    ///
    /// # Errors
    /// What its hash is instead.
    pub fn check(&self, content: &[u8]) -> Result<(), String> {
        let found = sha256(content);
        if found == self.sha256 {
            return Ok(());
        }
        Err(found)
    }
}

/// The entries of the list; what is none of them is a finding.
pub(super) fn list<'d>(field: Field<'d>, findings: &mut Findings) -> Vec<Include<'d>> {
    let Some(values) = field.value.as_array() else {
        findings.wrong(
            field.place,
            "include is not a list",
            "write include = [\"team.toml\", { url = \"https://…\", sha256 = \"…\" }]",
        );
        return Vec::new();
    };
    let entry = |value: &'d Spanned<DeValue<'d>>| {
        let offset = value.span().start;
        let place = Place {
            offset,
            ..field.place
        };
        match value.get_ref().as_str() {
            Some(text) if text.contains("://") => {
                let what = "an address is included with the hash of what is there";
                findings.wrong(place, what, PIN);
                None
            }
            Some(text) => Some(Include::File(Text { text, place })),
            None => {
                let name = "include";
                let value = value.get_ref();
                let pinned = pinned(Field { name, place, value }, findings)?;
                Some(Include::Pinned(pinned, place))
            }
        }
    };
    values.iter().filter_map(entry).collect()
}

/// The copy of a catalog at an address, or a finding that it is not here.
pub(super) fn copied(
    pinned: &Pinned,
    place: Place<'_>,
    paths: &Paths,
    findings: &mut Findings,
) -> Option<Document> {
    let document = Document::read(&pinned.copy(paths), Layer::Team).ok();
    let sound = document.filter(|it| pinned.check(it.text.as_bytes()).is_ok());
    if sound.is_none() {
        findings.wrong(
            place,
            format!("the catalog at {} is not here yet", pinned.url),
            "`pimento sync` fetches it",
        );
    }
    sound.map(|document| Document {
        fetched: true,
        ..document
    })
}

/// Whether `path` is one of `documents` already: a file that includes itself, or one included twice.
pub(super) fn known(path: &Path, documents: &[Document]) -> bool {
    let real = path.canonicalize().ok();
    let same =
        |it: &Document| it.path == path || (real.is_some() && it.path.canonicalize().ok() == real);
    documents.iter().any(same)
}

fn pinned(field: Field<'_>, findings: &mut Findings) -> Option<Pinned> {
    let section = field.section("an entry of include".to_owned(), findings)?;
    section.allow(&["sha256", "url"], findings);
    let url = section.needed("url", PIN, findings);
    let hash = section.needed("sha256", PIN, findings);
    let (url, hash) = (url?, hash?);
    let parsed = Url::parse(url.text).ok();
    let plain = |url: &Url| {
        let no_login = url.username().is_empty() && url.password().is_none();
        url.scheme() == "https" && no_login && url.fragment().is_none() && url.has_host()
    };
    let parsed = parsed.filter(plain);
    if parsed.is_none() {
        // Not quoted: an address can carry a password.
        let what = "url is not an https address without a login";
        findings.wrong(url.place, what, "write url = \"https://HOST/PATH\"");
    }
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c.to_ascii_lowercase());
    let sound = hash.text.len() == 64 && hash.text.chars().all(hex);
    if !sound {
        findings.wrong(hash.place, "sha256 is not a SHA-256 in hexadecimal", PIN);
    }
    Some(Pinned {
        url: parsed?,
        sha256: sound.then(|| hash.text.to_ascii_lowercase())?,
    })
}

/// The hash of `content`, in hexadecimal.
fn sha256(content: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(content) {
        // Writing to a `String` does not fail.
        if write!(text, "{byte:02x}").is_err() {}
    }
    text
}

const PIN: &str = "read what is there, then write { url = \"https://…\", sha256 = \"…\" } with the hash that \
                   `curl -fsS URL | sha256sum` prints";
