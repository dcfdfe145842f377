//! Which hosts of the cloud answer: a circuit breaker for each.
//!
//! Enters: how calls ended. Leaves: whether a call may be made now, and what is out. A host that
//! gave no answer is left alone for a while, and whoever needs it is refused at once instead of
//! waiting through the same time-outs; then one call tries it again. What never happens here: a
//! call, or a wait.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, Moment};
use crate::refusal::{Refusal, Service};

/// What is known of the cloud's hosts.
#[derive(Debug)]
pub struct Reach {
    clock: Arc<dyn Clock>,
    out: Mutex<BTreeMap<String, Out>>,
}

/// A host that did not answer when it was last asked.
#[derive(Clone, Debug)]
struct Out {
    service: Service,
    since: Timestamp,
    why: String,
    /// How often it was tried without an answer.
    tried: u32,
    /// When the next call may try it.
    again: Moment,
}

/// A host that is out, as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    /// Whose host it is.
    pub service: Service,
    /// The host.
    pub host: String,
    /// Since when; for display.
    pub since: Timestamp,
    /// Why the last call failed.
    pub why: String,
    /// How long it is left alone.
    pub rest: Duration,
}

impl Reach {
    /// Everything can be reached, until a call fails.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            out: Mutex::default(),
        }
    }

    /// What is out now.
    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        let now = self.clock.now();
        let out = self.out();
        out.iter().map(|(host, it)| it.outage(host, now)).collect()
    }

    /// The first of `hosts` that is out.
    #[must_use]
    pub fn outage(&self, hosts: &[&str]) -> Option<Outage> {
        let (out, now) = (self.out(), self.clock.now());
        let (host, found) = hosts
            .iter()
            .find_map(|host| out.get(*host).map(|found| (*host, found)))?;
        Some(found.outage(host, now))
    }

    /// Lets the next call to each host try it at once: somebody asks for it by hand.
    pub fn retry_now(&self) {
        let now = self.clock.now();
        self.out().values_mut().for_each(|out| out.again = now);
    }

    /// Whether a call to `host` may be made; if it has rested, this call is the one that tries it.
    pub(super) fn admit(&self, host: &str) -> Result<(), Refusal> {
        let now = self.clock.now();
        let mut all = self.out();
        let Some(out) = all.get_mut(host) else {
            return Ok(());
        };
        if now < out.again {
            return Err(out.outage(host, now).refusal());
        }
        out.again = now.after(rest(out.tried));
        Ok(())
    }

    /// Whether `host` is out, so that a failed call is not worth repeating.
    pub(super) fn is_out(&self, host: &str) -> bool {
        self.out().contains_key(host)
    }

    /// Takes note that `host` answered.
    pub(super) fn answered(&self, host: &str) {
        if let Some(out) = self.out().remove(host) {
            tracing::info!(%host, since = %out.since, "answers again");
        }
    }

    /// Takes note that `host` gave no answer, however often it was asked.
    pub(super) fn failed(&self, service: Service, host: &str, why: &str) {
        let (now, since) = (self.clock.now(), self.clock.wall());
        let mut all = self.out();
        let out = all.entry(host.to_owned()).or_insert_with(|| Out {
            service,
            since,
            why: String::new(),
            tried: 0,
            again: now,
        });
        why.clone_into(&mut out.why);
        out.tried = out.tried.saturating_add(1);
        out.again = now.after(rest(out.tried));
        tracing::warn!(%host, why, "does not answer");
    }

    fn out(&self) -> MutexGuard<'_, BTreeMap<String, Out>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Out {
    fn outage(&self, host: &str, now: Moment) -> Outage {
        Outage {
            service: self.service,
            host: host.to_owned(),
            since: self.since,
            why: self.why.clone(),
            rest: now.until(self.again),
        }
    }
}

impl Outage {
    /// The refusal for what needs this host.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        Refusal::Unreachable {
            service: self.service,
            why: self.to_string(),
        }
    }
}

impl std::fmt::Display for Outage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let since = self.since.strftime("%H:%M:%S UTC");
        write!(f, "no answer of {} since {since}, ", self.host)?;
        match self.rest.as_secs_f64().ceil() {
            seconds if seconds > 0.0 => write!(f, "tried again in {seconds} s")?,
            _ => f.write_str("being tried again")?,
        }
        write!(f, " ({})", self.why)
    }
}

/// How long a host is left alone after `tried` tries without an answer.
fn rest(tried: u32) -> Duration {
    let doubled = SHORTEST_REST.saturating_mul(2_u32.saturating_pow(tried.saturating_sub(1)));
    doubled.min(LONGEST_REST)
}

/// Short: a laptop that just woke up has its network a moment later.
const SHORTEST_REST: Duration = Duration::from_secs(5);

/// No longer: trying costs whoever asks next two seconds at most.
const LONGEST_REST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::manual::ManualClock;

    const HOST: &str = "graph.microsoft.com";

    fn reach() -> (Arc<ManualClock>, Reach) {
        let clock = Arc::new(ManualClock::new());
        let reach = Reach::new(Arc::clone(&clock) as Arc<dyn Clock>);
        (clock, reach)
    }

    #[test]
    fn a_host_that_failed_is_left_alone_and_then_tried_by_one() {
        let (clock, reach) = reach();
        reach.admit(HOST).unwrap();
        reach.failed(Service::Pim, HOST, "refused");
        let refusal = reach.admit(HOST).unwrap_err();
        assert_eq!(refusal.code(), "unreachable");
        let told = refusal.to_string();
        assert!(told.contains("tried again in 5 s (refused)"), "{told}");
        reach.admit("login.microsoftonline.com").unwrap();
        clock.jump(Duration::from_secs(5));
        reach.admit(HOST).unwrap();
        assert!(reach.admit(HOST).is_err(), "one tries, the others wait");
    }

    #[test]
    fn the_rest_doubles_up_to_a_minute_and_ends_with_an_answer() {
        let (clock, reach) = reach();
        for seconds in [5, 10, 20, 40, 60, 60] {
            reach.failed(Service::KeyVault, HOST, "refused");
            let rest = reach.outages()[0].rest;
            assert_eq!(rest, Duration::from_secs(seconds));
            clock.jump(rest);
        }
        reach.answered(HOST);
        assert_eq!(reach.outages(), []);
        reach.failed(Service::KeyVault, HOST, "refused");
        assert_eq!(reach.outages()[0].rest, Duration::from_secs(5));
    }

    #[test]
    fn somebody_who_asks_by_hand_does_not_wait_for_the_rest() {
        let (_, reach) = reach();
        reach.failed(Service::Entra, HOST, "refused");
        assert!(reach.admit(HOST).is_err());
        reach.retry_now();
        reach.admit(HOST).unwrap();
        assert!(reach.is_out(HOST), "it is out until it answers");
    }
}
