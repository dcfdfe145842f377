//! The SSH door: the agent protocol of RFC 9987, on one connection at a time.
//!
//! ```text
//!                                            ┌─ House     keys of the configuration, in a vault
//! bytes ─ frame ─ session ─ message ─ service ─┼─ keyring   keys that clients have added
//!                    payload, bind ──────────┴─ upstream  another agent, for all others
//! ```
//!
//! In go a stream and who is at its other end; out go replies, strictly in order. The door knows
//! the protocol and what a signature is asked for; it knows nothing of vaults, windows or policy,
//! which it reaches through [`House`]. What never happens here: listing waits for a cloud or a
//! person; a request that is not understood closes the connection or is answered with SUCCESS; a
//! byte of a request is logged.

use async_trait::async_trait;

pub use bind::{BindProblem, Bound, Destination, State, Untied};
pub use crowd::serve_all;
pub use keyring::Keyring;
pub use lock::Lock;
pub use message::Identity;
pub use payload::{Login, Payload};
pub use service::Service;
pub use session::serve;
pub use upstream::Upstream;

use crate::audit::Holder;
use crate::refusal::Refusal;
use crate::requester::Caller;

pub mod bind;
pub mod constraint;
pub mod crowd;
pub mod frame;
pub mod keyring;
pub mod lock;
pub mod message;
pub mod payload;
pub mod service;
pub mod session;

pub mod upstream;

/// What the SSH door needs from the house: the keys of the configuration.
#[async_trait]
pub trait House: Send + Sync {
    /// The keys to list on a connection that is bound like this.
    ///
    /// Not async on purpose: listing never waits for a network, a person or a lock held for long.
    fn identities(&self, bound: &Bound) -> Vec<Identity>;

    /// Whether this public key is one of the house's, listed or not.
    fn has(&self, key_blob: &[u8]) -> bool;

    /// Signs with a key that the house has, or says why not. What returns is the signature as SSH
    /// encodes it.
    ///
    /// The future is dropped when the client hangs up; what others wait for has to live elsewhere.
    async fn sign(&self, ask: SignAsk<'_>, caller: &Caller) -> Result<Vec<u8>, Refusal>;

    /// Puts on record that a key of somebody else is about to be used; nothing is signed if that
    /// fails.
    ///
    /// # Errors
    /// If it cannot be recorded.
    fn record(&self, ask: &SignAsk<'_>, holder: Holder, caller: &Caller) -> Result<(), Refusal>;

    /// Asks a person whether an added key may make this signature.
    ///
    /// The future is dropped when the client hangs up, and the question with it.
    ///
    /// # Errors
    /// If the answer is no, or nobody can be asked.
    async fn confirm(
        &self,
        ask: &SignAsk<'_>,
        key: &Identity,
        caller: &Caller,
    ) -> Result<(), Refusal>;

    /// Forgets all material, before it returns.
    async fn remove_all(&self) -> Result<(), Refusal>;

    /// Whether nothing may be listed or signed.
    fn locked(&self) -> bool;

    /// Forgets all material, and opens nothing until [`Self::unlock`].
    fn lock(&self);

    /// Ends a lock.
    fn unlock(&self);
}

/// A signature that is asked for.
///
/// Has no `Debug`: the bytes to sign are never logged.
#[derive(Clone)]
pub struct SignAsk<'a> {
    /// The public key, as SSH encodes it.
    pub key_blob: &'a [u8],
    /// The bytes to sign.
    pub data: &'a [u8],
    /// Which hash an RSA key has to use (RFC 9987 section 5.6.1).
    pub flags: u32,
    /// What the bytes are.
    pub payload: Payload,
    /// How the connection was bound when this was asked.
    pub bound: &'a Bound,
}

impl<'a> SignAsk<'a> {
    /// Makes an ask of a request on a connection that is bound like this.
    #[must_use]
    pub fn new(key_blob: &'a [u8], data: &'a [u8], flags: u32, bound: &'a Bound) -> Self {
        Self {
            payload: Payload::parse(data),
            key_blob,
            data,
            flags,
            bound,
        }
    }

    /// Where a login goes, proven by the host's own signature.
    ///
    /// # Errors
    /// If it is no login, or not tied to the connection in every respect.
    pub fn destination(&self) -> Result<Destination, Untied> {
        self.login().map(|(_, destination)| destination)
    }

    /// The login that is to be signed, and where it goes.
    ///
    /// # Errors
    /// As [`Self::destination`].
    pub fn login(&self) -> Result<(&Login, Destination), Untied> {
        match &self.payload {
            Payload::Login(login) => {
                let destination = self.bound.destination(login, self.key_blob)?;
                Ok((login, destination))
            }
            _ => Err(Untied::NotALogin),
        }
    }
}
