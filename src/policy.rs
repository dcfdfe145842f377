//! Who may use what, to which end.
//!
//! Enters: an [`Ask`] whose destination was proven by the doors. Leaves: a [`Grant`], the only key
//! to the broker and the windows, or a [`Refusal`] that names the rule. Pure: no clock, no file, no
//! network. What never happens here: a yes to something that could not be recognised.

use std::sync::Arc;

use crate::catalog::{Credential, KeySpec, Kind, Permission, Reason, Ticket, Use};
use crate::known_hosts::Nameless;
use crate::refusal::Refusal;

pub use pattern::{host_matches, wildcard_matches};

mod pattern;

/// A request for one credential to one end.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What is asked for.
    pub credential: Arc<Credential>,
    /// To what end.
    pub end: End,
    /// The program that asks, for the justification.
    pub program: String,
    /// A reason the person gave for this ask.
    pub reason: Option<String>,
    /// A ticket the person gave for this ask.
    pub ticket: Option<Ticket>,
}

/// What a credential is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// To show a password to the requester.
    Reveal,
    /// To sign.
    Sign {
        /// What is to be signed.
        what: Signed,
        /// How the request reached us.
        route: Route,
    },
}

/// What is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// An SSH certificate: whoever gets that signature can make logins of their own.
    Certificate,
    /// A login as this user (RFC 4252, section 7).
    Login {
        /// The account on the host.
        user: String,
    },
    /// A file or commit, in this namespace (`ssh-keygen -Y`).
    SshSig {
        /// The namespace.
        namespace: String,
    },
    /// Nothing that pimento recognises.
    Unknown,
}

/// How a request reached the agent, as `session-bind@openssh.com` proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// The client proved which host it talks to, and the payload agrees.
    Bound {
        /// SHA256 fingerprint of the host's key.
        fingerprint: String,
        /// Names by which the user's `known_hosts` knows that key, or why it has none.
        names: Result<Vec<String>, Nameless>,
        /// Whether it came over a forwarded agent connection.
        forwarded: bool,
    },
    /// A proof was tried and is wrong, or disagrees with the payload.
    Broken {
        /// What is wrong.
        why: String,
    },
    /// No proof was given.
    Unbound,
}

impl Route {
    fn host(&self) -> Option<String> {
        match self {
            Self::Bound {
                names, fingerprint, ..
            } => Some(names.iter().flatten().next().unwrap_or(fingerprint).clone()),
            Self::Broken { .. } | Self::Unbound => None,
        }
    }
}

/// Proof of a yes. Only [`judge`] makes one.
#[derive(Debug)]
#[must_use]
pub struct Grant {
    ask: Ask,
    to_be_confirmed: bool,
}

impl Grant {
    /// What was granted.
    #[must_use]
    pub const fn credential(&self) -> &Arc<Credential> {
        &self.ask.credential
    }

    /// To what end.
    #[must_use]
    pub const fn end(&self) -> &End {
        &self.ask.end
    }

    /// Whether it holds only if a person says yes as well.
    #[must_use]
    pub const fn to_be_confirmed(&self) -> bool {
        self.to_be_confirmed
    }

    /// The same, with the reason that a person gave for it.
    pub fn with_reason(mut self, reason: String) -> Self {
        self.ask.reason = Some(reason);
        self
    }

    /// The justification for PIM; `None` if a person has to give one.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        if let Some(reason) = &self.ask.reason {
            return Some(reason.clone());
        }
        match &self.credential().vault.window.reason {
            Reason::Ask => None,
            Reason::Template(template) => Some(self.fill(template)),
        }
    }

    /// The ticket for PIM.
    #[must_use]
    pub fn ticket(&self) -> Option<Ticket> {
        self.ask
            .ticket
            .clone()
            .or_else(|| self.credential().vault.window.ticket.clone())
    }

    fn fill(&self, template: &str) -> String {
        let (user, host) = match (&self.ask.end, &self.credential().kind) {
            (
                End::Sign {
                    what: Signed::Login { user },
                    route,
                },
                _,
            ) => (Some(user.clone()), route.host()),
            (_, Kind::Password(password)) => (
                password.user.clone(),
                self.credential().hosts.first().cloned(),
            ),
            _ => (None, None),
        };
        template
            .replace("{program}", &self.ask.program)
            .replace("{user}", user.as_deref().unwrap_or("-"))
            .replace("{host}", host.as_deref().unwrap_or("-"))
            .replace("{credential}", self.credential().name.as_str())
    }
}

