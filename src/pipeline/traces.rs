//! What the use of a window leaves behind on the machine: sessions that go on without it.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::catalog::{Name, PasswordUse};
use crate::policy::{End, Grant, Signed};
use crate::requester::Requester;

/// What was done in each window, by its name.
#[derive(Default)]
pub struct Traces {
    of: Mutex<HashMap<Name, Trace>>,
}

/// What was done in a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Who used it last: there somebody can be told of its end.
    pub requester: Option<Arc<Requester>>,
    /// Whether sudo on this machine got a password, which it remembers for a while.
    pub sudo: bool,
    /// `USER@HOST` of each login; a connection that is shared goes on when the window has ended.
    pub logins: BTreeSet<String>,
}

impl Traces {
    /// What was done in `window`, which has ended.
    #[must_use]
    pub fn take(&self, window: &Name) -> Trace {
        self.of().remove(window).unwrap_or_default()
    }

    /// What was done in `window` so far.
    #[must_use]
    pub fn of_window(&self, window: &Name) -> Trace {
        self.of().get(window).cloned().unwrap_or_default()
    }

    pub(super) fn note(&self, grant: &Grant, requester: &Requester) {
        let window = &grant.credential().vault.window.name;
        let mut of = self.of();
        // A signature in a window that is open for long adds nothing, and must cost nothing.
        if !of.contains_key(window) {
            of.insert(window.clone(), Trace::default());
        }
        let Some(trace) = of.get_mut(window) else {
            return;
        };
        if trace
            .requester
            .as_ref()
            .is_none_or(|last| (last.pid, last.started) != (requester.pid, requester.started))
        {
            trace.requester = Some(Arc::new(requester.clone()));
        }
        match grant.end() {
            End::Give(receiver) => match receiver.to {
                PasswordUse::Ssh | PasswordUse::SshKeyboardInteractive => {
                    trace.login(&receiver.account());
                }
                PasswordUse::Sudo | PasswordUse::SudoRs => {
                    trace.sudo |= receiver.host == "localhost";
                }
                _ => {}
            },
            End::Sign {
                what: Signed::Login { user },
                route,
            } => {
                if let Some(host) = route.name() {
                    let known =
                        |login: &String| login.split_once('@') == Some((user.as_str(), host));
                    if !trace.logins.iter().any(known) {
                        trace.login(&format!("{user}@{host}"));
                    }
                }
            }
            End::Certify { .. }
            | End::File(_)
            | End::Prepare { .. }
            | End::Reveal
            | End::Sign { .. } => {}
        }
    }

    fn of(&self) -> MutexGuard<'_, HashMap<Name, Trace>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trace {
    /// What of it is not `in_use` by others.
    #[must_use]
    pub fn without(mut self, in_use: &Self) -> Self {
        self.sudo &= !in_use.sudo;
        self.logins.retain(|login| !in_use.logins.contains(login));
        self
    }

    fn login(&mut self, account: &str) {
        if self.logins.len() < MOST_LOGINS {
            self.logins.insert(account.to_owned());
        }
    }
}

/// More hosts than a person works on within one window; bounded, because a program may do more.
const MOST_LOGINS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_window_uses_is_not_left_over() {
        let trace = |sudo, logins: &[&str]| Trace {
            requester: None,
            sudo,
            logins: logins.iter().map(|&login| login.to_owned()).collect(),
        };
        let ended = trace(true, &["root@db", "root@web"]);
        let left = ended.clone().without(&trace(false, &["root@web"]));
        assert_eq!(left, trace(true, &["root@db"]));
        assert_eq!(
            ended.clone().without(&trace(true, &[])),
            trace(false, &["root@db", "root@web"])
        );
        assert_eq!(ended.clone().without(&Trace::default()), ended);
    }
}
