//! Open windows, and the material held in them.
//!
//! Pure: every method takes `now`, nothing here waits, calls out or reads a clock. The end of a
//! window is enforced twice, and either alone would be a bug: [`Windows::with`] refuses what has
//! ended, and [`Windows::expire`] drops it. Dropping wipes. What never happens here: material
//! leaving a closure as itself, or outliving its window.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::catalog::{Credential, Name};
use crate::clock::Moment;
use crate::cloud::{AccessToken, CorrelationId};
use crate::policy::Grant;
use crate::refusal::Refusal;
use crate::secret::{Material, Oddity};

use closings::Closings;
pub use closings::Since;
pub use records::{Closed, Sweep, View};

mod closings;
mod records;

/// All windows that are open.
#[derive(Default)]
pub struct Windows {
    open: HashMap<Name, Open>,
    closings: Closings,
    locked: bool,
}

/// The terms of an open window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// When it ends, whatever the cloud would still answer.
    pub until: Moment,
    /// The same end as PIM wrote it; for display only.
    pub ends: Timestamp,
    /// Joins the logs of its opening.
    pub id: CorrelationId,
    /// PIM's request; `None` if the activation was made elsewhere.
    pub request: Option<String>,
}

struct Open {
    terms: Terms,
    /// When these terms began to hold, to show how much of them is over.
    since: Moment,
    /// Goes with the window: Key Vault accepts it for an hour longer than PIM's membership lasts.
    token: Option<Arc<AccessToken>>,
    held: HashMap<Name, Held>,
}

struct Held {
    material: Material,
    version: String,
    until: Moment,
}

impl Windows {
    /// How things stand for an opening of `window` that is asked for now.
    #[must_use]
    pub fn since(&self, window: &Name) -> Since {
        self.closings.so_far(window)
    }

    /// Has no opening of `window` that is under way open it.
    pub fn abandon(&mut self, window: &Name) {
        self.closings.one(window);
    }

    /// Whether an opening of `window` that was last asked for at `since` is still wanted.
    ///
    /// # Errors
    /// If pimento is locked, or the window was closed, or locked away, meanwhile.
    pub fn wanted(&self, window: &Name, since: Since) -> Result<(), Refusal> {
        self.unlocked()?;
        if self.since(window) == since {
            return Ok(());
        }
        Err(closed(window))
    }

    /// Opens `window` on `terms`, as was asked for at `since`; one that is open already gets the new terms.
    ///
    /// # Errors
    /// If pimento was locked or the window closed meanwhile, or the end has passed.
    pub fn open(
        &mut self,
        window: &Name,
        terms: Terms,
        since: Since,
        now: Moment,
    ) -> Result<(), Refusal> {
        self.wanted(window, since)?;
        if terms.until <= now {
            return Err(closed(window));
        }
        let ended = |open: &mut Open| open.terms.until <= now;
        // What no sweep has dropped yet must not come back to life with the new terms.
        self.open
            .extract_if(|name, open| name == window && ended(open))
            .for_each(drop);
        match self.open.get_mut(window) {
            Some(open) => (open.terms, open.since) = (terms, now),
            None => {
                let open = Open {
                    terms,
                    since: now,
                    token: None,
                    held: HashMap::new(),
                };
                self.open.insert(window.clone(), open);
            }
        }
        Ok(())
    }

    /// Whether `window` is open, and nothing locked.
    ///
    /// # Errors
    /// If it is not.
    pub fn standing(&self, window: &Name, now: Moment) -> Result<(), Refusal> {
        self.unlocked()?;
        match self.at(window, now) {
            Some(_) => Ok(()),
            None => Err(closed(window)),
        }
    }

    /// The terms of `window`, if it is open.
    #[must_use]
    pub fn terms(&self, window: &Name, now: Moment) -> Option<&Terms> {
        self.at(window, now).map(|open| &open.terms)
    }

