//! `[certificate.NAME]`, `[key.NAME]` and `[password.NAME]`.

use std::sync::Arc;

use ssh_key::PublicKey;
use ssh_key::public::KeyData;

use super::authority::{authorities, certified};
use super::certificate::{certificate, no_key};
use super::entries::{Entries, Entry, Noun};
use super::problem::Findings;
use super::section::{Field, Section, Text, one_of};
use super::span::rotate_after;
use crate::catalog::{
    Catalog, Credential, KeySpec, Kind, Name, ObjectName, PasswordSpec, PasswordUse, Permission,
    SigningRules, Use, VaultObject, VaultSpec, Version,
};

/// Reads every credential.
pub(super) fn catalog(
    entries: &Entries<'_>,
    vaults: &[(Name, Arc<VaultSpec>)],
    findings: &mut Findings,
) -> Catalog {
    let authorities = authorities(entries, vaults, findings);
    let all = authorities
        .iter()
        .map(|(_, authority)| Arc::clone(authority));
    let mut credentials: Vec<Arc<Credential>> = all.collect();
    for entry in entries.credentials() {
        let read = if entry.noun == Noun::Key && entry.section.field("certificate").is_some() {
            certified(entry, entries, &authorities, findings)
        } else {
            credential(entry, entries, vaults, findings)
        };
        let Some(read) = read else {
            continue;
        };
        if let Some(twin) = credentials.iter().find(|known| same_key(known, &read)) {
            // The agent protocol asks for a key by its public half, so one of them is never used.
            findings.wrong(
                entry.section.place,
                format!(
                    "keys {} and {} have the same public_key",
                    twin.name, read.name
                ),
                "remove one of them, or correct its public_key",
            );
        }
        credentials.push(Arc::new(read));
    }
    Catalog::new(credentials)
}

fn same_key(one: &Credential, other: &Credential) -> bool {
    match (&one.kind, &other.kind) {
        (Kind::Key(one), Kind::Key(other)) => one.public.key_data() == other.public.key_data(),
        _ => false,
    }
}

/// Reads one credential.
fn credential(
    entry: &Entry<'_>,
    entries: &Entries<'_>,
    vaults: &[(Name, Arc<VaultSpec>)],
    findings: &mut Findings,
) -> Option<Credential> {
    let section = &entry.section;
    if misplaced(entry, findings) {
        return None;
    }
    let vault = vault(section, entries, vaults, findings);
    let kind = match entry.noun {
        Noun::Certificate => certificate(section, findings).map(Kind::ClientCertificate),
        Noun::Key => key(section, findings).map(|key| Kind::Key(Box::new(key))),
        _ => password(section, findings).map(Kind::Password),
    };
    let object = object(entry, findings);
    if let (Some(VaultObject::Key(_)), Some(Kind::Key(key))) = (&object, &kind)
        && !in_vault(section, &key.public, findings)
    {
        return None;
    }
    let hosts = hosts(section, findings);
    let rotate_after = rotate_after(section, findings);
    Some(Credential {
        name: entry.name.clone(),
        vault: Arc::clone(vault?),
        object: object?,
        version: Version::Newest,
        hosts: hosts?,
        kind: kind?,
        rotate_after,
        source: section.place.document.path.clone(),
    })
}

/// The vault that it lives in.
pub(super) fn vault<'v>(
    section: &Section<'_>,
    entries: &Entries<'_>,
    vaults: &'v [(Name, Arc<VaultSpec>)],
    findings: &mut Findings,
) -> Option<&'v Arc<VaultSpec>> {
    let text = section.needed("vault", "write vault = \"NAME\"", findings)?;
    entries.find(Noun::Vault, text, vaults, findings)
}

/// Whether Key Vault can have a key like `public`.
pub(super) fn in_vault(section: &Section<'_>, public: &PublicKey, findings: &mut Findings) -> bool {
    let is = !matches!(public.key_data(), KeyData::Ed25519(_));
    if !is {
        findings.wrong(
            section.place,
            format!(
                "{} is an Ed25519 key, which Key Vault has no keys of",
                section.what
            ),
            "use an RSA key or one on P-256, P-384 or P-521; or keep the private key as a secret: \
             secret = \"NAME\"",
        );
    }
    is
}

