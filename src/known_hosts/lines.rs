//! The lines of one `known_hosts` file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), found by key.

use std::collections::HashMap;

use aws_lc_rs::hmac;
use ssh_key::known_hosts::{Entry, HostPatterns, Marker};
use ssh_key::public::KeyData;

use crate::pattern::host_matches;

/// What a file says of keys.
#[derive(Debug, Default)]
pub(super) struct Lines {
    by_key: HashMap<Vec<u8>, OfKey>,
}

#[derive(Debug, Default)]
struct OfKey {
    /// The hosts that have it.
    hosts: Vec<HostPatterns>,
    /// The hosts whose certificates it may sign.
    certifies: Vec<HostPatterns>,
    revoked: bool,
}

impl Lines {
    /// Reads a file. One line that cannot be read must not hide the others, so each is parsed alone.
    pub(super) fn parse(text: &str) -> Self {
        let mut by_key: HashMap<Vec<u8>, OfKey> = HashMap::new();
        let lines = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with('#'));
        for entry in lines.filter_map(|line| spaced(line).parse::<Entry>().ok()) {
            let Some(key) = bytes(entry.public_key().key_data()) else {
                continue;
            };
            let marker = entry.marker().cloned();
            let (patterns, of_key) = (
                entry.host_patterns().clone(),
                by_key.entry(key).or_default(),
            );
            match marker {
                None => of_key.hosts.push(patterns),
                Some(Marker::CertAuthority) => of_key.certifies.push(patterns),
                Some(Marker::Revoked) => of_key.revoked = true,
            }
        }
        Self { by_key }
    }

    pub(super) fn revoke(&self, key: &KeyData) -> bool {
        self.of(key).is_some_and(|of_key| of_key.revoked)
    }

    /// Adds the names of a host that has shown its plain key.
    pub(super) fn names_of(&self, key: &KeyData, wanted: &[String], names: &mut Vec<String>) {
        for patterns in self.of(key).into_iter().flat_map(|of_key| &of_key.hosts) {
            for name in host_names(patterns, wanted) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }

    /// The keys of the hosts of these names.
    pub(super) fn keys_of(&self, hosts: &[String], port: u16) -> Vec<KeyData> {
        let there = |patterns: &HostPatterns| {
            let with_port = |host: &String| format!("[{host}]:{port}");
            let mut hosts = hosts.iter();
            hosts.any(|host| covers(patterns, host) || covers(patterns, &with_port(host)))
        };
        let of_them = self.by_key.iter();
        let of_them = of_them.filter(|(_, of_key)| of_key.hosts.iter().any(there));
        let mut keys: Vec<KeyData> = of_them
            .filter_map(|(bytes, _)| ssh_key::PublicKey::from_bytes(bytes).ok())
            .map(|key| key.key_data().clone())
            .collect();
        // A map has no order, and what is told should not change from one time to the next.
        keys.sort();
        keys
    }

    /// Whether an authority is known for a host of these names.
    pub(super) fn certifies(&self, hosts: &[String]) -> bool {
        let mut certifying = self.by_key.values().filter(|it| !it.revoked);
        certifying.any(|of_key| {
            let mut patterns = of_key.certifies.iter();
            patterns.any(|patterns| hosts.iter().any(|host| covers(patterns, host)))
        })
    }

    pub(super) fn has_authority(&self, key: &KeyData) -> bool {
        self.of(key)
            .is_some_and(|of_key| !of_key.certifies.is_empty())
    }

    /// Whether the authority `key` may sign certificates of the host `name`.
    pub(super) fn may_certify(&self, key: &KeyData, name: &str) -> bool {
        let mut lines = self
            .of(key)
            .into_iter()
            .flat_map(|of_key| &of_key.certifies);
        lines.any(|patterns| covers(patterns, name))
    }

    fn of(&self, key: &KeyData) -> Option<&OfKey> {
        self.by_key.get(&bytes(key)?)
    }
}

/// OpenSSH takes spaces and tabs between the fields of a line, as many as there are; the parser takes one space.
fn spaced(line: &str) -> String {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    fields.join(" ")
}

fn bytes(key: &KeyData) -> Option<Vec<u8>> {
    ssh_encoding::Encode::encode_vec(key).ok()
}

fn host_names(patterns: &HostPatterns, wanted: &[String]) -> Vec<String> {
    match patterns {
        HostPatterns::Patterns(patterns) => patterns
            .iter()
            .filter(|pattern| !pattern.contains(['*', '?', '!']))
            .map(|pattern| without_port(pattern))
            .collect(),
        HostPatterns::HashedName { salt, hash } => wanted
            .iter()
            .find(|name| is_hash(salt, hash, name))
            .map(|name| without_port(name))
            .into_iter()
            .collect(),
    }
}

/// Whether a line is about the host `name`.
fn covers(patterns: &HostPatterns, name: &str) -> bool {
    match patterns {
        HostPatterns::Patterns(patterns) => {
            let patterns: Vec<String> = patterns.iter().map(|p| without_port(p)).collect();
            host_matches(&patterns, name)
        }
        HostPatterns::HashedName { salt, hash } => is_hash(salt, hash, name),
    }
}

/// OpenSSH hashes a name in lower case.
fn is_hash(salt: &[u8], hash: &[u8], name: &str) -> bool {
    let salt = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    hmac::verify(&salt, name.to_ascii_lowercase().as_bytes(), hash).is_ok()
}

/// `[host]:port` as `host`, with the `!` that may stand in front.
fn without_port(name: &str) -> String {
    let (not, bare) = name
        .strip_prefix('!')
        .map_or(("", name), |bare| ("!", bare));
    let host = bare
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
        .map_or(bare, |(host, _)| host);
    format!("{not}{host}")
}
