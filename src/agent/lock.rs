//! The lock with a passphrase (RFC 9987 section 5.5): while it is on, nothing is listed or signed.
//!
//! In go passphrases, out comes whether one was right. Guessing is slow: each wrong one makes the
//! next wait longer, whoever asks, and nobody waits but those who unlock. What never happens here:
//! a passphrase kept, or compared in a time that tells how much of it was right.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::SHA512_OUTPUT_LEN;
use aws_lc_rs::pbkdf2::{PBKDF2_HMAC_SHA512, derive, verify};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};

use crate::clock::{Clock, Moment};
use crate::secret::locked::LockedBytes;

/// The lock of one agent.
#[derive(Debug)]
pub struct Lock {
    clock: Arc<dyn Clock>,
    /// Looked at for each request, so it is not behind the mutex.
    on: AtomicBool,
    passphrase: Mutex<Option<Hashed>>,
    /// Held while an attempt waits and is judged, so that attempts follow one another.
    attempts: tokio::sync::Mutex<Attempts>,
}

#[derive(Debug)]
struct Hashed {
    salt: [u8; 16],
    hash: LockedBytes,
}

#[derive(Debug, Default)]
struct Attempts {
    wrong: u32,
    not_before: Option<Moment>,
}

impl Lock {
    /// Not locked.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            on: AtomicBool::new(false),
            passphrase: Mutex::default(),
            attempts: tokio::sync::Mutex::default(),
        }
    }

    /// Whether it is on.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    /// Locks; false if it was locked already, which keeps its passphrase.
    pub fn lock(&self, passphrase: &[u8]) -> bool {
        let mut known = self.known();
        if known.is_some() {
            return false;
        }
        let Some(hashed) = Hashed::of(passphrase) else {
            return false;
        };
        *known = Some(hashed);
        self.on.store(true, Ordering::Release);
        true
    }

    /// Unlocks, if this is the passphrase. After wrong ones it waits first; giving up the wait
    /// changes nothing.
    pub async fn unlock(&self, passphrase: &[u8]) -> bool {
        let mut attempts = self.attempts.lock().await;
        if let Some(not_before) = attempts.not_before {
            self.clock.sleep_until(not_before).await;
        }
        let mut known = self.known();
        let Some(hashed) = known.as_ref() else {
            return false;
        };
        if hashed.is_of(passphrase) {
            *known = None;
            *attempts = Attempts::default();
            self.on.store(false, Ordering::Release);
            return true;
        }
        attempts.wrong = attempts.wrong.saturating_add(1);
        let delay = DELAY.saturating_mul(attempts.wrong).min(LONGEST_DELAY);
        attempts.not_before = Some(self.clock.now().after(delay));
        false
    }

    // Poisoned by nothing: no code under this lock can panic.
    fn known(&self) -> MutexGuard<'_, Option<Hashed>> {
        self.passphrase
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hashed {
    /// `None` if the system has no random numbers.
    fn of(passphrase: &[u8]) -> Option<Self> {
        let mut salt = [0; 16];
        SystemRandom::new().fill(&mut salt).ok()?;
        let mut hash = zeroize::Zeroizing::new([0; SHA512_OUTPUT_LEN]);
        derive(PBKDF2_HMAC_SHA512, ROUNDS, &salt, passphrase, &mut *hash);
        Some(Self {
            salt,
            hash: LockedBytes::copy_of(&*hash),
        })
    }

    fn is_of(&self, passphrase: &[u8]) -> bool {
        verify(
            PBKDF2_HMAC_SHA512,
            ROUNDS,
            &self.salt,
            passphrase,
            &self.hash,
        )
        .is_ok()
    }
}

/// A millisecond or so: the hash never leaves this process, the delays do the work.
const ROUNDS: NonZeroU32 = NonZeroU32::new(1000).unwrap();
/// What each wrong passphrase adds to the wait for the next; as OpenSSH's agent, which waits
/// before it answers and stalls everybody else meanwhile.
const DELAY: Duration = Duration::from_millis(100);
const LONGEST_DELAY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