/// Reports fields that are not for here. Where somebody may have put the secret itself, nothing is
/// quoted.
fn misplaced(entry: &Entry<'_>, findings: &mut Findings) -> bool {
    let section = &entry.section;
    let before = findings.problems.len();
    for field in &section.fields {
        match field.name {
            "passphrase" | "password" | "private_key" | "value" => findings.wrong(
                field.place,
                format!(
                    "{} holds a secret in the clear ({})",
                    section.what, field.name
                ),
                "it lay on disk, so replace it; put the new one into the vault \
                 (`az keyvault secret set --file`) and name it here: secret = \"NAME\"",
            ),
            "key" if entry.noun == Noun::Certificate => no_key(field, findings),
            "key" if entry.noun != Noun::Key => findings.wrong(
                field.place,
                "a key of a vault signs, and is no password",
                "name the secret that holds the password: secret = \"NAME\"",
            ),
            _ => {}
        }
    }
    findings.problems.len() > before
}

fn key(section: &Section<'_>, findings: &mut Findings) -> Option<KeySpec> {
    section.allow(&KEY, findings);
    let remedy = "write the line of the .pub file (`ssh-keygen -y -f KEYFILE` prints it)";
    let public = section
        .needed("public_key", remedy, findings)
        .and_then(|text| public_key(text, findings));
    let uses = match section.field("uses") {
        None => Some(vec![Use::Login]),
        Some(field) => uses(field, &USES, findings),
    };
    let rules = rules(section, uses, findings);
    Some(KeySpec {
        public: public?,
        rules: rules?,
    })
}

/// By which rules the agent signs with a key.
pub(super) fn rules(
    section: &Section<'_>,
    uses: Option<Vec<Use>>,
    findings: &mut Findings,
) -> Option<SigningRules> {
    let unbound = section.word("unbound", &PERMISSION, Permission::Refuse, findings);
    let forwarded = section.word("forwarded", &PERMISSION, Permission::Refuse, findings);
    let confirm = confirm(section, findings);
    Some(SigningRules {
        uses: uses?,
        unbound: unbound?,
        forwarded: forwarded?,
        confirm: confirm?,
    })
}

fn password(section: &Section<'_>, findings: &mut Findings) -> Option<PasswordSpec> {
    section.allow(&PASSWORD, findings);
    let user = section.text("user", findings);
    let uses = match section.field("uses") {
        None => Some(UNLESS_SAID.to_vec()),
        Some(field) => uses(field, &PASSWORD_USES, findings),
    };
    let units = units(section, findings);
    let confirm = confirm(section, findings);
    Some(PasswordSpec {
        user: user.map(|user| user.text.to_owned()),
        uses: uses?,
        units: units?,
        confirm: confirm?,
    })
}

/// The services of systemd that get a password.
fn units(section: &Section<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let Some(field) = section.field("units") else {
        return Some(Vec::new());
    };
    let mut units = Vec::new();
    for unit in field.texts(findings)? {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.@:\\*?".contains(c);
        if unit.text.is_empty() || !unit.text.chars().all(allowed) {
            findings.wrong(
                unit.place,
                format!("{:?} is not the name of a unit", unit.text),
                "write units = [\"backup.service\"]; * and ? are allowed",
            );
            return None;
        }
        units.push(unit.text.to_owned());
    }
    Some(units)
}

pub(super) fn confirm(section: &Section<'_>, findings: &mut Findings) -> Option<bool> {
    match section.field("confirm") {
        None => Some(false),
        Some(field) => field.truth(findings),
    }
}

pub(super) fn public_key(text: Text<'_>, findings: &mut Findings) -> Option<PublicKey> {
    let wrong = match PublicKey::from_openssh(text.text.trim()) {
        Ok(key) => match unusable(key.key_data()) {
            None => return Some(key),
            Some(why) => why,
        },
        // Not quoted: it could be anything that was in the clipboard.
        Err(_) => "public_key is not an OpenSSH public key",
    };
    findings.wrong(
        text.place,
        wrong,
        "write the one line of the .pub file, such as \"ssh-ed25519 AAAA…\"",
    );
    None
}

fn unusable(key: &KeyData) -> Option<&'static str> {
    match key {
        KeyData::Ecdsa(_) | KeyData::Ed25519(_) => None,
        KeyData::Rsa(key) => {
            let bytes = key.n().as_positive_bytes().map_or(0, <[u8]>::len);
            let fits = (256..=512).contains(&bytes);
            (!fits).then_some("RSA keys can have 2048 to 4096 bits, and this has not")
        }
        KeyData::SkEcdsaSha2NistP256(_) | KeyData::SkEd25519(_) => {
            Some("the private half of a FIDO key is in its token, so a vault cannot hold it")
        }
        _ => Some("keys of this type are not supported: use Ed25519, ECDSA or RSA"),
    }
}

