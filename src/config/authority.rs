//! `[ca.NAME]`, and `certificate = { … }` of a key.

use std::sync::Arc;

use super::credential::{confirm, hosts, in_vault, object_name, public_key, rules, vault};
use super::entries::{Entries, Entry, Noun};
use super::problem::Findings;
use super::section::{Section, Text};
use crate::catalog::{
    AuthoritySpec, CertificateSpec, Certifies, Credential, Kind, Name, Use, VaultObject, VaultSpec,
    Version,
};

/// Reads every authority.
pub(super) fn authorities(
    entries: &Entries<'_>,
    vaults: &[(Name, Arc<VaultSpec>)],
    findings: &mut Findings,
) -> Vec<(Name, Arc<Credential>)> {
    let read = entries.of(Noun::Ca).filter_map(|entry| {
        let authority = authority(entry, entries, vaults, findings)?;
        Some((entry.name.clone(), Arc::new(authority)))
    });
    read.collect()
}

fn authority(
    entry: &Entry<'_>,
    entries: &Entries<'_>,
    vaults: &[(Name, Arc<VaultSpec>)],
    findings: &mut Findings,
) -> Option<Credential> {
    let section = &entry.section;
    section.allow(&AUTHORITY, findings);
    let vault = vault(section, entries, vaults, findings);
    let remedy = "write key = \"NAME\": an authority is a key of the vault, which stays there";
    let key = section
        .needed("key", remedy, findings)
        .and_then(|text| object_name(text, "key", findings));
    let remedy = "write the line that `TrustedUserCAKeys` (or `@cert-authority`) of your hosts has";
    let public = section
        .needed("public_key", remedy, findings)
        .and_then(|text| public_key(text, findings));
    let public = public.filter(|public| in_vault(section, public, findings));
    let certifies = section.word("certifies", &CERTIFIES, Certifies::Users, findings);
    let confirm = confirm(section, findings);
    Some(Credential {
        name: entry.name.clone(),
        vault: Arc::clone(vault?),
        object: VaultObject::Key(key?),
        version: Version::Newest,
        hosts: Vec::new(),
        kind: Kind::Authority(Box::new(AuthoritySpec {
            public: public?,
            certifies: certifies?,
            confirm: confirm?,
        })),
        rotate_after: None,
        source: section.place.document.path.clone(),
    })
}

/// Reads a key that is made for each window and certified.
pub(super) fn certified(
    entry: &Entry<'_>,
    entries: &Entries<'_>,
    authorities: &[(Name, Arc<Credential>)],
    findings: &mut Findings,
) -> Option<Credential> {
    let section = &entry.section;
    section.allow(&CERTIFIED, findings);
    let terms = section.field("certificate")?;
    let terms = terms.section(format!("certificate of {}", section.what), findings)?;
    terms.allow(&TERMS, findings);
    let authority = terms
        .needed("ca", "write ca = \"NAME\", as in [ca.NAME]", findings)
        .and_then(|text| certifier(text, entries, authorities, findings));
    let principals = principals(&terms, findings);
    let critical = critical(&terms, findings);
    let extensions = extensions(&terms, findings);
    let hosts = hosts(section, findings);
    let rules = rules(section, Some(vec![Use::Login]), findings);
    let authority = authority?;
    Some(Credential {
        name: entry.name.clone(),
        vault: Arc::clone(&authority.vault),
        object: authority.object.clone(),
        version: Version::Newest,
        hosts: hosts?,
        kind: Kind::Certificate(Box::new(CertificateSpec {
            authority: authority.name.clone(),
            public: authority.kind.pinned()?.clone(),
            principals: principals?,
            critical: critical?,
            extensions: extensions?,
            rules: rules?,
        })),
        rotate_after: None,
        source: section.place.document.path.clone(),
    })
}

/// The authority of that name, if it certifies users.
fn certifier<'a>(
    text: Text<'_>,
    entries: &Entries<'_>,
    authorities: &'a [(Name, Arc<Credential>)],
    findings: &mut Findings,
) -> Option<&'a Arc<Credential>> {
    let found = entries.find(Noun::Ca, text, authorities, findings)?;
    let users = |authority: &AuthoritySpec| authority.certifies == Certifies::Users;
    if matches!(&found.kind, Kind::Authority(authority) if users(authority)) {
        return Some(found);
    }
    findings.wrong(
        text.place,
        format!("ca {} certifies hosts, and this is for a user", found.name),
        "name one with certifies = \"users\": users and hosts have authorities of their own",
    );
    None
}

