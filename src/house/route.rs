//! What a connection's binding proves of the way a request has taken.

use jiff::Timestamp;
use ssh_key::HashAlg;

use crate::agent::{Payload, SignAsk, State};
use crate::known_hosts::KnownHosts;
use crate::policy::{Route, Signed};
use crate::signature::plain;

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
