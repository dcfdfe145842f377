//! A new public key in a file of the configuration, with everything else left as it was.

use std::io;
use std::path::PathBuf;

use ssh_key::PublicKey;
use toml_edit::{DocumentMut, Item, Value};

use super::paths::Paths;
use crate::catalog::{Credential, Name};
use crate::file::{self, Readers};

/// Why a pin is not replaced.
#[derive(Debug, thiserror::Error)]
pub enum RepinError {
    /// Somebody else keeps the file.
    #[error("{} is not one of your own files", .0.display())]
    NotYours(PathBuf),
    /// It does not say there what was read of it.
    #[error("{} no longer has a public_key for {key}", file.display())]
    Changed {
        /// The file.
        file: PathBuf,
        /// The key.
        key: Name,
    },
    /// It cannot be read or written.
    #[error("{} cannot be changed: {error}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

/// Whether the user's own files configure `credential`, so that they may be changed for it.
#[must_use]
pub fn is_own(credential: &Credential, paths: &Paths) -> bool {
    let source = &credential.source;
    let drop_ins = paths.config.with_file_name("config.d");
    *source == paths.config || source.parent() == Some(&drop_ins)
}

/// Pins `public` for the key `credential`.
///
/// # Errors
/// If the file is not the user's own, has changed, or cannot be written; it is then as it was.
pub fn repin(credential: &Credential, public: &PublicKey, paths: &Paths) -> Result<(), RepinError> {
    if !is_own(credential, paths) {
        return Err(RepinError::NotYours(credential.source.clone()));
    }
    let failed = |error| RepinError::Io {
        file: credential.source.clone(),
        error,
    };
    // A link stays a link.
    let file = std::fs::canonicalize(&credential.source).map_err(failed)?;
    let text = std::fs::read_to_string(&file).map_err(failed)?;
    let line = public
        .to_openssh()
        .map_err(io::Error::other)
        .map_err(failed)?;
    let (noun, name) = (credential.kind.word(), &credential.name);
    let changed = repinned(&text, noun, name, &line);
    let changed = changed.ok_or_else(|| RepinError::Changed {
        file: credential.source.clone(),
        key: credential.name.clone(),
    })?;
    file::replace(&file, changed.as_bytes(), Readers::AsBefore).map_err(failed)
}

/// `text` with another public key for the `noun` `key`; `None` if it has none.
fn repinned(text: &str, noun: &str, key: &Name, line: &str) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let keys = document.get_mut(noun)?.as_table_like_mut()?;
    let entry = keys.get_mut(key.as_str())?.as_table_like_mut()?;
    let Item::Value(pinned) = entry.get_mut("public_key")? else {
        return None;
    };
    let around = pinned.decor().clone();
    *pinned = Value::from(line);
    *pinned.decor_mut() = around;
    Some(document.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: &str = "ssh-ed25519 BBBB";

    fn changed(text: &str) -> Option<String> {
        repinned(text, "key", &Name::parse("web.root").unwrap(), NEW)
    }

    #[test]
    fn one_line_changes_and_nothing_else_does() {
        let text = "# mine\n[key.other]\npublic_key = \"ssh-ed25519 AAAA\"\n\n[ key.\"web.root\" ] # of web\nhosts=['a',  'b']\npublic_key   = 'ssh-ed25519 AAAA' # since May\n\n# end\n";
        let wanted = text.replace(
            "= 'ssh-ed25519 AAAA' # since",
            "= \"ssh-ed25519 BBBB\" # since",
        );
        assert_eq!(changed(text), Some(wanted));
        let inline = "key = { \"web.root\" = { public_key = \"x\", secret = \"s\" } }\n";
        let wanted = inline.replace("\"x\"", &format!("{NEW:?}"));
        assert_eq!(changed(inline), Some(wanted));
    }

    #[test]
    fn what_has_no_such_key_is_left_alone() {
        for text in [
            "",
            "[key.web]\npublic_key = \"x\"\n",
            "[key.\"web.root\"]\nsecret = \"s\"\n",
            "[key.\"web.root\".public_key]\nx = 1\n",
            "[password.\"web.root\"]\npublic_key = \"x\"\n",
            "key = 3\n",
            "this is no TOML",
        ] {
            assert_eq!(changed(text), None, "{text:?}");
        }
    }
}