/// Decides whether `ask` is allowed.
///
/// # Errors
/// The first rule that forbids it.
pub fn judge(ask: Ask) -> Result<Grant, Refusal> {
    let to_be_confirmed = match (&ask.credential.kind, &ask.end) {
        (Kind::Key(key), End::Sign { what, route }) => {
            may_sign(&ask.credential, key, what, route)?;
            key.confirm
        }
        (Kind::Password(_), End::Reveal) => false,
        (Kind::Key(_), End::Reveal) => {
            return Err(Refusal::Unsupported(format!(
                "{} is a key: pimento signs with it and never shows it",
                ask.credential.name
            )));
        }
        (Kind::Password(_), End::Sign { .. }) => {
            return Err(Refusal::Unsupported(format!(
                "{} is a password: nothing can be signed with it",
                ask.credential.name
            )));
        }
    };
    Ok(Grant {
        ask,
        to_be_confirmed,
    })
}

fn may_sign(
    credential: &Credential,
    key: &KeySpec,
    what: &Signed,
    route: &Route,
) -> Result<(), Refusal> {
    let binding = |why: String| Refusal::Binding {
        credential: credential.name.to_string(),
        why,
    };
    permitted_use(credential, key, what)?;
    match route {
        Route::Broken { why } => return Err(binding(why.clone())),
        Route::Bound {
            forwarded: true, ..
        } if key.forwarded == Permission::Refuse => {
            return Err(binding(
                "it was asked for over a forwarded agent connection".to_owned(),
            ));
        }
        Route::Bound { .. } | Route::Unbound => {}
    }
    if matches!(what, Signed::Login { .. }) {
        return known_host(credential, key, route).map_err(binding);
    }
    Ok(())
}

/// A login goes to a host that was proven, and that the configuration allows.
fn known_host(credential: &Credential, key: &KeySpec, route: &Route) -> Result<(), String> {
    match route {
        Route::Broken { why } => Err(why.clone()),
        Route::Unbound if key.unbound == Permission::Refuse => {
            Err("the client did not prove which host it is connected to".to_owned())
        }
        Route::Unbound if credential.hosts.is_empty() => Ok(()),
        Route::Unbound => Err(
            "it is for certain hosts only, and the client did not prove which \
                               host it is connected to"
                .to_owned(),
        ),
        Route::Bound { .. } if credential.hosts.is_empty() => Ok(()),
        Route::Bound {
            names: Err(nameless),
            fingerprint,
            ..
        } => Err(format!(
            "the host with key {fingerprint} has no name that counts: {nameless} (allowed: {})",
            credential.hosts.join(", ")
        )),
        Route::Bound {
            names: Ok(names), ..
        } => {
            if names
                .iter()
                .any(|name| host_matches(&credential.hosts, name))
            {
                return Ok(());
            }
            let (here, allowed) = (names.join(", "), credential.hosts.join(", "));
            Err(format!("the host is {here}, and it is for {allowed}"))
        }
    }
}

fn permitted_use(credential: &Credential, key: &KeySpec, what: &Signed) -> Result<(), Refusal> {
    let (wanted, described) = match what {
        Signed::Certificate => (Use::Any, "signing an SSH certificate".to_owned()),
        Signed::Login { .. } => (Use::Login, "logging in".to_owned()),
        Signed::SshSig { namespace } if namespace == "git" => {
            (Use::Git, "signing a git object".to_owned())
        }
        Signed::SshSig { namespace } => (
            Use::FileSignature,
            format!("signing a file (namespace {namespace:?})"),
        ),
        Signed::Unknown => (
            Use::Any,
            "signing data that pimento does not recognise".to_owned(),
        ),
    };
    if key.uses.contains(&wanted) || key.uses.contains(&Use::Any) {
        return Ok(());
    }
    let name = match wanted {
        Use::Any => "any",
        Use::FileSignature => "file-signature",
        Use::Git => "git",
        Use::Login => "login",
    };
    Err(Refusal::Policy {
        credential: credential.name.to_string(),
        rule: format!("its `uses` do not include {described}"),
        advice: format!(
            "to allow it, add {name:?} to `uses` of [key.{}] in {}",
            credential.name,
            credential.source.display()
        ),
    })
}

#[cfg(test)]
mod tests;
