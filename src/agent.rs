//! The SSH door: the agent protocol of RFC 9987, on one connection at a time.
//!
//! ```text
//! bytes ─ frame ─ message ─ session ─┬─ identities ─ House
//!                    payload, bind ──┴─ sign ─────── House
//! ```
//!
//! In go a stream and who is at its other end; out go replies, strictly in order. The door knows
//! the protocol and what a signature is asked for; it knows nothing of vaults, windows or policy,
//! which it reaches through [`House`]. What never happens here: listing waits for anything; a
//! request that is not understood closes the connection or is answered with SUCCESS; a byte of a
//! request is logged.

use async_trait::async_trait;

pub use bind::{BindProblem, Bound, Destination, State, Untied};
pub use message::Identity;
pub use payload::{Login, Payload};
pub use session::serve;

use crate::refusal::Refusal;
use crate::requester::Requester;

pub mod bind;
pub mod frame;
pub mod message;
pub mod payload;
pub mod session;
pub mod signature;

/// What the SSH door needs from the house.
#[async_trait]
pub trait House: Send + Sync {
    /// The keys to list on a connection that is bound like this.
    ///
    /// Not async on purpose: listing never waits for a network, a person or a lock held for long.
    fn identities(&self, bound: &Bound) -> Vec<Identity>;

    /// Signs, or says why not. What returns is the signature as SSH encodes it.
    ///
    /// The future is dropped when the client hangs up; what others wait for has to live elsewhere.
    async fn sign(&self, ask: SignAsk, requester: &Requester) -> Result<Vec<u8>, Refusal>;

    /// Forgets all material and keys, before it returns.
    async fn remove_all(&self) -> Result<(), Refusal>;
}

/// A signature that is asked for.
///
/// Has no `Debug`: the bytes to sign are never logged.
#[derive(Clone)]
pub struct SignAsk {
    /// The public key, as SSH encodes it.
    pub key_blob: Vec<u8>,
    /// The bytes to sign.
    pub data: Vec<u8>,
    /// Which hash an RSA key has to use (RFC 9987 section 5.6.1).
    pub flags: u32,
    /// What the bytes are.
    pub payload: Payload,
    /// How the connection was bound when this was asked.
    pub bound: Bound,
}

impl SignAsk {
    /// Makes an ask of a request on a connection that is bound like this.
    #[must_use]
    pub fn new(key_blob: Vec<u8>, data: Vec<u8>, flags: u32, bound: Bound) -> Self {
        Self {
            payload: Payload::parse(&data),
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
        match &self.payload {
            Payload::Login(login) => self.bound.destination(login, &self.key_blob),
            _ => Err(Untied::NotALogin),
        }
    }
}
