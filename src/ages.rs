//! How old the secrets behind the credentials are, and when they expire.
//!
//! Enters: the metadata of each secret, whenever it is read for use or looked at by the doctor, and
//! the time. Leaves: which credentials are due, and once a day a notice of them. What is known
//! outlives the agent in a file that only the user can read: names, versions and times.
//! What never happens here: a request to the cloud, an opening for the sake of a date, or a
//! decision about access; the end of a secret's validity is enforced where it is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::catalog::{Catalog, Credential, VaultObject};
use crate::clock::Clock;
use crate::cloud::{
    AccessToken, CorrelationId, FetchedKey, FetchedSecret, NewSecret, ReadError, SecretFacts, Vault,
};
use crate::file::{self, Readers};
use crate::harden;
use crate::prompt::Notifier;
use crate::secret::vault_key::ToSign;

/// What was last read of a secret.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Age {
    /// Its vault's host and its name there.
    secret: String,
    /// The version that was read.
    pub version: String,
    /// When that was made.
    pub created: Option<Timestamp>,
    /// `exp`.
    pub expires: Option<Timestamp>,
    /// The tag `rotate-after`, as it is written.
    rotate_after: Option<String>,
    /// When this was read.
    pub seen: Timestamp,
}

/// Whether something is to be done about a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing.
    Fresh,
    /// Nothing was read of it yet.
    Unknown,
    /// It expires soon, or is older than it should be.
    Due,
    /// It has expired.
    Expired,
}

/// A credential, by its age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aged {
    /// Its name.
    pub credential: String,
    /// Whether something is to be done.
    pub state: State,
    /// Why, in words.
    pub reason: String,
    /// What is known.
    pub age: Option<Age>,
}

#[derive(Default, Deserialize, Serialize)]
struct Known {
    /// When a notice was last shown.
    told: Option<Timestamp>,
    ages: BTreeMap<String, Age>,
}

/// The ages of all secrets that were ever read.
pub struct Ages {
    clock: Arc<dyn Clock>,
    file: PathBuf,
    known: Mutex<Known>,
}

