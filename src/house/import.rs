//! What somebody wants to have in a vault, made ready and held to the configuration.
//!
//! Enters: a file of a key or a password, and where it is to go. Leaves: what was stored. What never
//! happens here: a key stored under a name whose pin is another; a value that is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use ssh_key::{HashAlg, PublicKey};
use zeroize::Zeroizing;

use super::{House, no_match};
use crate::ages;
use crate::broker::{Existing, Store, Wish};
use crate::catalog::{Credential, Kind, Name, ObjectName, VaultObject, VaultSpec, nearest};
use crate::cloud::{CorrelationId, NewSecret, StageSink};
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::Password;
use crate::secret::private_key::{Format, KeyProblem, Prepared};

/// What is to be stored, and where.
pub struct Import {
    /// What the configuration calls it, or is to call it.
    pub name: String,
    /// The vault, if the configuration does not say it.
    pub vault: Option<String>,
    /// The secret, if the configuration does not say it.
    pub secret: Option<String>,
    /// The file.
    pub value: Zeroizing<Vec<u8>>,
    /// Whether it is a password, if the configuration does not say it.
    pub password: bool,
    /// What a key is protected with.
    pub passphrase: Option<Zeroizing<Vec<u8>>>,
    /// The age at which it is to be replaced.
    pub rotate_after: Option<String>,
    /// What to do about a secret that is there.
    pub existing: Existing,
}

/// What was stored.
#[derive(Debug)]
pub struct Imported {
    /// Where, and what it is called.
    pub credential: Arc<Credential>,
    /// The version that the vault made.
    pub version: String,
    /// The public half of a key.
    pub public: Option<PublicKey>,
    /// What was mended, or is odd.
    pub told: Vec<String>,
    /// Whether the configuration has it.
    pub configured: bool,
    /// Joins the record and the vault's log.
    pub id: CorrelationId,
}

/// Why nothing was stored.
#[derive(Debug)]
pub enum NotImported {
    /// The key is under a passphrase that was not given.
    PassphraseNeeded,
    /// Any other reason.
    Refused(Refusal),
}

impl From<Refusal> for NotImported {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// What an import becomes before anything is opened for it.
struct Ready {
    new: NewSecret,
    public: Option<PublicKey>,
    told: Vec<String>,
}

impl House {
    /// Writes a key or password into its vault; `wish` says how its window is opened.
    ///
    /// # Errors
    /// If it is damaged or another than the configuration says, or the vault does not take it.
    pub async fn import(
        &self,
        import: Import,
        wish: impl FnOnce(&Credential) -> Wish,
        requester: &Requester,
        stages: &dyn StageSink,
    ) -> Result<Imported, NotImported> {
        let (credential, configured) = self.destination(&import)?;
        let existing = import.existing;
        let rotate_after = import.rotate_after.clone();
        let password = match (&credential.kind, configured) {
            (Kind::Password(_), true) => true,
            (_, true) => false,
            (_, false) => import.password,
        };
        let name = credential.name.clone();
        // A passphrase is stretched for as long as its file says.
        let made = tokio::task::spawn_blocking(move || match password {
            true => ready_password(&name, import),
            false => ready_key(&name, &import),
        });
        let made = made.await.map_err(|_| broken())?;
        let mut ready = made?;
        if let Some(public) = &ready.public {
            pinned(&credential, public)?;
        }
        if let Some(age) = rotate_after {
            ready
                .new
                .tags
                .insert(ages::TAG.to_owned(), rotation(&credential.name, age)?);
        }
        let what = ready.public.as_ref().map_or_else(
            || "password".to_owned(),
            |public| public.fingerprint(HashAlg::Sha256).to_string(),
        );
        let id = CorrelationId::new();
        let store = Store {
            credential: &credential,
            new: &ready.new,
            what: &what,
            existing,
            id,
        };
        let wish = wish(&credential);
        let version = self.pipeline.store(&store, wish, requester, stages).await?;
        Ok(Imported {
            version,
            public: ready.public,
            told: ready.told,
            configured,
            id,
            credential,
        })
    }

