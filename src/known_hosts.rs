//! By which names the user's `known_hosts` knows a host key.
//!
//! The agent sees a host's key, never its name; `known_hosts` is where the user vouched for the
//! two belonging together. Enters: a key and the names the configuration allows. Leaves: the names
//! that file gives it. What never happens here: a name for a key that the file calls revoked, or a
//! name taken from a wildcard.

use std::fs;
use std::path::PathBuf;

use aws_lc_rs::hmac;
use ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use ssh_key::public::KeyData;

/// The files in which to look, such as `~/.ssh/known_hosts`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownHosts {
    files: Vec<PathBuf>,
}

impl KnownHosts {
    /// Looks in `files`, in that order; one that does not exist is empty.
    #[must_use]
    pub const fn new(files: Vec<PathBuf>) -> Self {
        Self { files }
    }

    /// The names of the host with `key`.
    ///
    /// A hashed name cannot be read, only tried: those of `wanted` without wildcards are.
    #[must_use]
    pub fn names(&self, key: &KeyData, wanted: &[String]) -> Vec<String> {
        let mut names = Vec::new();
        for file in &self.files {
            let Ok(text) = fs::read_to_string(file) else {
                continue;
            };
            if !collect(&text, key, wanted, &mut names) {
                return Vec::new();
            }
        }
        names
    }
}

/// Adds the names that `text` gives to `key`; false if it calls the key revoked.
fn collect(text: &str, key: &KeyData, wanted: &[String], names: &mut Vec<String>) -> bool {
    // One line that cannot be read must not hide the others, so each is parsed alone.
    let entries = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    for entry in entries.filter_map(|line| line.parse::<Entry>().ok()) {
        if entry.public_key().key_data() != key {
            continue;
        }
        match entry.marker() {
            Some(Marker::Revoked) => return false,
            // Such a line vouches for certificates signed by the key, not for the key itself.
            Some(Marker::CertAuthority) => continue,
            None => {}
        }
        for name in entry_names(entry.host_patterns(), wanted) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    true
}

fn entry_names(patterns: &HostPatterns, wanted: &[String]) -> Vec<String> {
    match patterns {
        HostPatterns::Patterns(patterns) => patterns
            .iter()
            .filter(|pattern| !pattern.contains(['*', '?', '!']))
            .map(|pattern| without_port(pattern).to_owned())
            .collect(),
        HostPatterns::HashedName { salt, hash } => {
            let salt = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
            let is_it = |name: &&String| hmac::verify(&salt, name.as_bytes(), hash).is_ok();
            wanted
                .iter()
                .find(is_it)
                .map(|name| without_port(name).to_owned())
                .into_iter()
                .collect()
        }
    }
}

/// `[host]:port` as `host`.
fn without_port(name: &str) -> &str {
    name.strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
        .map_or(name, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = crate::catalog::testing::PUBLIC_KEY;
    const OTHER: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDu2oJdLtyC4O3bMZTPHBJfjWDf2mjPGJzxXXjYSx0zE";
    // "db01" with salt 0..20, as `ssh-keygen -H` writes it.
    const SALT: [u8; 20] = [7; 20];

    fn key() -> KeyData {
        ssh_key::PublicKey::from_openssh(KEY)
            .unwrap()
            .key_data()
            .clone()
    }

    fn names(text: &str, wanted: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("known_hosts");
        fs::write(&file, text).unwrap();
        let wanted: Vec<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
        KnownHosts::new(vec![file]).names(&key(), &wanted)
    }

    fn hashed(name: &str) -> String {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let salt = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &SALT);
        let hash = hmac::sign(&salt, name.as_bytes());
        format!("|1|{}|{}", STANDARD.encode(SALT), STANDARD.encode(hash))
    }

    #[test]
    fn a_host_key_has_every_name_that_its_lines_give_it() {
        let text =
            format!("# mine\nweb01,10.0.0.1 {KEY}\n\nnonsense\n[web02]:2222 {KEY}\ndb {OTHER}\n");
        assert_eq!(names(&text, &[]), ["web01", "10.0.0.1", "web02"]);
    }

    #[test]
    fn a_hashed_name_is_found_if_it_is_one_that_is_wanted() {
        let text = format!("{} {KEY}\n", hashed("db01"));
        assert_eq!(names(&text, &["db*", "db01"]), ["db01"]);
        assert!(names(&text, &["db*", "db02"]).is_empty());
    }

    #[test]
    fn a_revoked_key_has_no_name_whatever_else_is_said_of_it() {
        let text = format!("web01 {KEY}\n@revoked * {KEY}\n");
        assert!(names(&text, &[]).is_empty());
    }

    #[test]
    fn a_wildcard_or_a_certificate_authority_gives_no_name() {
        let text = format!("*.contoso.com {KEY}\n@cert-authority web01 {KEY}\n");
        assert!(names(&text, &["web01"]).is_empty());
    }

    #[test]
    fn a_missing_file_is_an_empty_one() {
        let files = vec![PathBuf::from("/nonexistent/known_hosts")];
        assert!(KnownHosts::new(files).names(&key(), &[]).is_empty());
    }
}