    /// Keeps the vault token that proved to work, for other reads in the same window.
    pub fn keep_token(&mut self, window: &Name, token: Arc<AccessToken>) {
        if let Some(open) = self.open.get_mut(window) {
            open.token = Some(token);
        }
    }

    /// The vault token of an open window.
    #[must_use]
    pub fn token(&self, window: &Name, now: Moment) -> Option<Arc<AccessToken>> {
        let token = self.at(window, now)?.token.as_ref()?;
        (token.expires > now).then(|| Arc::clone(token))
    }

    /// Takes the vault token out, because the vault no longer accepts it.
    pub fn drop_token(&mut self, window: &Name) {
        if let Some(open) = self.open.get_mut(window) {
            open.token = None;
        }
    }

    /// Holds `material` until its window ends, or `valid_until` if that is earlier.
    ///
    /// # Errors
    /// If the window has ended, or pimento was locked, while the material was on its way.
    pub fn admit(
        &mut self,
        credential: &Credential,
        material: Material,
        version: String,
        valid_until: Option<Moment>,
        now: Moment,
    ) -> Result<(), Refusal> {
        self.unlocked()?;
        let ended = || ended(credential);
        let open = self
            .open
            .get_mut(&credential.vault.window.name)
            .ok_or_else(ended)?;
        let until = valid_until.map_or(open.terms.until, |valid| valid.min(open.terms.until));
        if until <= now {
            return Err(ended());
        }
        open.held.insert(
            credential.name.clone(),
            Held {
                material,
                version,
                until,
            },
        );
        Ok(())
    }

    /// Wipes the material of `credential`, of which there is a newer version.
    pub fn forget(&mut self, credential: &Name) {
        for open in self.open.values_mut() {
            open.held.remove(credential);
        }
    }

    /// Whether the material of `credential` can be used now.
    #[must_use]
    pub fn holds(&self, credential: &Credential, now: Moment) -> bool {
        self.held(credential, now).is_some()
    }

    /// The version of the material held, for the record.
    #[must_use]
    pub fn version(&self, credential: &Credential, now: Moment) -> Option<&str> {
        self.held(credential, now).map(|held| held.version.as_str())
    }

    /// The certificate of `credential`, as SSH encodes it, if it has one that can be used now.
    #[must_use]
    pub fn certificate(&self, credential: &Credential, now: Moment) -> Option<&Arc<[u8]>> {
        match &self.held(credential, now)?.material {
            Material::Certified(key) => Some(key.certificate()),
            Material::ClientCertificate(_)
            | Material::Key(_)
            | Material::Password(_)
            | Material::VaultKey(_) => None,
        }
    }