    /// Where it goes, and whether the configuration says so.
    fn destination(&self, import: &Import) -> Result<(Arc<Credential>, bool), Refusal> {
        let named = self
            .catalog
            .iter()
            .find(|it| it.name.as_str() == import.name);
        let Some(credential) = named else {
            return self.new_destination(import).map(|new| (new, false));
        };
        let vault = self.vault_of(credential, import.vault.as_deref())?;
        let secret = credential.object.name().as_str();
        if import.secret.as_ref().is_some_and(|it| it != secret) {
            return Err(elsewhere(credential));
        }
        if credential.object.stays() {
            return Err(Refusal::Forbidden {
                what: credential.name.to_string(),
                why: "it is a key that never leaves its vault, and no secret".to_owned(),
                remedy: format!(
                    "have the vault take or make it: `az keyvault key import --vault-name {} --name \
                     {} --pem-file FILE`",
                    credential.vault.azure_name(),
                    credential.object.name()
                ),
            });
        }
        if let Kind::ClientCertificate(_) = credential.kind {
            return Err(Refusal::Forbidden {
                what: credential.name.to_string(),
                why: "Key Vault writes the secret of a certificate itself".to_owned(),
                remedy: format!(
                    "`az keyvault certificate import --vault-name {} --name {} --file FILE`",
                    credential.vault.azure_name(),
                    credential.object.name()
                ),
            });
        }
        Ok((Arc::new(credential.through(&vault)), true))
    }

    /// The entry through which a configured secret is written: its own, or another of the same
    /// address, whose window may give more.
    fn vault_of(
        &self,
        credential: &Credential,
        named: Option<&str>,
    ) -> Result<Arc<VaultSpec>, Refusal> {
        let Some(named) = named else {
            return Ok(Arc::clone(&credential.vault));
        };
        let vault = self.vault(named)?;
        match vault.url == credential.vault.url {
            true => Ok(Arc::clone(vault)),
            false => Err(elsewhere(credential)),
        }
    }

    fn vault(&self, name: &str) -> Result<&Arc<VaultSpec>, Refusal> {
        let found = self.vaults.iter().find(|it| it.name.as_str() == name);
        let names = self.vaults.iter().map(|it| it.name.as_str());
        found.ok_or_else(|| no_match("vault", name, nearest(name, names)))
    }

