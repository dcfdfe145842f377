//! By which names the user's `known_hosts` knows a host key.
//!
//! The agent sees a host's key, never its name; `known_hosts` is where the user vouched for the
//! two belonging together, or for an authority that may say so. Enters: a key or certificate and
//! the names the configuration allows. Leaves: the names it has. What never happens here: a name
//! for a key that the file calls revoked, a name taken from a wildcard, or one from a certificate
//! that was not checked.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ssh_key::Certificate;
use ssh_key::public::KeyData;

use crate::agent::certificate::is_valid;
use lines::Lines;

mod lines;

/// The files in which to look, such as `~/.ssh/known_hosts`.
#[derive(Debug, Default)]
pub struct KnownHosts {
    files: Vec<PathBuf>,
    /// What was read, for as long as the file has not changed.
    read: Mutex<HashMap<PathBuf, (Stamp, Arc<Lines>)>>,
}

/// Tells whether a file has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    /// When it was last written, in the file system's own count.
    written: (i64, i64),
    length: u64,
    file: u64,
}

impl KnownHosts {
    /// Looks in `files`, in that order; one that does not exist is empty.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self {
            files,
            read: Mutex::default(),
        }
    }

    /// The names of the host that has shown `key`, which may be a certificate.
    ///
    /// A hashed name cannot be read, only tried: those of `wanted` without wildcards are.
    #[must_use]
    pub fn names(&self, key: &KeyData, wanted: &[String], now: Timestamp) -> Vec<String> {
        let files: Vec<Arc<Lines>> = self
            .files
            .iter()
            .filter_map(|file| self.lines(file))
            .collect();
        names_of(&files, key, wanted, now)
    }

    /// What the file says; read again only if it has changed.
    fn lines(&self, file: &Path) -> Option<Arc<Lines>> {
        let stamp = Stamp::of(file)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, lines)) = read.get(file)
            && *known == stamp
        {
            return Some(Arc::clone(lines));
        }
        if stamp.length > LONGEST_FILE {
            tracing::warn!(file = %file.display(), "not read: it is longer than {LONGEST_FILE} bytes");
            return None;
        }
        let text = fs::read(file).ok()?;
        let lines = Arc::new(Lines::parse(&String::from_utf8_lossy(&text)));
        read.insert(file.to_owned(), (stamp, Arc::clone(&lines)));
        Some(lines)
    }
}

/// The names that one file with this text gives `key`, as [`KnownHosts::names`] does for files.
#[must_use]
pub fn names_in(text: &str, key: &KeyData, wanted: &[String], now: Timestamp) -> Vec<String> {
    names_of(&[Arc::new(Lines::parse(text))], key, wanted, now)
}

fn names_of(files: &[Arc<Lines>], key: &KeyData, wanted: &[String], now: Timestamp) -> Vec<String> {
    let mut names = Vec::new();
    match key.certificate() {
        None => {
            if files.iter().any(|lines| lines.revoke(key)) {
                return names;
            }
            files
                .iter()
                .for_each(|lines| lines.names_of(key, wanted, &mut names));
        }
        Some(certificate) => {
            let revoked = |lines: &Arc<Lines>| {
                lines.revoke(certificate.public_key()) || lines.revoke(certificate.signature_key())
            };
            if !files.iter().any(revoked) {
                certified(certificate, files, now, &mut names);
            }
        }
    }
    names
}

/// Adds the names that a certificate has and an authority of the files may give.
fn certified(
    certificate: &Certificate,
    files: &[Arc<Lines>],
    now: Timestamp,
    names: &mut Vec<String>,
) {
    let authority = certificate.signature_key();
    if !files.iter().any(|lines| lines.has_authority(authority)) {
        return;
    }
    if let Err(problem) = is_valid(certificate, authority, now) {
        tracing::debug!(%problem, key_id = ?certificate.key_id(), "host certificate refused");
        return;
    }
    for name in certificate.valid_principals() {
        // A pattern is no name; ssh(1) does not take one from a host's certificate either.
        let is_name = !name.contains(['*', '?']);
        if is_name && files.iter().any(|lines| lines.may_certify(authority, name)) {
            names.push(name.clone());
        }
    }
}

impl Stamp {
    fn of(file: &Path) -> Option<Self> {
        let found = fs::metadata(file).ok()?;
        let length = found.len();
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Some(Self {
                written: (found.mtime(), found.mtime_nsec()),
                length,
                file: found.ino(),
            })
        }
        #[cfg(windows)]
        {
            use std::os::windows::fs::MetadataExt;
            Some(Self {
                written: (found.last_write_time().cast_signed(), 0),
                length,
                file: 0,
            })
        }
    }
}

/// Some hundred thousand hosts.
const LONGEST_FILE: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