    /// What is odd about the material of each credential that is held.
    #[must_use]
    pub fn oddities(&self, now: Moment) -> Vec<(Name, Oddity)> {
        let open = self.open.values().filter(|open| now < open.terms.until);
        let held = open.flat_map(|open| open.held.iter());
        let mut all: Vec<(Name, Oddity)> = held
            .flat_map(|(name, held)| {
                let odd = held.material.oddities().iter();
                odd.map(|odd| (name.clone(), *odd))
            })
            .collect();
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// When the material of `credential` must not be used any more.
    #[must_use]
    pub fn until(&self, credential: &Credential, now: Moment) -> Option<Moment> {
        self.held(credential, now).map(|held| held.until)
    }

    /// Lets `using` read the material that `grant` was given for.
    ///
    /// # Errors
    /// If pimento is locked, or the window or the material's own validity has ended.
    pub fn with<T>(
        &self,
        grant: &Grant,
        now: Moment,
        using: impl FnOnce(&Material) -> T,
    ) -> Result<T, Refusal> {
        self.unlocked()?;
        let credential = grant.credential();
        let held = self
            .held(credential, now)
            .ok_or_else(|| ended(credential))?;
        Ok(using(&held.material))
    }

    /// Drops whatever has ended, and tells when to look again.
    pub fn expire(&mut self, now: Moment) -> Sweep {
        let ended: Vec<Name> = self
            .open
            .iter()
            .filter(|(_, open)| open.terms.until <= now)
            .map(|(name, _)| name.clone())
            .collect();
        let closed = ended.iter().filter_map(|name| self.close(name)).collect();
        let mut wiped = Vec::new();
        for open in self.open.values_mut() {
            wiped.extend(
                open.held
                    .extract_if(|_, held| held.until <= now)
                    .map(|(name, _)| name),
            );
        }
        let next = self.open.values().flat_map(Open::deadlines).min();
        Sweep {
            closed,
            wiped,
            next,
        }
    }

    /// Closes `window` now.
    pub fn close(&mut self, window: &Name) -> Option<Closed> {
        let open = self.open.remove(window)?;
        let mut wiped: Vec<Name> = open.held.keys().cloned().collect();
        wiped.sort();
        Some(Closed {
            window: window.clone(),
            id: open.terms.id,
            wiped,
        })
    }

    /// Closes every window now, also those that are being opened.
    pub fn close_all(&mut self) -> Vec<Closed> {
        self.closings.all();
        let mut names: Vec<Name> = self.open.keys().cloned().collect();
        names.sort();
        names.iter().filter_map(|name| self.close(name)).collect()
    }

    /// Closes every window and opens none until [`Self::unlock`].
    pub fn lock(&mut self) -> Vec<Closed> {
        self.locked = true;
        self.close_all()
    }

    /// Ends a lock.
    pub const fn unlock(&mut self) {
        self.locked = false;
    }

    /// Whether pimento is locked.
    #[must_use]
    pub const fn locked(&self) -> bool {
        self.locked
    }

    /// Every open window, by name.
    #[must_use]
    pub fn views(&self, now: Moment) -> Vec<View> {
        let mut views: Vec<View> = self
            .open
            .iter()
            .filter(|(_, open)| now < open.terms.until)
            .map(|(name, open)| open.view(name, now))
            .collect();
        views.sort_by(|a, b| a.window.cmp(&b.window));
        views
    }

    /// `window`, if it is open.
    #[must_use]
    pub fn view(&self, window: &Name, now: Moment) -> Option<View> {
        self.at(window, now).map(|open| open.view(window, now))
    }

    fn at(&self, window: &Name, now: Moment) -> Option<&Open> {
        self.open.get(window).filter(|open| now < open.terms.until)
    }

    fn held(&self, credential: &Credential, now: Moment) -> Option<&Held> {
        let open = self.at(&credential.vault.window.name, now)?;
        open.held
            .get(&credential.name)
            .filter(|held| now < held.until)
    }

    const fn unlocked(&self) -> Result<(), Refusal> {
        if self.locked {
            Err(Refusal::Locked)
        } else {
            Ok(())
        }
    }
}

impl Open {
    fn deadlines(&self) -> impl Iterator<Item = Moment> {
        self.held
            .values()
            .map(|held| held.until)
            .chain([self.terms.until])
    }

    fn view(&self, name: &Name, now: Moment) -> View {
        let mut held: Vec<(Name, String)> = self
            .held
            .iter()
            .filter(|(_, held)| now < held.until)
            .map(|(name, held)| (name.clone(), held.version.clone()))
            .collect();
        held.sort();
        View {
            window: name.clone(),
            terms: self.terms.clone(),
            lasts: self.since.until(self.terms.until),
            held,
        }
    }
}

/// The refusal of a window as a whole.
fn closed(window: &Name) -> Refusal {
    Refusal::WindowEnded {
        window: window.to_string(),
        credential: "anything in it".to_owned(),
    }
}

/// The refusal of what its window was needed for.
pub(crate) fn ended(credential: &Credential) -> Refusal {
    Refusal::WindowEnded {
        window: credential.vault.window.name.to_string(),
        credential: credential.name.to_string(),
    }
}

#[cfg(test)]
mod tests;
