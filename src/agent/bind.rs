//! To which hosts a connection is bound (`session-bind@openssh.com`, PROTOCOL.agent).
//!
//! In go the binding messages of one connection, in order; out comes the proven destination of a
//! login, or why there is none. A host proves itself by its signature over the session id; the
//! login payload repeats session id and host key; only if all of it agrees is there a
//! [`Destination`]. A binding that failed is remembered for as long as the connection lasts, so
//! that a client cannot turn a refused binding into no binding.

use std::io;

use ssh_encoding::Decode;
use ssh_key::public::KeyData;

use super::payload::Login;
use crate::signature;
use crate::wire::Wire;

/// What is known of the hosts behind a connection.
#[derive(Clone, Debug, Default)]
pub struct Bound {
    hops: Vec<Hop>,
    failed: Option<BindProblem>,
    /// Every binding message as it came, for an agent behind ours.
    messages: Vec<Vec<u8>>,
}

/// One host on the way, the nearest first.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) host_key: KeyData,
    blob: Vec<u8>,
    session_id: Vec<u8>,
    pub(super) forwarding: bool,
}

/// A connection's binding at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a> {
    /// The client has not bound the connection; only OpenSSH 8.9 and newer does.
    Unbound,
    /// Every binding held.
    Bound {
        /// The key of the last host, or the certificate it showed.
        host_key: &'a KeyData,
        /// The session with it.
        session_id: &'a [u8],
        /// Whether any host on the way has the agent forwarded to it.
        forwarded: bool,
        /// How many hosts there are on the way.
        hops: usize,
    },
    /// A binding was tried and did not hold.
    Failed(BindProblem),
}

/// Where a login goes, proven by the host's signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The host's key, or the certificate it showed.
    pub host_key: KeyData,
    /// The account there.
    pub user: String,
    /// Whether the login comes from a host that the agent was forwarded to.
    pub forwarded: bool,
    /// How many hosts there are on the way, the last one included.
    pub hops: usize,
}

/// Why a binding did not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BindProblem {
    /// The connection is already bound for a login; it cannot be lent on.
    #[error("the connection was already bound for a login")]
    AfterLogin,
    /// A type of host key that cannot be checked.
    #[error("the type of host key cannot be checked")]
    HostKeyType,
    /// Not the shape of a binding.
    #[error("the binding is malformed")]
    Malformed,
    /// The session was bound before, to another host key.
    #[error("the session was bound to another host key before")]
    OtherHostKey,
    /// The host did not sign this session.
    #[error("the host's signature does not hold")]
    Signature,
    /// More hosts than OpenSSH allows.
    #[error("there are more than {MOST_HOPS} hosts on the way")]
    TooManyHops,
}

/// Why a login is not tied to the connection's binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untied {
    /// A binding had failed.
    #[error("the binding to the host failed: {0}")]
    BindFailed(BindProblem),
    /// The last host is one the agent is forwarded to, and not one that is logged in to.
    #[error("the login was asked for by a host that the agent is forwarded to, without a binding")]
    ForwardingHop,
    /// The payload names another host key.
    #[error("the login names another host key than the connection is bound to")]
    HostKey,
    /// Behind a forwarded agent, the payload has to name the host key.
    #[error("the login does not name the host key, as one through a forwarded agent has to")]
    HostKeyMissing,
    /// The payload names another key than the request.
    #[error("the login names another key than the request")]
    Key,
    /// The data is no login.
    #[error("the data to sign is no login")]
    NotALogin,
    /// The payload is of another session.
    #[error("the login is of another session than the connection is bound to")]
    Session,
    /// Nothing was bound.
    #[error("the client has not bound the connection to a host")]
    Unbound,
}

impl Bound {
    /// Takes in the content of a binding message.
    ///
    /// # Errors
    /// If it does not hold. From then on the connection is [`State::Failed`].
    pub fn bind(&mut self, content: &[u8]) -> Result<(), BindProblem> {
        if self.messages.len() <= MOST_MESSAGES {
            self.messages.push(content.to_vec());
        }
        let result = self.try_bind(content);
        if let Err(problem) = result {
            self.failed = self.failed.or(Some(problem));
        }
        result
    }

    fn try_bind(&mut self, content: &[u8]) -> Result<(), BindProblem> {
        let hop = Hop::parse(content)?;
        for known in &self.hops {
            if !known.forwarding {
                return Err(BindProblem::AfterLogin);
            }
            match (known.session_id == hop.session_id, known.blob == hop.blob) {
                (true, true) => return Ok(()),
                (true, false) => return Err(BindProblem::OtherHostKey),
                (false, _) => {}
            }
        }
        if self.hops.len() >= MOST_HOPS {
            return Err(BindProblem::TooManyHops);
        }
        self.hops.push(hop);
        Ok(())
    }

