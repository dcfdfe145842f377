//! The messages of the agent protocol (RFC 9987 sections 4 and 5).
//!
//! In goes the content of one frame, out comes a [`Request`]; in goes a [`Response`], out comes
//! the content of one frame. Parsing never fails and never closes a connection: what is unknown,
//! not supported or malformed is [`Request::Unsupported`], and the RFC wants FAILURE for it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::wire::{Malformed, Wire, put_string};

/// What a client asks for. Borrows from the frame, so that nothing of it is copied before it is
/// known to be needed.
///
/// Has no `Debug` outside of tests, so that no request can be logged.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub enum Request<'a> {
    /// To hold a key; its content is parsed by [`super::keyring`].
    Add {
        /// Everything behind the message's number.
        content: &'a [u8],
        /// Whether constraints follow the key.
        constrained: bool,
    },
    /// The list of keys.
    Identities,
    /// To answer nothing until the same passphrase comes with [`Self::Unlock`].
    Lock(&'a [u8]),
    /// As [`Self::RemoveAll`], by the number that version 1 of SSH had for it; `ssh-add -D` sends
    /// both, and OpenSSH's agent takes both.
    RemoveAllOfVersion1,
    /// To forget everything; answered with SUCCESS only when it is done.
    RemoveAll,
    /// To forget one key.
    Remove(&'a [u8]),
    /// A signature.
    Sign {
        /// The public key to sign with.
        key_blob: &'a [u8],
        /// What to sign.
        data: &'a [u8],
        /// Which hash to use.
        flags: u32,
    },
    /// Which extensions there are.
    Query,
    /// To tie this connection to an SSH session. The content is not parsed yet, as a broken one
    /// has to be remembered as a failed binding.
    SessionBind(&'a [u8]),
    /// To end a lock.
    Unlock(&'a [u8]),
    /// Anything else; the reason is for the log and says nothing of the content.
    Unsupported(Unsupported),
}

/// Why a request is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    /// The protocol knows this type; it is not offered here.
    Type(u8),
    /// An extension that is not offered here.
    Extension,
    /// It does not follow the protocol.
    Malformed(u8),
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// No.
    Failure,
    /// Done.
    Success,
    /// The keys, with their comments.
    Identities(Vec<Identity>),
    /// What another agent has answered, as it is.
    Passed(Vec<u8>),
    /// A signature as SSH encodes it.
    Signature(Vec<u8>),
    /// The extension is known, but the request failed.
    ExtensionFailure,
    /// The names of the extensions.
    Extensions(&'static [&'static str]),
}

/// A key in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The public key, or the certificate, as SSH encodes it.
    pub key_blob: Arc<[u8]>,
    /// What it is called. Comments travel to the hosts an agent is forwarded to, so this must not
    /// tell of vaults, tenants or tickets.
    pub comment: Arc<[u8]>,
}

impl Identity {
    /// The comment as text. Whoever added the key has chosen it, so it can't be shown as it is.
    #[must_use]
    pub fn comment_text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.comment)
    }
}

impl<'a> Request<'a> {
    /// Reads the content of a frame.
    #[must_use]
    pub fn parse(message: &'a [u8]) -> Self {
        let mut wire = Wire::new(message);
        let Ok(number) = wire.byte() else {
            return Self::Unsupported(Unsupported::Malformed(0));
        };
        let parsed = match number {
            ADD_IDENTITY | ADD_ID_CONSTRAINED => Ok(Self::Add {
                content: wire.rest(),
                constrained: number == ADD_ID_CONSTRAINED,
            }),
            LOCK => only_string(wire).map(Self::Lock),
            REMOVE_ALL_OF_VERSION_1 => wire.end().map(|()| Self::RemoveAllOfVersion1),
            REMOVE_IDENTITY => only_string(wire).map(Self::Remove),
            REQUEST_IDENTITIES => wire.end().map(|()| Self::Identities),
            SIGN_REQUEST => sign(wire),
            UNLOCK => only_string(wire).map(Self::Unlock),
            REMOVE_ALL_IDENTITIES => wire.end().map(|()| Self::RemoveAll),
            EXTENSION => extension(wire),
            other => Ok(Self::Unsupported(Unsupported::Type(other))),
        };
        parsed.unwrap_or(Self::Unsupported(Unsupported::Malformed(number)))
    }

