//! Calls that are made again: which, how often, and for how long.

use std::time::Duration;

use super::{Answer, Http};
use crate::clock::Moment;
use crate::refusal::{Refusal, Service};

/// When the same call may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cloud) enum Repeat {
    /// It changes nothing: whenever there is no answer, or none but that the service is in trouble.
    Always,
    /// It does something, and doing it twice would be wrong: only where the service says that it
    /// did not take it.
    Untaken,
}

/// The attempts at one call. All of them together have one budget.
pub(in crate::cloud) struct Attempts<'a> {
    http: &'a Http,
    service: Service,
    host: String,
    repeat: Repeat,
    began: Moment,
    pause: Duration,
    left: u32,
}

impl Http {
    /// For a call to `host` that is to be made until it is answered.
    ///
    /// # Errors
    /// If the host is out, and it is not time to try it again.
    pub(in crate::cloud) fn attempts(
        &self,
        service: Service,
        host: Option<&str>,
        repeat: Repeat,
    ) -> Result<Attempts<'_>, Refusal> {
        let host = host.unwrap_or_default().to_owned();
        self.reach.admit(&host)?;
        Ok(Attempts {
            http: self,
            service,
            host,
            repeat,
            began: self.clock.now(),
            pause: FIRST_PAUSE,
            left: REPEATS,
        })
    }
}

impl Attempts<'_> {
    /// Whether to make the call again after `outcome`; waits until it is time for it.
    pub(in crate::cloud) async fn again(&mut self, outcome: &Result<Answer, Refusal>) -> bool {
        let wait = match outcome {
            Ok(answer) if matches!(answer.status, 429 | 503) => answer.wait,
            Ok(answer) if answer.status >= 500 && self.repeat == Repeat::Always => answer.wait,
            // Not if a token for the call could not be had: that was another host.
            Err(Refusal::Unreachable { service, .. })
                if *service == self.service && self.repeat == Repeat::Always =>
            {
                None
            }
            _ => return false,
        };
        let wait = wait.unwrap_or(self.pause);
        let next = self.http.clock.now().after(wait);
        let known = self.http.reach.is_out(&self.host);
        if known || self.left == 0 || self.began.until(next) > BUDGET {
            self.give_up(outcome);
            return false;
        }
        self.left -= 1;
        self.pause *= 2;
        self.http.clock.sleep_until(next).await;
        true
    }

    /// A host that is busy is not out: it says itself when it wants to be asked again.
    fn give_up(&self, outcome: &Result<Answer, Refusal>) {
        let why = match outcome {
            Ok(answer) if answer.status == 429 => return,
            Ok(answer) => format!("it answers {}", answer.status),
            Err(Refusal::Unreachable { why, .. }) => why.clone(),
            Err(_) => return,
        };
        self.http.reach.failed(self.service, &self.host, &why);
    }
}

/// Repeats of one call.
const REPEATS: u32 = 3;

/// The pause before the first repeat; it doubles.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// From the first attempt to the beginning of the last. Whatever asks to wait longer is told to
/// the user instead, who has 60 s until `ssh` is answered.
const BUDGET: Duration = Duration::from_secs(20);
