//! A clock that stands still until a test moves it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::sync::watch;

use super::{Clock, Moment};

/// A clock that stands still until [`Self::pass`].
#[derive(Debug)]
pub(crate) struct ManualClock {
    now: watch::Sender<Moment>,
    /// How many sleep until each moment.
    sleepers: watch::Sender<BTreeMap<Moment, usize>>,
    waking: Mutex<()>,
}

impl ManualClock {
    pub(crate) fn new() -> Self {
        Self {
            now: watch::Sender::new(Moment::since_boot(Duration::from_secs(1000))),
            sleepers: watch::Sender::default(),
            waking: Mutex::new(()),
        }
    }

    /// Lets `span` pass, as soon as somebody sleeps until a moment in it.
    pub(crate) async fn pass(&self, span: Duration) {
        let now = self.now();
        let end = now.after(span);
        let mut sleepers = self.sleepers.subscribe();
        let due = |sleepers: &BTreeMap<Moment, usize>| {
            // One that is due already has yet to notice; what it does next may be to sleep again.
            sleepers
                .first_key_value()
                .is_some_and(|(at, _)| (now < *at) && (*at <= end))
        };
        sleepers.wait_for(due).await.unwrap();
        self.jump(span);
    }

    /// Lets `span` pass at once.
    pub(crate) fn jump(&self, span: Duration) {
        let _waking = self.waking.lock().unwrap();
        self.now.send_modify(|now| *now = now.after(span));
    }
}

struct Asleep<'a>(&'a ManualClock, Moment);

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        self.0.sleepers.send_modify(|sleepers| {
            let count = sleepers.get_mut(&self.1).unwrap();
            *count -= 1;
            if *count == 0 {
                sleepers.remove(&self.1);
            }
        });
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Moment {
        *self.now.borrow()
    }

    fn wall(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    async fn sleep_until(&self, at: Moment) {
        let mut now = self.now.subscribe();
        if *now.borrow_and_update() >= at {
            return;
        }
        self.sleepers
            .send_modify(|sleepers| *sleepers.entry(at).or_default() += 1);
        let _asleep = Asleep(self, at);
        now.wait_for(|now| *now >= at).await.unwrap();
    }
}
