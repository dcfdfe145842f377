//! Which keys of the configuration are worth listing on a connection.
//!
//! A server accepts a handful of keys before it hangs up (MaxAuthTries), so those that would be
//! refused there are left out. Enters: a connection's binding. Leaves: yes or no for each key.
//! What never happens here: a permission. What is listed is still judged when it is to sign.

use jiff::Timestamp;
use ssh_key::HashAlg;
use ssh_key::public::KeyData;

use crate::agent::bind::BindProblem;
use crate::agent::{Bound, State};
use crate::catalog::{Credential, Permission, SigningRules};
use crate::known_hosts::{KnownHosts, Nameless};
use crate::pattern::host_matches;
use crate::signature::plain;

/// What may be listed on one connection.
pub(super) enum Listing<'a> {
    /// The client has not said where it goes.
    All,
    /// A binding did not hold.
    Failed(BindProblem),
    /// Where it goes is proven.
    Host {
        host_key: &'a KeyData,
        names: Result<Vec<String>, Nameless>,
        forwarded: bool,
    },
    /// Somebody lists on a host that the agent is forwarded to: where it goes on is not known.
    Lent,
}

impl<'a> Listing<'a> {
    /// Looks the host up, once for all keys. `wanted` are the names that hashed lines are tried for.
    pub(super) fn on(
        bound: &'a Bound,
        known_hosts: &KnownHosts,
        wanted: &[String],
        now: Timestamp,
    ) -> Self {
        match bound.state() {
            State::Unbound => Self::All,
            State::Failed(problem) => Self::Failed(problem),
            State::Bound { .. } if bound.is_lent() => Self::Lent,
            State::Bound {
                host_key,
                forwarded,
                ..
            } => Self::Host {
                host_key,
                names: known_hosts.names(host_key, wanted, now),
                forwarded,
            },
        }
    }

    /// Whether a key is worth listing.
    pub(super) fn has(&self, credential: &Credential, rules: &SigningRules) -> bool {
        let lendable = rules.forwarded == Permission::Allow;
        match self {
            Self::All => true,
            Self::Failed(_) => false,
            Self::Lent => lendable,
            Self::Host {
                names, forwarded, ..
            } => {
                let mut names = names.iter().flatten();
                (lendable || !forwarded)
                    && (credential.hosts.is_empty()
                        || names.any(|name| host_matches(&credential.hosts, name)))
            }
        }
    }

    /// Why no key at all is listed. The fingerprint is only made here: listing is common.
    pub(super) fn why_none(&self) -> String {
        match self {
            Self::All => "none is configured".to_owned(),
            Self::Failed(problem) => format!("the binding to the host failed ({problem})"),
            Self::Lent => "it was asked for over a forwarded agent connection, and none has \
                           `forwarded = \"allow\"`"
                .to_owned(),
            Self::Host {
                host_key,
                names: Err(nameless),
                ..
            } => format!(
                "the host with key {} has no name that counts: {nameless}",
                plain(host_key).fingerprint(HashAlg::Sha256)
            ),
            Self::Host {
                names: Ok(names),
                forwarded,
                ..
            } => format!(
                "the host is {}, and none is for it{}",
                names.join(", "),
                if *forwarded {
                    " over a forwarded agent connection"
                } else {
                    ""
                }
            ),
        }
    }
}

#[cfg(test)]
mod tests;
