//! What a connection's binding proves of the way a request has taken.

use jiff::Timestamp;
use ssh_key::HashAlg;

use crate::agent::signature::plain;
use crate::agent::{Bound, Payload, SignAsk, State};
use crate::catalog::{Credential, KeySpec, Permission};
use crate::known_hosts::KnownHosts;
use crate::policy::{Route, Signed, host_matches};

/// The route that `ask` took. `hosts` are the names that may be tried where names are hashed.
pub(super) fn route(
    known_hosts: &KnownHosts,
    ask: &SignAsk<'_>,
    hosts: &[String],
    now: Timestamp,
) -> Route {
    let (host_key, forwarded) = match ask.bound.state() {
        State::Unbound => return Route::Unbound,
        State::Failed(problem) => {
            return Route::Broken {
                why: problem.to_string(),
            };
        }
        State::Bound {
            host_key,
            forwarded,
            ..
        } => (host_key, forwarded),
    };
    // A login names its session and host key itself; they have to be those of the binding.
    if matches!(ask.payload, Payload::Login(_))
        && let Err(untied) = ask.destination()
    {
        return Route::Broken {
            why: untied.to_string(),
        };
    }
    Route::Bound {
        fingerprint: plain(host_key).fingerprint(HashAlg::Sha256).to_string(),
        names: known_hosts.names(host_key, hosts, now),
        forwarded,
    }
}

/// Whether a key of the configuration is worth listing on a connection that is bound like this.
///
/// A server accepts a handful of keys before it hangs up (MaxAuthTries), so those that would be
/// refused there are left out. What is listed is still judged when it is to sign.
pub(super) fn worth_listing(
    known_hosts: &KnownHosts,
    credential: &Credential,
    key: &KeySpec,
    bound: &Bound,
    now: Timestamp,
) -> bool {
    match bound.state() {
        State::Unbound => true,
        State::Failed(_) => false,
        State::Bound {
            forwarded: true, ..
        } if key.forwarded == Permission::Refuse => false,
        // Somebody lists on a host that the agent is forwarded to: where it goes on is not known.
        State::Bound { .. } if credential.hosts.is_empty() || bound.is_lent() => true,
        State::Bound { host_key, .. } => known_hosts
            .names(host_key, &credential.hosts, now)
            .iter()
            .any(|name| host_matches(&credential.hosts, name)),
    }
}

/// What is to be signed, as policy, records and questions speak of it.
pub(super) fn signed(payload: &Payload) -> Signed {
    match payload {
        Payload::Certificate => Signed::Certificate,
        Payload::File { namespace, .. } => Signed::SshSig {
            namespace: namespace.clone(),
        },
        Payload::Login(login) => Signed::Login {
            user: login.user.clone(),
        },
        Payload::Unknown => Signed::Unknown,
    }
}