    /// The content of a frame that asks for this.
    ///
    /// This is the client's half: the upstream agent, tests and tools are spoken to through it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let with = |number: u8, parts: &[&[u8]]| {
            let mut out = vec![number];
            parts.iter().for_each(|part| put_string(&mut out, part));
            out
        };
        match *self {
            Self::Add {
                content,
                constrained,
            } => {
                let number = if constrained {
                    ADD_ID_CONSTRAINED
                } else {
                    ADD_IDENTITY
                };
                [&[number], content].concat()
            }
            Self::Identities => vec![REQUEST_IDENTITIES],
            Self::Lock(passphrase) => with(LOCK, &[passphrase]),
            Self::Query => with(EXTENSION, &[QUERY.as_bytes()]),
            Self::Remove(key_blob) => with(REMOVE_IDENTITY, &[key_blob]),
            Self::RemoveAll => vec![REMOVE_ALL_IDENTITIES],
            Self::RemoveAllOfVersion1 => vec![REMOVE_ALL_OF_VERSION_1],
            Self::SessionBind(content) => {
                let mut out = with(EXTENSION, &[SESSION_BIND.as_bytes()]);
                out.extend(content);
                out
            }
            Self::Sign {
                key_blob,
                data,
                flags,
            } => {
                let mut out = with(SIGN_REQUEST, &[key_blob, data]);
                out.extend(flags.to_be_bytes());
                out
            }
            Self::Unlock(passphrase) => with(UNLOCK, &[passphrase]),
            Self::Unsupported(Unsupported::Extension) => with(EXTENSION, &[b"unknown@example.com"]),
            Self::Unsupported(Unsupported::Type(number) | Unsupported::Malformed(number)) => {
                vec![number]
            }
        }
    }
}

impl Response {
    /// The content of a frame that says this.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_into(&mut out);
        out
    }

    /// Appends the content of a frame that says this.
    pub(super) fn encode_into(&self, out: &mut Vec<u8>) {
        match self {
            Self::Failure => out.push(FAILURE),
            Self::Success => out.push(SUCCESS),
            Self::ExtensionFailure => out.push(EXTENSION_FAILURE),
            Self::Identities(identities) => {
                out.push(IDENTITIES_ANSWER);
                let count = u32::try_from(identities.len()).unwrap_or(u32::MAX);
                out.extend(count.to_be_bytes());
                for identity in identities {
                    put_string(out, &identity.key_blob);
                    put_string(out, &identity.comment);
                }
            }
            Self::Passed(message) => out.extend(message),
            Self::Signature(signature) => {
                out.push(SIGN_RESPONSE);
                put_string(out, signature);
            }
            // Section 5.8.1: bare strings to the end, no count and no length around them.
            Self::Extensions(names) => {
                out.push(EXTENSION_RESPONSE);
                put_string(out, QUERY.as_bytes());
                names
                    .iter()
                    .for_each(|name| put_string(out, name.as_bytes()));
            }
        }
    }

    /// Reads the list of keys out of the content of a frame.
    ///
    /// The client's half, as the upstream agent answers.
    ///
    /// # Errors
    /// If it is no such list.
    pub fn identities(message: &[u8]) -> Result<Vec<Identity>, Malformed> {
        let mut wire = Wire::new(message);
        if wire.byte()? != IDENTITIES_ANSWER {
            return Err(Malformed);
        }
        let mut identities = Vec::new();
        for _ in 0..wire.uint32()? {
            let (key_blob, comment) = (wire.string()?, wire.string()?);
            identities.push(Identity {
                key_blob: key_blob.into(),
                comment: comment.into(),
            });
        }
        wire.end().map(|()| identities)
    }
}

fn sign(mut wire: Wire<'_>) -> Result<Request<'_>, Malformed> {
    let request = Request::Sign {
        key_blob: wire.string()?,
        data: wire.string()?,
        flags: wire.uint32()?,
    };
    wire.end().map(|()| request)
}

fn only_string(mut wire: Wire<'_>) -> Result<&[u8], Malformed> {
    let string = wire.string()?;
    wire.end().map(|()| string)
}

fn extension(mut wire: Wire<'_>) -> Result<Request<'_>, Malformed> {
    let name = wire.string()?;
    if name == SESSION_BIND.as_bytes() {
        Ok(Request::SessionBind(wire.rest()))
    } else if name == QUERY.as_bytes() {
        wire.end().map(|()| Request::Query)
    } else {
        Ok(Request::Unsupported(Unsupported::Extension))
    }
}

/// The extensions that are offered, as `query` names them.
///
/// `restrict-destination-v00@openssh.com` is a constraint and not a message, so it is not named;
/// OpenSSH's agent does not either.
pub const EXTENSIONS: &[&str] = &[SESSION_BIND];

const QUERY: &str = "query";
const SESSION_BIND: &str = "session-bind@openssh.com";

// RFC 9987 section 6.1.
pub(super) const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
// Of version 1 of SSH, still sent by `ssh-add -D`.
const REMOVE_ALL_OF_VERSION_1: u8 = 9;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const ADD_IDENTITY: u8 = 17;
const REMOVE_IDENTITY: u8 = 18;
const REMOVE_ALL_IDENTITIES: u8 = 19;
const LOCK: u8 = 22;
const UNLOCK: u8 = 23;
const ADD_ID_CONSTRAINED: u8 = 25;
const EXTENSION: u8 = 27;
const EXTENSION_FAILURE: u8 = 28;
const EXTENSION_RESPONSE: u8 = 29;

#[cfg(test)]
mod tests;