impl Ages {
    /// What is known from before, in `folder`. A file that cannot be read is one without entries:
    /// it fills again with use.
    #[must_use]
    pub fn open(folder: &Path, clock: Arc<dyn Clock>) -> Self {
        let file = folder.join("ages.json");
        let known = std::fs::read(&file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        let known = Mutex::new(known);
        Self { clock, file, known }
    }

    /// Takes what was read of the secret behind `credential`.
    pub fn note(&self, credential: &Credential, facts: &SecretFacts) {
        let age = Age {
            secret: secret(credential),
            version: facts.version.clone(),
            created: facts.created,
            expires: facts.expires,
            rotate_after: facts.tags.get(TAG).cloned(),
            seen: self.clock.wall(),
        };
        self.change(|known| {
            known.ages.insert(credential.name.to_string(), age);
        });
    }

    /// How old `credential` is.
    #[must_use]
    pub fn of(&self, credential: &Credential) -> Aged {
        let age = self.known().ages.get(credential.name.as_str()).cloned();
        // Of another secret, which the configuration named before.
        let age = age.filter(|age| age.secret == secret(credential));
        let (state, reason) = match &age {
            None => (State::Unknown, "it was not read yet".to_owned()),
            Some(age) => age.judge(rotation(credential, age), self.clock.wall()),
        };
        Aged {
            credential: credential.name.to_string(),
            state,
            reason,
            age,
        }
    }

    /// Tells once a day what is due; never returns.
    pub async fn remind(&self, catalog: &Catalog, notifier: &Notifier) {
        loop {
            let told = self.known().told;
            let since = told.map(|told| self.clock.wall().duration_since(told));
            // A clock that was set back must not silence it for longer than a day.
            let left =
                since.map(|since| DAY.saturating_sub(since).clamp(SignedDuration::ZERO, DAY));
            let left = left.filter(|left| left.is_positive());
            if let Some(left) = left {
                self.clock.sleep(left.unsigned_abs()).await;
                continue;
            }
            if let Some(text) = notice(catalog.iter().map(|it| self.of(it))) {
                // First of all, so that an agent that ends meanwhile does not say it again.
                let now = self.clock.wall();
                self.change(|known| known.told = Some(now));
                notifier.tell(&text, None).await;
            } else {
                self.clock.sleep(LOOK).await;
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        let mut known = self.known();
        change(&mut known);
        if let Err(error) = self.write(&known) {
            // It is still known until the agent ends.
            tracing::warn!(%error, file = %self.file.display(), "ages cannot be kept");
        }
    }

    fn write(&self, known: &Known) -> std::io::Result<()> {
        let folder = self.file.parent().unwrap_or(Path::new(""));
        harden::private_folder(folder)?;
        file::replace_soon(&self.file, &serde_json::to_vec(known)?, Readers::Owner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Age {
    /// What its times say at `now`, if it is to be rotated at that age.
    fn judge(&self, rotate_after: Option<SignedDuration>, now: Timestamp) -> (State, String) {
        if let Some(ends) = self.expires {
            let left = ends.duration_since(now);
            if !left.is_positive() {
                return (State::Expired, format!("it expired {}", date(ends)));
            }
            if left < EXPIRES_SOON {
                return (State::Due, format!("it expires {}", date(ends)));
            }
        }
        let Some(made) = self.created else {
            return (State::Fresh, "its age is unknown".to_owned());
        };
        let days = now.duration_since(made).as_hours() / 24;
        match rotate_after {
            Some(longest) if now.duration_since(made) > longest => {
                let longest = longest.as_hours() / 24;
                let reason =
                    format!("it is {days} days old, and is to be replaced after {longest}");
                (State::Due, reason)
            }
            _ => (State::Fresh, format!("it is {days} days old")),
        }
    }
}

/// Keeps the ages of what a vault gives out.
pub struct Remembering {
    /// The vault.
    pub vault: Arc<dyn Vault>,
    /// Where they are kept.
    pub ages: Arc<Ages>,
}

#[async_trait]
impl Vault for Remembering {
    async fn secret(
        &self,
        credential: &Credential,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<FetchedSecret, ReadError> {
        let fetched = self.vault.secret(credential, token, id).await?;
        // An older version says nothing of how old the newest is.
        if credential.version == crate::catalog::Version::Newest {
            self.ages.note(credential, &fetched.facts);
        }
        Ok(fetched)
    }

    async fn store(
        &self,
        credential: &Credential,
        new: &NewSecret,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<String, ReadError> {
        self.vault.store(credential, new, token, id).await
    }

    async fn key(
        &self,
        credential: &Credential,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<FetchedKey, ReadError> {
        let fetched = self.vault.key(credential, token, id).await?;
        self.ages.note(credential, &fetched.facts);
        Ok(fetched)
    }

    async fn sign(
        &self,
        credential: &Credential,
        asked: &ToSign,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Vec<u8>, ReadError> {
        self.vault.sign(credential, asked, token, id).await
    }
}

fn secret(credential: &Credential) -> String {
    let host = credential.vault.url.host_str().unwrap_or_default();
    match &credential.object {
        VaultObject::Secret(name) => format!("{host}/{name}"),
        VaultObject::Key(_) => format!("{host}/{}", credential.object.path()),
    }
}

/// At which age it is to be replaced: as the configuration says of it, else as its tag says, else as
/// the configuration says of its vault.
fn rotation(credential: &Credential, age: &Age) -> Option<SignedDuration> {
    let tag = || crate::config::rotation_age(age.rotate_after.as_deref()?);
    credential
        .rotate_after
        .or_else(tag)
        .or(credential.vault.rotate_after)
}

fn date(at: Timestamp) -> impl std::fmt::Display {
    at.strftime("on %Y-%m-%d")
}

/// What a person is told, if anything is due.
fn notice(all: impl Iterator<Item = Aged>) -> Option<String> {
    let due: Vec<Aged> = all.filter(|it| it.state >= State::Due).collect();
    let (first, more) = due.split_first()?;
    let mut text = format!("{}: {}", first.credential, first.reason);
    if !more.is_empty() {
        text.push_str(&format!("; and {} more", more.len()));
    }
    text.push_str(". `pimento status --stale` lists what is due.");
    Some(text)
}

/// The tag of a secret that says after which age it is to be replaced.
pub const TAG: &str = "rotate-after";
/// As Key Vault's own notice of a near expiry.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(30 * 24);
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// How soon something that becomes due is told.
const LOOK: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