    fn new_destination(&self, import: &Import) -> Result<Arc<Credential>, Refusal> {
        let odd = |problem: crate::catalog::NameProblem| {
            misplaced(&import.name, problem.to_string(), "take another name")
        };
        let name = Name::parse(&import.name).map_err(odd)?;
        let (Some(vault), Some(secret)) = (&import.vault, &import.secret) else {
            let problem = "nothing of that name is configured".to_owned();
            let remedy =
                "say where it goes with --vault (as the configuration names it) and --secret";
            return Err(misplaced(&import.name, problem, remedy));
        };
        let vault = self.vault(vault)?;
        let secret = ObjectName::parse(secret).map_err(odd)?;
        let object = VaultObject::Secret(secret.clone());
        let taken = self
            .catalog
            .iter()
            .find(|it| it.vault.url == vault.url && it.object == object);
        if let Some(taken) = taken {
            let problem = format!("{object} in vault {} is that of {}", vault.name, taken.name);
            let remedy = format!("`pimento import {}`", taken.name);
            return Err(misplaced(&import.name, problem, &remedy));
        }
        Ok(Arc::new(Credential::unknown(name, vault, secret)))
    }
}

/// A configured name that is wanted somewhere else.
fn elsewhere(credential: &Credential) -> Refusal {
    let problem = format!(
        "it is {} in vault {} by {}",
        credential.object,
        credential.vault.name,
        credential.source.display()
    );
    let remedy = "leave --vault and --secret out, or take another name";
    misplaced(credential.name.as_str(), problem, remedy)
}

fn ready_password(name: &Name, import: Import) -> Result<Ready, NotImported> {
    let refuse = |problem: String, remedy: &str| Refusal::NotStored {
        name: name.to_string(),
        problem,
        remedy: remedy.to_owned(),
    };
    let alone = "give the password alone, as one line";
    let (value, odd) =
        Password::prepared(import.value).map_err(|problem| refuse(problem.to_string(), alone))?;
    let text = String::from_utf8(value.to_vec()).map_err(|_| {
        let problem = "it is not UTF-8, and Key Vault stores text only".to_owned();
        refuse(problem, "give it as UTF-8")
    })?;
    Ok(Ready {
        new: NewSecret {
            value: Zeroizing::new(text),
            content_type: "text/plain",
            tags: BTreeMap::new(),
        },
        public: None,
        told: odd.iter().map(ToString::to_string).collect(),
    })
}

fn ready_key(name: &Name, import: &Import) -> Result<Ready, NotImported> {
    let passphrase = import.passphrase.as_ref();
    let prepared = Prepared::of(&import.value, passphrase.map(|it| it.as_slice()));
    let prepared = prepared.map_err(|problem| match problem {
        KeyProblem::Encrypted => NotImported::PassphraseNeeded,
        problem => NotImported::Refused(Refusal::NotStored {
            name: name.to_string(),
            remedy: problem.remedy(),
            problem: problem.to_string(),
        }),
    })?;
    let text = String::from_utf8(prepared.text.to_vec()).map_err(|_| broken())?;
    let mut tags = BTreeMap::new();
    let fingerprint = prepared.public.fingerprint(HashAlg::Sha256).to_string();
    tags.insert("fingerprint".to_owned(), fingerprint);
    let line = prepared.public.to_openssh().unwrap_or_default();
    if (1..=LONGEST_TAG).contains(&line.len()) {
        tags.insert("public-key".to_owned(), line);
    }
    Ok(Ready {
        new: NewSecret {
            value: Zeroizing::new(text),
            content_type: match prepared.format {
                Format::Pem => "application/x-pem-file",
                Format::OpenSsh | Format::Putty => "application/x-openssh-private-key",
            },
            tags,
        },
        told: prepared.repairs.iter().map(ToString::to_string).collect(),
        public: Some(prepared.public),
    })
}

/// A key must be the one that the configuration pins.
fn pinned(credential: &Credential, public: &PublicKey) -> Result<(), Refusal> {
    let Some(pinned) = credential.kind.pinned() else {
        return Ok(());
    };
    if pinned.key_data() == public.key_data() {
        return Ok(());
    }
    Err(Refusal::NotStored {
        name: credential.name.to_string(),
        problem: format!(
            "this key is {}, and the one pinned in the configuration is {}",
            public.fingerprint(HashAlg::Sha256),
            pinned.fingerprint(HashAlg::Sha256)
        ),
        remedy: format!(
            "import the key that is pinned; or, if it is to be replaced, put `public_key = \"{}\"` \
             into [key.{}] in {}, start the agent again and import then",
            public.to_openssh().unwrap_or_default(),
            credential.name,
            credential.source.display()
        ),
    })
}

fn rotation(name: &Name, age: String) -> Result<String, Refusal> {
    match crate::config::rotation_age(&age) {
        Some(_) => Ok(age),
        None => {
            let problem = format!("{age:?} is no age of a day or more");
            let remedy = "for example --rotate-after 90d";
            Err(misplaced(name.as_str(), problem, remedy))
        }
    }
}

fn misplaced(name: &str, problem: String, remedy: &str) -> Refusal {
    Refusal::Destination {
        name: name.to_owned(),
        problem,
        remedy: remedy.to_owned(),
    }
}

fn broken() -> Refusal {
    Refusal::Unsupported("the key could not be read".to_owned())
}

/// What a vault takes as the value of a tag; the line of an RSA key of 3072 bits is longer.
const LONGEST_TAG: usize = 512;
