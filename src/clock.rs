//! The one place where a clock is read.
//!
//! Deadlines are [`Moment`]s: time since boot, *with* the time the machine was suspended
//! (CLOCK_BOOTTIME), so neither a laptop's lid nor a changed wall clock lengthens a window.
//! Wall time is only ever printed or sent; no decision compares it.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// A point in time on the boot clock, suspend included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The moment `since_boot` after the machine started.
    #[must_use]
    pub const fn since_boot(since_boot: Duration) -> Self {
        Self(since_boot)
    }

    /// This moment and `span` more; the far end of time if that overflows.
    #[must_use]
    pub const fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }

    /// How long from this moment until `later`; zero if `later` has passed.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }

    /// Time since boot.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        self.0
    }
}

#[cfg(test)]
pub(crate) mod manual;

/// Where the program gets its time from.
#[async_trait]
pub trait Clock: Send + Sync + Debug {
    /// Now, on the boot clock.
    fn now(&self) -> Moment;

    /// Now, on the wall clock; for records and requests only.
    fn wall(&self) -> Timestamp;

    /// Returns once [`Self::now`] has reached `at`, also when the machine slept meanwhile.
    async fn sleep_until(&self, at: Moment);

    /// Returns after `span`.
    async fn sleep(&self, span: Duration) {
        self.sleep_until(self.now().after(span)).await;
    }
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Moment {
        boot_time()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep_until(&self, at: Moment) {
        #[cfg(target_os = "linux")]
        if timer(at).await.is_ok() {
            return;
        }
        // Tokio's timers stand still while the machine sleeps, so no sleep may be long.
        while self.now() < at {
            tokio::time::sleep(self.now().until(at).min(LONGEST_NAP)).await;
        }
    }
}

/// A timer of the kernel on CLOCK_BOOTTIME: it is due right after a resume.
#[cfg(target_os = "linux")]
async fn timer(at: Moment) -> std::io::Result<()> {
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{Interest, unix::AsyncFd};

    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
    // A value of zero would disarm the timer instead of making it due at once.
    let at = at.as_duration().max(Duration::from_nanos(1));
    let due = Itimerspec {
        it_interval: Timespec::default(),
        it_value: Timespec::try_from(at).map_err(std::io::Error::other)?,
    };
    timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &due)?;
    // The safe constructor is deprecated for types that do not keep their descriptor; OwnedFd does.
    #[expect(deprecated, reason = "its successor is an unsafe function")]
    let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
    let _due = timer.readable().await?;
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn boot_time() -> Moment {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::Boottime);
    Moment(Duration::try_from(now).unwrap_or_default())
}

/// macOS: CLOCK_MONOTONIC goes on while the machine sleeps.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn boot_time() -> Moment {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::Monotonic);
    Moment(Duration::try_from(now).unwrap_or_default())
}

/// Windows: the performance counter behind `Instant` goes on while the machine sleeps.
#[cfg(windows)]
fn boot_time() -> Moment {
    use std::{sync::OnceLock, time::Instant};
    static START: OnceLock<Instant> = OnceLock::new();
    // Not zero at start, so that a moment a little before now can be told.
    Moment(START.get_or_init(Instant::now).elapsed() + Duration::from_secs(86_400))
}

/// Where the kernel's timer cannot be had: how late a resume may be noticed.
const LONGEST_NAP: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_in_the_past_is_zero_away() {
        let early = Moment::since_boot(Duration::from_secs(1));
        let late = early.after(Duration::from_secs(5));
        assert_eq!(early.until(late), Duration::from_secs(5));
        assert_eq!(late.until(early), Duration::ZERO);
    }

    #[test]
    fn a_span_without_end_does_not_overflow() {
        let now = Moment::since_boot(Duration::from_secs(1));
        assert!(now.after(Duration::MAX) > now);
    }

    #[tokio::test]
    async fn a_sleep_until_a_moment_in_the_past_returns_at_once() {
        let clock = SystemClock;
        clock.sleep_until(Moment::since_boot(Duration::ZERO)).await;
        clock.sleep_until(clock.now()).await;
    }

    #[tokio::test]
    async fn a_sleep_is_over_only_after_its_moment() {
        let clock = SystemClock;
        let at = clock.now().after(Duration::from_millis(20));
        clock.sleep_until(at).await;
        assert!(clock.now() >= at);
    }
}
