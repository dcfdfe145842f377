//! What the broker shows: windows, openings, hosts that are out. Nothing here changes anything.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::Broker;
use crate::catalog::{Credential, Name};
use crate::cloud::{Outage, Stage};
use crate::policy::Grant;
use crate::refusal::Refusal;
use crate::secret::Oddity;
use crate::window::{Terms, View};

impl Broker {
    /// The version of the material held.
    #[must_use]
    pub fn version(&self, credential: &Credential) -> Option<String> {
        self.windows()
            .version(credential, self.clock.now())
            .map(str::to_owned)
    }

    /// The certificate of `credential`, as SSH encodes it, if it has one that can be used now.
    #[must_use]
    pub fn certificate(&self, credential: &Credential) -> Option<Arc<[u8]>> {
        let windows = self.windows();
        windows.certificate(credential, self.clock.now()).cloned()
    }

    /// What is odd about the material of each credential that is held.
    #[must_use]
    pub fn oddities(&self) -> Vec<(Name, Oddity)> {
        self.windows().oddities(self.clock.now())
    }

    /// How much longer the material of `credential` may be used.
    #[must_use]
    pub fn usable_for(&self, credential: &Credential) -> Duration {
        let now = self.clock.now();
        let until = self.windows().until(credential, now);
        until.map_or(Duration::ZERO, |until| now.until(until))
    }

    /// The hosts of the cloud that do not answer.
    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        self.cloud.reach.outages()
    }

    /// Lets those be tried at once.
    pub fn retry_now(&self) {
        self.cloud.reach.retry_now();
    }

    /// The windows that the user holds for good, as far as an opening has shown it.
    #[must_use]
    pub fn standing(&self) -> Vec<Name> {
        let standing = self.standing.lock();
        let standing = standing.unwrap_or_else(PoisonError::into_inner);
        standing.iter().cloned().collect()
    }

    /// What is open now.
    #[must_use]
    pub fn views(&self) -> Vec<View> {
        self.windows().views(self.clock.now())
    }

    /// `window`, if it is open now.
    #[must_use]
    pub fn view(&self, window: &Name) -> Option<View> {
        self.windows().view(window, self.clock.now())
    }

    /// How far the opening of `window` has come, if it is under way.
    #[must_use]
    pub fn opening(&self, window: &Name) -> Option<Stage> {
        self.flights()
            .openings
            .get(window)
            .map(|flight| flight.stage())
    }

    /// The refusal that an ask with `grant` would get again without a look at the cloud.
    #[must_use]
    pub fn refused_before(&self, grant: &Grant) -> Option<Refusal> {
        let (credential, now) = (grant.credential(), self.clock.now());
        if self.windows().holds(credential, now) {
            return None;
        }
        let flights = self.flights();
        let fetch = flights.refused_fetches.again(&credential.name, now);
        let opening = || {
            let window = &credential.vault.window.name;
            flights.refused_openings.again(window, now)
        };
        fetch.and_then(|()| opening()).err()
    }

    /// Whether `window` is closed only to be opened for longer.
    #[must_use]
    pub fn extends(&self, window: &Name) -> bool {
        let flights = self.flights();
        let opening = flights.openings.get(window);
        opening.is_some_and(|flight| flight.extends)
    }

    /// How much is left of a window with these terms.
    #[must_use]
    pub fn left(&self, terms: &Terms) -> Duration {
        self.clock.now().until(terms.until)
    }

    /// How far the opening of each window has come that is not open yet.
    #[must_use]
    pub fn openings(&self) -> Vec<(Name, Stage)> {
        let flights = self.flights();
        flights
            .openings
            .iter()
            .map(|(name, flight)| (name.clone(), flight.stage()))
            .collect()
    }

    /// Tells when a window begins to open, has come further, has opened, closed or got material, and when
    /// pimento is locked.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<()> {
        self.seen.subscribe()
    }
}
