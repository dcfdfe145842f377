//! The keys that clients have added.
//!
//! In go private keys with their constraints, out come public keys to list and private keys to
//! sign with, both only as the constraints allow. A key is wiped when its lifetime ends, at use
//! and by a sweep, as a window's material is. What never happens here: a constraint that is taken
//! and not enforced.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use ssh_key::Certificate;
use tokio::sync::Notify;

use super::bind::Bound;
use super::constraint::Constraints;
use super::message::Identity;
use crate::certify::{CertificateProblem, is_signed};
use crate::clock::{Clock, Moment};
use crate::secret::private_key::{KeyProblem, PrivateKey};
use crate::wire::Wire;

/// All added keys, in the order in which they came.
#[derive(Debug)]
pub struct Keyring {
    clock: Arc<dyn Clock>,
    /// How long a key is held whose client has not said.
    lifetime: Option<Duration>,
    keys: RwLock<Vec<Arc<AddedKey>>>,
    /// Tells the sweeper that a deadline was added.
    changed: Notify,
}

/// A key that a client has added.
pub struct AddedKey {
    /// What it is listed as.
    pub identity: Identity,
    /// What signs.
    pub key: PrivateKey,
    /// What limits its use.
    pub constraints: Constraints,
    until: Option<Moment>,
}

/// Why a key was not added.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddProblem {
    /// Its certificate.
    #[error("its certificate: {0}")]
    Certificate(#[from] CertificateProblem),
    /// It would make clients reject the list.
    #[error("its comment holds a NUL")]
    Comment,
    /// A limit that is not understood, or broken.
    #[error("a constraint is malformed or not supported, so it could not be kept")]
    Constraint,
    /// More keys than a client can list.
    #[error("{MOST_KEYS} keys are held already")]
    Full,
    /// The key itself.
    #[error("{0}")]
    Key(#[from] KeyProblem),
    /// It is there, and its constraints hide it from this client.
    #[error("the key is there, for other destinations")]
    Hidden,
    /// It is one of the configuration's keys, and its rules must not be got around.
    #[error("the key is one of the configuration's; its rules stay as they are")]
    Configured,
}

impl Keyring {
    /// An empty one. Keys that come without a lifetime get `lifetime`.
    #[must_use]
    pub const fn new(clock: Arc<dyn Clock>, lifetime: Option<Duration>) -> Self {
        Self {
            clock,
            lifetime,
            keys: RwLock::new(Vec::new()),
            changed: Notify::const_new(),
        }
    }

    /// Adds the key of an ADD message, for a client whose connection is bound like this. One that is
    /// there already, and that this client may see, gets the new comment and
    /// constraints (RFC 9987 section 5.2.7: they replace the old ones).
    ///
    /// # Errors
    /// If it is no usable key, or a constraint is not understood. Nothing is changed then.
    pub fn add(
        &self,
        content: &[u8],
        bound: &Bound,
        configured: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Arc<AddedKey>, AddProblem> {
        let mut wire = Wire::new(content);
        let (key, blob) = PrivateKey::read_added(&mut wire)?;
        let comment = wire.string().map_err(KeyProblem::from)?;
        // Before what another agent may understand: it must not have these either.
        if configured(&blob) {
            return Err(AddProblem::Configured);
        }
        // One with a NUL makes OpenSSH's clients reject the whole list.
        if comment.contains(&0) {
            return Err(AddProblem::Comment);
        }
        if let Ok(certificate) = Certificate::from_bytes(&blob) {
            is_signed(&certificate)?;
        }
        let constraints = Constraints::parse(wire).map_err(|_| AddProblem::Constraint)?;
        let lifetime = constraints.lifetime.or(self.lifetime);
        let added = Arc::new(AddedKey {
            identity: Identity {
                key_blob: blob.into(),
                comment: comment.into(),
            },
            key,
            constraints,
            until: lifetime.map(|lifetime| self.clock.now().after(lifetime)),
        });
        self.put(&added, bound)?;
        self.changed.notify_one();
        Ok(added)
    }

    fn put(&self, added: &Arc<AddedKey>, bound: &Bound) -> Result<(), AddProblem> {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut keys = self.write();
        let same = |known: &&mut Arc<AddedKey>| known.identity.key_blob == added.identity.key_blob;
        if let Some(known) = keys.iter_mut().find(same) {
            // A host that the agent is forwarded to must not take constraints off.
            if known.holds(now) && !known.constraints.may_list(bound, wall) {
                return Err(AddProblem::Hidden);
            }
            *known = Arc::clone(added);
        } else if keys.len() == MOST_KEYS {
            return Err(AddProblem::Full);
        } else {
            keys.push(Arc::clone(added));
        }
        Ok(())
    }

    /// Appends the keys that may be listed on a connection that is bound like this.
    pub fn list(&self, bound: &Bound, out: &mut Vec<Identity>) {
        let keys = self.read();
        if keys.is_empty() {
            return;
        }
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let listed = keys
            .iter()
            .filter(|key| key.holds(now) && key.constraints.may_list(bound, wall));
        out.extend(listed.map(|key| key.identity.clone()));
    }

    /// The key with this public key or certificate, if it is still held.
    #[must_use]
    pub fn find(&self, blob: &[u8]) -> Option<Arc<AddedKey>> {
        let keys = self.read();
        let found = keys.iter().find(|key| *key.identity.key_blob == *blob)?;
        found.holds(self.clock.now()).then(|| Arc::clone(found))
    }

    /// Forgets a key, for a client whose connection is bound like this; whether there was one that
    /// it may see.
    pub fn remove(&self, blob: &[u8], bound: &Bound) -> bool {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        let mut keys = self.write();
        let seen = |key: &Arc<AddedKey>| {
            *key.identity.key_blob == *blob && key.constraints.may_list(bound, wall)
        };
        let Some(at) = keys.iter().position(seen) else {
            return false;
        };
        keys.remove(at).holds(now)
    }

    /// Forgets every key.
    pub fn remove_all(&self) {
        self.write().clear();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    /// Wipes keys when their lifetime ends; never returns.
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
        let now = self.clock.now();
        let mut keys = self.write();
        keys.retain(|key| key.holds(now));
        keys.iter().filter_map(|key| key.until).min()
    }

    // A poisoned lock would mean a panic between two steps of a change; there are none.
    fn read(&self) -> RwLockReadGuard<'_, Vec<Arc<AddedKey>>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Arc<AddedKey>>> {
        self.keys.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AddedKey {
    fn holds(&self, now: Moment) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl std::fmt::Debug for AddedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AddedKey")
            .field("identity", &self.identity)
            .field("constraints", &self.constraints)
            .finish_non_exhaustive()
    }
}

/// OpenSSH's clients take no longer list.
const MOST_KEYS: usize = 2048;

#[cfg(test)]
mod tests;
