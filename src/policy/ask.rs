//! What is asked for, and to what end.

use std::sync::Arc;

use crate::catalog::{Credential, Part, PasswordSpec, PasswordUse, Ticket};
use crate::known_hosts::Nameless;
use crate::pattern::{host_matches, wildcard_matches};

/// A request for one credential to one end.
#[derive(Clone, Debug)]
pub struct Ask {
    /// What is asked for.
    pub credential: Arc<Credential>,
    /// To what end.
    pub end: End,
    /// The program that asks, for the justification.
    pub program: String,
    /// What the person said to it.
    pub said: Said,
}

/// What a person says to an opening.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The reason for this ask.
    pub reason: Option<String>,
    /// The ticket for this ask.
    pub ticket: Option<Ticket>,
    /// Whether whoever asks wants to ask the person itself for what is missing.
    pub client_asks: bool,
}

impl Said {
    /// With what was said `before`, where nothing is said now.
    #[must_use]
    pub fn or(self, before: Self) -> Self {
        Self {
            reason: self.reason.or(before.reason),
            ticket: self.ticket.or(before.ticket),
            client_asks: self.client_asks,
        }
    }
}

/// What a credential is wanted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// To certify a host's key.
    Certify {
        /// The names that the host is to have.
        names: Vec<String>,
        /// SHA256 fingerprint of its key.
        key: String,
    },
    /// To put a certificate, its key or both into a file of the command that asks, which may do with
    /// it whatever it likes.
    File(Part),
    /// To give a password to the program that has asked for it, in its own way.
    Give(Receiver),
    /// To have it there when it is needed: nothing leaves.
    Prepare {
        /// The account it will be needed for.
        user: Option<String>,
        /// The host it will be needed for.
        host: String,
    },
    /// To show a password to the requester, who may do with it whatever it likes.
    Reveal,
    /// To sign.
    Sign {
        /// What is to be signed.
        what: Signed,
        /// How the request reached us.
        route: Route,
    },
}

/// The program that a password is given to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// The way it goes.
    pub to: PasswordUse,
    /// The account it is asked for; `None` where the way names none.
    pub user: Option<String>,
    /// The host that account is on; `localhost` is this machine.
    pub host: String,
    /// What is done with it, such as sudo's command line.
    pub command: Vec<String>,
}

impl Receiver {
    /// `USER@HOST`, as far as it is known; the unit, where that is what gets it.
    #[must_use]
    pub fn account(&self) -> String {
        if self.to == PasswordUse::Systemd {
            return self.command.join(" ");
        }
        match &self.user {
            Some(user) => format!("{user}@{}", self.host),
            None => self.host.clone(),
        }
    }

    /// Whether `password` is of that account and that place. One without hosts (or units) is for
    /// no program at all: nothing says where it belongs.
    #[must_use]
    pub fn fits(&self, credential: &Credential, password: &PasswordSpec) -> bool {
        let account = self.user.is_none() || self.user == password.user;
        let place = match self.to {
            PasswordUse::Systemd => {
                let unit =
                    |unit: &String| password.units.iter().any(|it| wildcard_matches(it, unit));
                self.command.iter().any(unit)
            }
            _ => host_matches(&credential.hosts, &self.host),
        };
        account && place
    }
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
    /// A name of the host that was proven.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Bound { names, .. } => names.iter().flatten().next().map(String::as_str),
            Self::Broken { .. } | Self::Unbound => None,
        }
    }

    pub(super) fn host(&self) -> Option<String> {
        match self {
            Self::Bound {
                names, fingerprint, ..
            } => Some(names.iter().flatten().next().unwrap_or(fingerprint).clone()),
            Self::Broken { .. } | Self::Unbound => None,
        }
    }
}
