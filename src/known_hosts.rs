//! By which names the user's `known_hosts` knows a host key.
//!
//! The agent sees a host's key, never its name; `known_hosts` is where the user vouched for the
//! two belonging together, or for an authority that may say so. Enters: a key or certificate and
//! the names the configuration allows. Leaves: the names it has. What never happens here: a name
//! for a key that the file calls revoked, a name taken from a wildcard, or one from a certificate
//! that was not checked.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use ssh_key::Certificate;
use ssh_key::public::KeyData;

use crate::certify::{CertificateProblem, is_valid};
use crate::signature::plain;
use lines::Lines;

mod lines;

/// The files in which to look, such as `~/.ssh/known_hosts`.
#[derive(Debug, Default)]
pub struct KnownHosts {
    files: Vec<PathBuf>,
    /// What was read, for as long as the file has not changed.
    read: Mutex<HashMap<PathBuf, (Stamp, Arc<Lines>)>>,
}

/// Why a host has no name here, as it is told about the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Nameless {
    /// The authority of its certificate is `@revoked`.
    #[error("known_hosts revokes the authority that signed its certificate")]
    AuthorityRevoked,
    /// No `@cert-authority` line has the authority of its certificate.
    #[error("no @cert-authority line of known_hosts has the authority that signed its certificate")]
    AuthorityUnknown,
    /// Its certificate proves nothing.
    #[error("its certificate does not count: {0}")]
    Certificate(#[from] CertificateProblem),
    /// No `@cert-authority` line lets its authority give any of these names.
    #[error(
        "its certificate is for {0:?}, which no @cert-authority line of known_hosts lets its \
         authority sign for"
    )]
    Principals(String),
    /// Its key is `@revoked`.
    #[error("known_hosts revokes its key")]
    Revoked,
    /// No line has its key.
    #[error("known_hosts has no allowed name for its key")]
    Unknown,
    /// What a file revokes cannot be told.
    #[error("{file} cannot be read ({why}), so what it revokes is not known")]
    Unreadable {
        /// The file.
        file: String,
        /// Why not.
        why: String,
    },
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

    /// The names of the host that has shown `key`, which may be a certificate: at least one.
    ///
    /// A hashed name cannot be read, only tried: those of `wanted` without wildcards are.
    ///
    /// # Errors
    /// If it has none, or a file that is there cannot be read.
    pub fn names(
        &self,
        key: &KeyData,
        wanted: &[String],
        now: Timestamp,
    ) -> Result<Vec<String>, Nameless> {
        let files = self.files.iter().filter_map(|file| self.lines(file));
        let files = files.collect::<Result<Vec<Arc<Lines>>, Nameless>>()?;
        names_of(&files, key, wanted, now)
    }

    /// The keys by which the hosts of these names are known, on that port (0: the usual one).
    ///
    /// They are what a host may show; which names that gives it, [`Self::names`] tells.
    #[must_use]
    pub fn keys_of(&self, hosts: &[String], port: u16) -> Vec<KeyData> {
        let files = self.readable();
        files.flat_map(|lines| lines.keys_of(hosts, port)).collect()
    }

    /// Whether an authority is known that may certify a host of these names.
    #[must_use]
    pub fn certifies(&self, hosts: &[String]) -> bool {
        self.readable().any(|lines| lines.certifies(hosts))
    }

    /// What those files say that can be read.
    fn readable(&self) -> impl Iterator<Item = Arc<Lines>> {
        let files = self.files.iter().filter_map(|file| self.lines(file));
        files.filter_map(Result::ok)
    }

    /// What the file says, if it is there; read again only if it has changed.
    fn lines(&self, file: &Path) -> Option<Result<Arc<Lines>, Nameless>> {
        match self.read(file) {
            Ok(lines) => Some(Ok(lines)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(Err(Nameless::Unreadable {
                file: file.display().to_string(),
                why: error.to_string(),
            })),
        }
    }

    fn read(&self, file: &Path) -> io::Result<Arc<Lines>> {
        let stamp = Stamp::of(file)?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, lines)) = read.get(file)
            && *known == stamp
        {
            return Ok(Arc::clone(lines));
        }
        if stamp.length > LONGEST_FILE {
            let why = format!("it is longer than {LONGEST_FILE} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        let text = fs::read(file)?;
        let lines = Arc::new(Lines::parse(&String::from_utf8_lossy(&text)));
        read.insert(file.to_owned(), (stamp, Arc::clone(&lines)));
        Ok(lines)
    }
}

/// The names that one file with this text gives `key`, as [`KnownHosts::names`] does for files.
#[must_use]
pub fn names_in(text: &str, key: &KeyData, wanted: &[String], now: Timestamp) -> Vec<String> {
    names_of(&[Arc::new(Lines::parse(text))], key, wanted, now).unwrap_or_default()
}

fn names_of(
    files: &[Arc<Lines>],
    key: &KeyData,
    wanted: &[String],
    now: Timestamp,
) -> Result<Vec<String>, Nameless> {
    let revoked = |key: &KeyData| files.iter().any(|lines| lines.revoke(key));
    if revoked(plain(key)) {
        return Err(Nameless::Revoked);
    }
    if let Some(certificate) = key.certificate() {
        if revoked(certificate.signature_key()) {
            return Err(Nameless::AuthorityRevoked);
        }
        return certified(certificate, files, now);
    }
    let mut names = Vec::new();
    for lines in files {
        lines.names_of(key, wanted, &mut names);
    }
    if names.is_empty() {
        return Err(Nameless::Unknown);
    }
    Ok(names)
}

/// The names that a certificate has and an authority of the files may give.
fn certified(
    certificate: &Certificate,
    files: &[Arc<Lines>],
    now: Timestamp,
) -> Result<Vec<String>, Nameless> {
    let authority = certificate.signature_key();
    if !files.iter().any(|lines| lines.has_authority(authority)) {
        return Err(Nameless::AuthorityUnknown);
    }
    is_valid(certificate, authority, now)?;
    let principals = certificate.valid_principals();
    // A pattern is no name; ssh(1) does not take one from a host's certificate either.
    let names: Vec<String> = principals
        .iter()
        .filter(|name| !name.contains(['*', '?']))
        .filter(|name| files.iter().any(|lines| lines.may_certify(authority, name)))
        .cloned()
        .collect();
    if names.is_empty() {
        let shown: Vec<String> = principals.iter().take(SHOWN).map(|it| cut(it)).collect();
        return Err(Nameless::Principals(shown.join(", ")));
    }
    Ok(names)
}

/// A certificate may be long, and what is told of it should not be.
fn cut(name: &str) -> String {
    name.chars().take(LONGEST_SHOWN).collect()
}

impl Stamp {
    fn of(file: &Path) -> io::Result<Self> {
        let found = fs::metadata(file)?;
        let length = found.len();
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            Ok(Self {
                written: (found.mtime(), found.mtime_nsec()),
                length,
                file: found.ino(),
            })
        }
        #[cfg(windows)]
        {
            use std::os::windows::fs::MetadataExt;
            Ok(Self {
                written: (found.last_write_time().cast_signed(), 0),
                length,
                file: 0,
            })
        }
    }
}

/// How many of a certificate's names are shown.
const SHOWN: usize = 4;

/// How much of each is.
const LONGEST_SHOWN: usize = 64;

/// Some hundred thousand hosts.
const LONGEST_FILE: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests;
