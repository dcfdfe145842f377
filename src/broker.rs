//! Opens windows, once per window; fetches material, once per credential; sweeps; locks.
//!
//! Enters: a [`Grant`]. Leaves: "it is there" or a [`Refusal`]. An opening is a task of the broker,
//! not of whoever asked first, so no hang-up cancels what others wait for, and an opening that
//! outlasts an asker's patience goes on for the next attempt to join. What never happens here: a
//! lock held while the network or a human is awaited; an opening without a record.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::audit::{Audit, Event};
use crate::catalog::{Name, WindowSpec};
use crate::clock::{Clock, Moment};
use crate::cloud::{Cloud, CorrelationId, Demands, Rehearsed, StageSink};
use crate::policy::{End, Grant};
use crate::refusal::Refusal;
use crate::requester::Requester;
use crate::secret::Material;
use crate::window::{Closed, Since, Windows};

use flight::Flight;
use refused::Refused;

pub use end::Ended;
pub use inspect::{Condition, Contents};
pub use material::pinned;
pub(crate) use material::unusable;
pub use pace::Pace;
pub use signing::Signing;
pub use store::{Existing, Store};
pub use wish::Wish;

mod certify;
mod desk;
mod end;
mod extend;
mod fetch;
mod flight;
mod inspect;
mod material;
mod opening;
mod pace;
mod patience;
mod refused;
mod shown;
mod signing;
mod step_up;
mod store;
mod wish;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// An ask is answered or refused within this; sshd gives a login 120 s.
    pub answer: Duration,
    /// How long a vault may refuse a membership that PIM reports as active.
    pub propagation: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(60),
            propagation: Duration::from_secs(300),
        }
    }
}

/// The keeper of all windows.
pub struct Broker {
    cloud: Cloud,
    clock: Arc<dyn Clock>,
    audit: Arc<Audit>,
    limits: Limits,
    pace: Pace,
    /// The windows that the user turned out to hold for good.
    standing: Mutex<BTreeSet<Name>>,
    /// Read while material is used, so that signatures are made on all cores at once; whoever
    /// wipes waits for those under way, and nobody uses what was wiped.
    windows: RwLock<Windows>,
    flights: Mutex<Flights>,
    /// Tells the sweeper that a deadline was added.
    changed: Notify,
    /// Tells whoever watches that a window opens, closed or got material.
    seen: watch::Sender<()>,
    /// The flights under way; they end with the broker's work, not with whoever asked.
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Flights {
    openings: HashMap<Name, Arc<Flight>>,
    fetches: HashMap<Name, Arc<Flight>>,
    refused_openings: Refused,
    refused_fetches: Refused,
}

impl Broker {
    /// A broker with nothing open.
    #[must_use]
    pub fn new(
        cloud: Cloud,
        clock: Arc<dyn Clock>,
        audit: Arc<Audit>,
        limits: Limits,
        pace: Pace,
    ) -> Arc<Self> {
        Arc::new(Self {
            cloud,
            clock,
            audit,
            limits,
            pace,
            standing: Mutex::default(),
            windows: RwLock::default(),
            flights: Mutex::default(),
            changed: Notify::new(),
            seen: watch::Sender::new(()),
            tasks: Mutex::default(),
        })
    }

    /// Waits until the material of `grant` can be used, opening and fetching what is missing;
    /// `person` is who may have to sign in again for it. Tells when the answer is due; whoever
    /// only prepares waits for as long as the opening takes: no server counts yet.
    ///
    /// # Errors
    /// Why it cannot be used, or [`Refusal::NotInTime`] and [`Refusal::AwaitingApproval`] when
    /// the time is up; the opening then goes on.
    pub async fn ready(
        self: &Arc<Self>,
        grant: &Grant,
        id: CorrelationId,
        person: &Requester,
        stages: &dyn StageSink,
    ) -> Result<Option<Moment>, Refusal> {
        let asked = self.clock.now();
        let prepares = matches!(grant.end(), End::Prepare { .. });
        let due = (!prepares).then(|| asked.after(self.limits.answer));
        let since = self.asked_for(&grant.credential().vault.window)?;
        if self.windows().holds(grant.credential(), asked) {
            return Ok(due);
        }
        self.flights()
            .refused_fetches
            .again(&grant.credential().name, asked)?;
        let flight = self.fetch_flight(grant, since, id, person);
        let vault = &grant.credential().vault;
        tokio::select! {
            landed = flight.landed(stages) => landed.map(|()| due),
            () = self.overdue(due) => Err(self.too_late(flight.stage(), &vault.window)),
            outage = self.outage(vault, asked) => Err(outage),
        }
    }

    /// Whether [`Self::ready`] would begin with a new opening of the grant's window.
    #[must_use]
    pub fn would_open(&self, grant: &Grant) -> bool {
        let (credential, now) = (grant.credential(), self.clock.now());
        let window = &credential.vault.window.name;
        let windows = self.windows();
        if windows.locked() || windows.terms(window, now).is_some() {
            return false;
        }
        drop(windows);
        let flights = self.flights();
        !flights.openings.contains_key(window)
            && flights.refused_openings.again(window, now).is_ok()
            && flights.refused_fetches.again(&credential.name, now).is_ok()
    }

