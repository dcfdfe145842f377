//! A clock that runs faster than the machine's, and that tests can set forward.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use pimento::clock::{Clock, Moment};
use tokio::sync::watch;

/// Time for a whole world: the agent and the cloud it talks to.
#[derive(Debug)]
pub struct WorldClock {
    started: Instant,
    epoch: Timestamp,
    speed: u32,
    /// What was added by [`Self::advance`].
    ahead: watch::Sender<Duration>,
    /// What was added to the wall clock alone.
    wall_ahead: Mutex<jiff::SignedDuration>,
}

impl WorldClock {
    /// A clock that runs `speed` times as fast as the machine's.
    pub fn new(speed: u32) -> Self {
        Self::behind(speed, jiff::SignedDuration::ZERO)
    }

    /// The same, for a world in which it is `by` earlier than it is.
    pub fn behind(speed: u32, by: jiff::SignedDuration) -> Self {
        Self {
            started: Instant::now(),
            epoch: Timestamp::now() - by,
            speed,
            ahead: watch::Sender::new(Duration::ZERO),
            wall_ahead: Mutex::default(),
        }
    }

    /// Lets `span` pass at once, as a suspend does.
    pub fn advance(&self, span: Duration) {
        self.ahead.send_modify(|ahead| *ahead += span);
    }

    /// Sets the wall clock alone, as a person or a time server does.
    pub fn set_wall_ahead(&self, by: jiff::SignedDuration) {
        *self.wall_ahead.lock().unwrap() = by;
    }

    /// Time in this world since it began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed() * self.speed + *self.ahead.borrow()
    }

    /// The true wall time of this world, which the cloud goes by.
    pub fn true_wall(&self) -> Timestamp {
        self.epoch + self.elapsed()
    }
}

#[async_trait]
impl Clock for WorldClock {
    fn now(&self) -> Moment {
        Moment::since_boot(Duration::from_secs(10_000) + self.elapsed())
    }

    fn wall(&self) -> Timestamp {
        self.true_wall() + *self.wall_ahead.lock().unwrap()
    }

    async fn sleep_until(&self, at: Moment) {
        let mut ahead = self.ahead.subscribe();
        while self.now() < at {
            ahead.mark_unchanged();
            let left = self.now().until(at) / self.speed;
            tokio::select! {
                () = tokio::time::sleep(left.max(Duration::from_micros(100))) => {}
                _ = ahead.changed() => {}
            }
        }
    }
}