    /// The binding at a glance.
    #[must_use]
    pub fn state(&self) -> State<'_> {
        match (self.failed, self.hops.last()) {
            (Some(problem), _) => State::Failed(problem),
            (None, None) => State::Unbound,
            (None, Some(last)) => State::Bound {
                host_key: &last.host_key,
                session_id: &last.session_id,
                forwarded: self.forwarded(),
                hops: self.hops.len(),
            },
        }
    }

    /// Whether any binding was tried and did not hold.
    #[must_use]
    pub const fn failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Whether there is a binding, and none that failed.
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        !self.failed() && !self.hops.is_empty()
    }

    /// The hosts on the way, the nearest first.
    pub(super) fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Every binding message so far, for an agent behind ours.
    ///
    /// # Errors
    /// If there were too many to keep: an agent that is not told all of them must not be asked.
    pub(super) fn messages(&self) -> io::Result<&[Vec<u8>]> {
        if self.messages.len() > MOST_MESSAGES {
            return Err(io::Error::other("the client has sent too many bindings"));
        }
        Ok(&self.messages)
    }

    /// Whether it is a host that the agent is forwarded to which asks, or may ask.
    #[must_use]
    pub fn is_lent(&self) -> bool {
        self.hops.last().is_some_and(|hop| hop.forwarding)
    }

    /// Whether the connection comes, or may come, from a host that the agent is forwarded to.
    ///
    /// Once it does, it does for good.
    #[must_use]
    pub fn forwarded(&self) -> bool {
        self.hops.iter().any(|hop| hop.forwarding)
    }

    /// Ties a login that is to be signed with the key `key_blob` to the binding.
    ///
    /// # Errors
    /// If session, host key or key do not agree, or there is no binding that held.
    pub fn destination(&self, login: &Login, key_blob: &[u8]) -> Result<Destination, Untied> {
        if let Some(problem) = self.failed {
            return Err(Untied::BindFailed(problem));
        }
        let last = self.hops.last().ok_or(Untied::Unbound)?;
        if last.forwarding {
            return Err(Untied::ForwardingHop);
        }
        if login.session_id != last.session_id {
            return Err(Untied::Session);
        }
        match &login.host_key {
            Some(host_key) if *host_key != last.blob => return Err(Untied::HostKey),
            None if self.hops.len() > 1 => return Err(Untied::HostKeyMissing),
            Some(_) | None => {}
        }
        if login.key_blob != key_blob {
            return Err(Untied::Key);
        }
        Ok(Destination {
            host_key: last.host_key.clone(),
            user: login.user.clone(),
            forwarded: self.forwarded(),
            hops: self.hops.len(),
        })
    }
}

impl Hop {
    /// Reads and checks `string hostkey, string session id, string signature, bool forwarding`.
    fn parse(content: &[u8]) -> Result<Self, BindProblem> {
        let malformed = |_| BindProblem::Malformed;
        let mut wire = Wire::new(content);
        let blob = wire.string().map_err(malformed)?;
        let session_id = wire.string().map_err(malformed)?;
        let signature = wire.string().map_err(malformed)?;
        let forwarding = wire.boolean().map_err(malformed)?;
        wire.end().map_err(malformed)?;
        if session_id.is_empty() || session_id.len() > LONGEST_SESSION_ID {
            return Err(BindProblem::Malformed);
        }
        let mut reader = blob;
        let host_key = KeyData::decode(&mut reader).map_err(|_| BindProblem::HostKeyType)?;
        if !reader.is_empty() {
            return Err(BindProblem::Malformed);
        }
        if signature::plain(&host_key).other().is_some() {
            return Err(BindProblem::HostKeyType);
        }
        signature::verify(&host_key, session_id, signature).map_err(|_| BindProblem::Signature)?;
        Ok(Self {
            host_key,
            blob: blob.to_vec(),
            session_id: session_id.to_vec(),
            forwarding,
        })
    }
}

/// As many as OpenSSH's agent remembers.
const MOST_HOPS: usize = 16;

/// Room for repetitions and failures besides.
const MOST_MESSAGES: usize = 2 * MOST_HOPS;

/// The longest session id that OpenSSH's agent takes.
const LONGEST_SESSION_ID: usize = 128;

#[cfg(test)]
pub(super) mod tests;