    /// Opens `window` without fetching anything; for longer, if it is open and that is wanted.
    /// Returns once it is open, however long that takes.
    ///
    /// # Errors
    /// Why it does not open.
    pub async fn open(
        self: &Arc<Self>,
        window: &Arc<WindowSpec>,
        wish: Wish,
        stages: &dyn StageSink,
    ) -> Result<(), Refusal> {
        let since = self.asked_for(window)?;
        let terms = self
            .windows()
            .terms(&window.name, self.clock.now())
            .cloned();
        match terms {
            Some(terms) if wish.extends => {
                return self.extend(window, &terms, wish, since, stages).await;
            }
            Some(_) => return Ok(()),
            None => {}
        }
        // Whoever asks by hand has just mended the network, or wants to know.
        self.cloud.reach.retry_now();
        let flight = self.opening_flight(window, wish, since);
        flight.landed(stages).await
    }

    /// Lets `using` read the material, if it is there at this very moment.
    ///
    /// # Errors
    /// If the window ended or pimento was locked since [`Self::ready`] returned.
    pub fn with<T>(&self, grant: &Grant, using: impl FnOnce(&Material) -> T) -> Result<T, Refusal> {
        let windows = self.windows();
        windows.with(grant, self.clock.now(), using)
    }

    /// What the policy of `window` asks of those who open it; `None` if that cannot be read: PIM
    /// itself still refuses what lacks.
    pub async fn demands(&self, window: &Arc<WindowSpec>, id: CorrelationId) -> Option<Demands> {
        let demands = self.cloud.pim.demands(window, id).await;
        let unread = |refusal: &Refusal| {
            tracing::info!(%refusal, window = %window.name, "the policy cannot be read");
        };
        demands.inspect_err(unread).ok()
    }

    /// Forgets what was refused for want of a sign-in to `tenant`: somebody has signed in.
    pub fn signed_in(&self, tenant: &Name) {
        let mut flights = self.flights();
        flights.refused_openings.signed_in(tenant);
        flights.refused_fetches.signed_in(tenant);
    }

    /// What PIM would say to an opening of `window`; opens nothing.
    ///
    /// # Errors
    /// As an opening would be refused.
    pub async fn rehearse(
        &self,
        window: &Arc<WindowSpec>,
        wish: Wish,
    ) -> Result<Rehearsed, Refusal> {
        let activation = wish.activation(window)?;
        self.cloud.reach.retry_now();
        self.cloud.pim.rehearse(&activation).await
    }

    /// Wipes everything at once; PIM's own end stands.
    pub fn wipe(&self, why: &str) -> usize {
        let closed = self.windows_mut().close_all();
        self.tell_closed(&closed, why);
        closed.len()
    }

    /// Wipes everything and abandons every opening; nothing of it runs on when this returns.
    pub async fn stop(&self) {
        let mut tasks = std::mem::take(&mut *self.tasks());
        tasks.shutdown().await;
        self.wipe("the agent stops");
    }

    /// Wipes everything and refuses until [`Self::unlock`].
    pub fn lock(&self) -> usize {
        let closed = self.windows_mut().lock();
        self.tell_closed(&closed, "locked");
        self.seen.send_replace(());
        closed.len()
    }

    /// Ends a lock.
    pub fn unlock(&self) {
        self.windows_mut().unlock();
        self.seen.send_replace(());
    }

    /// Whether pimento is locked.
    #[must_use]
    pub fn locked(&self) -> bool {
        self.windows().locked()
    }

    /// Wipes what ends, when it ends; never returns.
    ///
    /// Sleeps on the boot clock, so it wakes right after a resume.
    pub async fn sweep(&self) {
        loop {
            let changed = self.changed.notified();
            match self.drop_ended() {
                Some(next) => tokio::select! {
                    () = self.clock.sleep_until(next) => {}
                    () = changed => {}
                },
                None => changed.await,
            }
        }
    }

    /// Wipes what has ended; tells when the next end is.
    fn drop_ended(&self) -> Option<Moment> {
        let sweep = self.windows_mut().expire(self.clock.now());
        self.tell_closed(&sweep.closed, "ended");
        sweep.next
    }

    /// How things stand for whoever asks for `window` now; whoever closes it later has the last word.
    fn asked_for(&self, window: &WindowSpec) -> Result<Since, Refusal> {
        let windows = self.windows();
        match windows.locked() {
            true => Err(Refusal::Locked),
            false => Ok(windows.since(&window.name)),
        }
    }

    fn tell_closed(&self, closed: &[Closed], why: &str) {
        if !closed.is_empty() {
            self.seen.send_replace(());
        }
        for closed in closed {
            tracing::info!(window = %closed.window, wiped = closed.wiped.len(), why, "window closed");
            // The wipe has happened; that it cannot be recorded is told, and stops nothing.
            if let Err(refusal) = self.audit.record(Event::closed(closed, why)) {
                tracing::error!(%refusal, "the end of a window was not recorded");
            }
        }
    }

    /// Runs a flight on its own.
    fn run(&self, flight: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(flight);
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // A poisoned lock would mean that a closure panicked while it read material. The maps are
    // consistent at every point where that can happen, and refusing to wipe would be worse.
    fn windows(&self) -> RwLockReadGuard<'_, Windows> {
        self.windows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn windows_mut(&self) -> RwLockWriteGuard<'_, Windows> {
        self.windows.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