fn principals(terms: &Section<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let remedy = "write principals = [\"root\"]: the accounts, or what AuthorizedPrincipalsFile of \
                  the hosts has";
    let Some(field) = terms.field("principals") else {
        let what = format!("{} has no principals", terms.what);
        findings.wrong(terms.place, what, remedy);
        return None;
    };
    let texts = field.texts(findings)?;
    // OpenSSH separates them by commas, and some hosts take an empty list for everybody.
    let odd = |text: &Text<'_>| {
        text.text.is_empty() || text.text.contains(|c: char| c == ',' || c.is_control())
    };
    if texts.is_empty() || texts.iter().any(odd) {
        let what = "principals is empty, or one of them is no name";
        findings.wrong(field.place, what, remedy);
        return None;
    }
    Some(texts.iter().map(|text| text.text.to_owned()).collect())
}

/// The critical options that OpenSSH knows.
fn critical(terms: &Section<'_>, findings: &mut Findings) -> Option<Vec<(String, String)>> {
    let mut critical = Vec::new();
    if let Some(field) = terms.field("force_command") {
        let command = field.text(findings)?;
        if command.text.trim().is_empty() || command.text.contains(char::is_control) {
            let what = "force_command is empty, or has a control character";
            findings.wrong(
                field.place,
                what,
                "write force_command = \"/usr/bin/COMMAND\"",
            );
            return None;
        }
        critical.push(("force-command".to_owned(), command.text.to_owned()));
    }
    if let Some(field) = terms.field("source_address") {
        let networks = field.texts(findings)?;
        let wrong = networks.iter().find(|text| !is_network(text.text));
        if networks.is_empty() || wrong.is_some() {
            let wrong = wrong.map_or("", |text| text.text);
            findings.wrong(
                field.place,
                format!("source_address has {wrong:?}, which is no network"),
                "write source_address = [\"10.0.0.0/8\", \"2001:db8::/32\"]",
            );
            return None;
        }
        let networks: Vec<&str> = networks.iter().map(|text| text.text).collect();
        critical.push(("source-address".to_owned(), networks.join(",")));
    }
    Some(critical)
}

/// Whether `text` is an address, or one with the length of its network's prefix.
fn is_network(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    let longest = match address.parse() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    let plain = prefix.chars().all(|c| c.is_ascii_digit());
    plain && prefix.parse::<u8>().is_ok_and(|prefix| prefix <= longest)
}

fn extensions(terms: &Section<'_>, findings: &mut Findings) -> Option<Vec<(String, String)>> {
    let Some(field) = terms.field("extensions") else {
        return Some(vec![("permit-pty".to_owned(), String::new())]);
    };
    let mut extensions = Vec::new();
    for text in field.texts(findings)? {
        // Others have names with a domain, and may have a value: `login@github.com=mia`.
        let (name, value) = text.text.split_once('=').unwrap_or((text.text, ""));
        let plain = |c: char| c.is_ascii_graphic() && c != ',';
        let known = EXTENSIONS.contains(&name) && value.is_empty();
        let others = name.contains('@') && name.chars().all(plain);
        if !(known || others) {
            findings.wrong(
                text.place,
                format!("{:?} is no extension that OpenSSH knows", text.text),
                format!(
                    "write some of {}; or NAME@DOMAIN=VALUE",
                    EXTENSIONS.join(", ")
                ),
            );
            return None;
        }
        extensions.push((name.to_owned(), value.to_owned()));
    }
    Some(extensions)
}

const AUTHORITY: [&str; 5] = ["certifies", "confirm", "key", "public_key", "vault"];

const CERTIFIED: [&str; 5] = ["certificate", "confirm", "forwarded", "hosts", "unbound"];

const TERMS: [&str; 5] = [
    "ca",
    "extensions",
    "force_command",
    "principals",
    "source_address",
];

const CERTIFIES: [(&str, Certifies); 2] =
    [("users", Certifies::Users), ("hosts", Certifies::Hosts)];

/// PROTOCOL.certkeys.
const EXTENSIONS: [&str; 6] = [
    "no-touch-required",
    "permit-X11-forwarding",
    "permit-agent-forwarding",
    "permit-port-forwarding",
    "permit-pty",
    "permit-user-rc",
];
