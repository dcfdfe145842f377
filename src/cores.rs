//! Who may use a core for long.
//!
//! An RSA signature takes a hundred times as long as one with Ed25519. Heavy work waits for its
//! turn, one more at once than there are cores, and is done on a thread that the runtime does not
//! count on, so that light work of others goes on between. Light work is done where it is asked
//! for, without any switch.

use ssh_key::Algorithm;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, SemaphorePermit};

/// How long a piece of work takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Microseconds.
    Light,
    /// Up to milliseconds.
    Heavy,
}

impl Weight {
    /// What a signature with such a key costs.
    #[must_use]
    pub const fn of(algorithm: &Algorithm) -> Self {
        match algorithm {
            Algorithm::Rsa { .. } => Self::Heavy,
            _ => Self::Light,
        }
    }
}

/// The cores of this machine.
#[derive(Debug)]
pub struct Cores {
    heavy: Semaphore,
}

/// A turn on a core.
#[derive(Debug)]
#[must_use]
pub struct Turn<'a>(Option<SemaphorePermit<'a>>);

impl Default for Cores {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            // One more, so that no core stands still while a turn is handed from task to task.
            heavy: Semaphore::new(cores + 1),
        }
    }
}

impl Cores {
    /// Waits for a turn; light work has it at once.
    pub async fn turn(&self, weight: Weight) -> Turn<'_> {
        match weight {
            Weight::Light => Turn(None),
            // The semaphore is never closed, so there is always a permit.
            Weight::Heavy => Turn(self.heavy.acquire().await.ok()),
        }
    }
}

impl Turn<'_> {
    /// Does the work.
    pub fn run<T>(self, work: impl FnOnce() -> T) -> T {
        let others_can_go_on = Handle::try_current()
            .is_ok_and(|runtime| runtime.runtime_flavor() == RuntimeFlavor::MultiThread);
        if self.0.is_some() && others_can_go_on {
            tokio::task::block_in_place(work)
        } else {
            work()
        }
    }
}