fn uses<T: Copy>(field: Field<'_>, known: &[(&str, T)], findings: &mut Findings) -> Option<Vec<T>> {
    let words = field.texts(findings)?;
    if words.is_empty() {
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        findings.wrong(
            field.place,
            "uses is empty, so it serves nothing",
            format!("write some of {}, or leave it out", words.join(", ")),
        );
        return None;
    }
    let read = |word| one_of(word, "uses", known, findings);
    words.into_iter().map(read).collect()
}

/// What it is in the vault: a secret that is given out, or a key that stays there.
fn object(entry: &Entry<'_>, findings: &mut Findings) -> Option<VaultObject> {
    let section = &entry.section;
    let Some(key) = section.field("key") else {
        let remedy = match entry.noun {
            Noun::Key => {
                "write secret = \"NAME\" if the private key is a secret of the vault, or \
                 key = \"NAME\" if it is one of its keys"
            }
            _ => "write secret = \"NAME\", as the vault names it",
        };
        let text = section.needed("secret", remedy, findings)?;
        return object_name(text, "secret", findings).map(VaultObject::Secret);
    };
    if section.field("secret").is_some() {
        findings.wrong(
            key.place,
            format!("{} is both a secret and a key", section.what),
            "leave out `secret` if the vault is to sign, or `key` if pimento is",
        );
        return None;
    }
    object_name(key.text(findings)?, "key", findings).map(VaultObject::Key)
}

pub(super) fn object_name(
    text: Text<'_>,
    kind: &str,
    findings: &mut Findings,
) -> Option<ObjectName> {
    let name = ObjectName::parse(text.text).ok();
    if name.is_none() {
        // Not quoted: somebody may have put the secret itself here.
        findings.wrong(
            text.place,
            format!(
                "{kind} is not the name of a Key Vault {kind}: those have 1 to 127 letters, digits \
                 and '-'"
            ),
            format!("write the name of the {kind}, never the {kind} itself"),
        );
    }
    name
}

pub(super) fn hosts(section: &Section<'_>, findings: &mut Findings) -> Option<Vec<String>> {
    let Some(field) = section.field("hosts") else {
        return Some(Vec::new());
    };
    let hosts = field.texts(findings)?;
    let mut patterns = Vec::new();
    for host in hosts {
        let pattern = host.text.trim_start_matches('!');
        if pattern.is_empty() || host.text.chars().any(|c| c.is_whitespace() || c == ',') {
            findings.wrong(
                host.place,
                format!("{:?} is not one host pattern", host.text),
                "write hosts = [\"web*.contoso.com\", \"!web9.contoso.com\"]",
            );
            return None;
        }
        patterns.push(host.text.to_owned());
    }
    if patterns.iter().all(|pattern| pattern.starts_with('!')) {
        // An empty list would be read as "any host" further down; this fails closed.
        let what = "hosts allows no host at all";
        findings.wrong(
            field.place,
            what,
            "add one, such as \"*\", or leave hosts out",
        );
        return None;
    }
    Some(patterns)
}

const KEY: [&str; 10] = [
    "confirm",
    "forwarded",
    "hosts",
    "key",
    "public_key",
    "rotate_after",
    "secret",
    "unbound",
    "uses",
    "vault",
];

const PASSWORD: [&str; 8] = [
    "confirm",
    "hosts",
    "rotate_after",
    "secret",
    "units",
    "user",
    "uses",
    "vault",
];

/// What a password is for unless `uses` says otherwise.
const UNLESS_SAID: [PasswordUse; 3] = [PasswordUse::Reveal, PasswordUse::Ssh, PasswordUse::Sudo];

const PASSWORD_USES: [(&str, PasswordUse); 8] = [
    (PasswordUse::Docker.word(), PasswordUse::Docker),
    (PasswordUse::Git.word(), PasswordUse::Git),
    (PasswordUse::Reveal.word(), PasswordUse::Reveal),
    (PasswordUse::Ssh.word(), PasswordUse::Ssh),
    (
        PasswordUse::SshKeyboardInteractive.word(),
        PasswordUse::SshKeyboardInteractive,
    ),
    (PasswordUse::Sudo.word(), PasswordUse::Sudo),
    (PasswordUse::SudoRs.word(), PasswordUse::SudoRs),
    (PasswordUse::Systemd.word(), PasswordUse::Systemd),
];

const PERMISSION: [(&str, Permission); 2] =
    [("allow", Permission::Allow), ("refuse", Permission::Refuse)];

const USES: [(&str, Use); 4] = [
    ("any", Use::Any),
    ("file-signature", Use::FileSignature),
    ("git", Use::Git),
    ("login", Use::Login),
];
