//! The messages of the agent protocol (RFC 9987 sections 4 and 5).
//!
//! In goes the content of one frame, out comes a [`Request`]; in goes a [`Response`], out comes
//! the content of one frame. Parsing never fails and never closes a connection: what is unknown,
//! not supported or malformed is [`Request::Unsupported`], and the RFC wants FAILURE for it.

use crate::wire::{Malformed, Wire, put_string};

/// What a client asks for.
///
/// Has no `Debug` outside of tests, so that no request can be logged.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub enum Request {
    /// The list of keys.
    Identities,
    /// A signature.
    Sign {
        /// The public key to sign with.
        key_blob: Vec<u8>,
        /// What to sign.
        data: Vec<u8>,
        /// Which hash to use.
        flags: u32,
    },
    /// To forget everything; answered with SUCCESS only when it is done.
    RemoveAll,
    /// Which extensions there are.
    Query,
    /// To tie this connection to an SSH session. The content is not parsed yet, as a broken one
    /// has to be remembered as a failed binding.
    SessionBind(Vec<u8>),
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
    /// The public key as SSH encodes it.
    pub key_blob: Vec<u8>,
    /// What it is called. Comments travel to the hosts an agent is forwarded to, so this must not
    /// tell of vaults, tenants or tickets.
    pub comment: String,
}

impl Request {
    /// Reads the content of a frame.
    #[must_use]
    pub fn parse(message: &[u8]) -> Self {
        let mut wire = Wire::new(message);
        let Ok(number) = wire.byte() else {
            return Self::Unsupported(Unsupported::Malformed(0));
        };
        let parsed = match number {
            REQUEST_IDENTITIES => wire.end().map(|()| Self::Identities),
            SIGN_REQUEST => sign(wire),
            REMOVE_ALL_IDENTITIES => wire.end().map(|()| Self::RemoveAll),
            EXTENSION => extension(wire),
            other => Ok(Self::Unsupported(Unsupported::Type(other))),
        };
        parsed.unwrap_or(Self::Unsupported(Unsupported::Malformed(number)))
    }

    /// The content of a frame that asks for this.
    ///
    /// This is the client's half: tests and tools speak through it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Identities => vec![REQUEST_IDENTITIES],
            Self::Sign {
                key_blob,
                data,
                flags,
            } => {
                let mut out = vec![SIGN_REQUEST];
                put_string(&mut out, key_blob);
                put_string(&mut out, data);
                out.extend(flags.to_be_bytes());
                out
            }
            Self::RemoveAll => vec![REMOVE_ALL_IDENTITIES],
            Self::Query => {
                let mut out = vec![EXTENSION];
                put_string(&mut out, QUERY.as_bytes());
                out
            }
            Self::SessionBind(content) => {
                let mut out = vec![EXTENSION];
                put_string(&mut out, SESSION_BIND.as_bytes());
                out.extend(content);
                out
            }
            Self::Unsupported(Unsupported::Type(number) | Unsupported::Malformed(number)) => {
                vec![*number]
            }
            Self::Unsupported(Unsupported::Extension) => {
                let mut out = vec![EXTENSION];
                put_string(&mut out, b"unknown@example.com");
                out
            }
        }
    }
}

impl Response {
    /// The content of a frame that says this.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Self::Failure => vec![FAILURE],
            Self::Success => vec![SUCCESS],
            Self::ExtensionFailure => vec![EXTENSION_FAILURE],
            Self::Identities(identities) => {
                let mut out = vec![IDENTITIES_ANSWER];
                let count = u32::try_from(identities.len()).unwrap_or(u32::MAX);
                out.extend(count.to_be_bytes());
                for identity in identities {
                    put_string(&mut out, &identity.key_blob);
                    put_string(&mut out, identity.comment.as_bytes());
                }
                out
            }
            Self::Signature(signature) => {
                let mut out = vec![SIGN_RESPONSE];
                put_string(&mut out, signature);
                out
            }
            // Section 5.8.1: bare strings to the end, no count and no length around them.
            Self::Extensions(names) => {
                let mut out = vec![EXTENSION_RESPONSE];
                put_string(&mut out, QUERY.as_bytes());
                for name in *names {
                    put_string(&mut out, name.as_bytes());
                }
                out
            }
        }
    }
}

fn sign(mut wire: Wire<'_>) -> Result<Request, Malformed> {
    let request = Request::Sign {
        key_blob: wire.string()?.to_vec(),
        data: wire.string()?.to_vec(),
        flags: wire.uint32()?,
    };
    wire.end().map(|()| request)
}

fn extension(mut wire: Wire<'_>) -> Result<Request, Malformed> {
    let name = wire.string()?;
    if name == SESSION_BIND.as_bytes() {
        Ok(Request::SessionBind(wire.rest().to_vec()))
    } else if name == QUERY.as_bytes() {
        wire.end().map(|()| Request::Query)
    } else {
        Ok(Request::Unsupported(Unsupported::Extension))
    }
}

/// The extensions that are offered, as `query` names them.
pub const EXTENSIONS: &[&str] = &[SESSION_BIND];

const QUERY: &str = "query";
const SESSION_BIND: &str = "session-bind@openssh.com";

// RFC 9987 section 6.1.
pub(super) const FAILURE: u8 = 5;
const SUCCESS: u8 = 6;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const REMOVE_ALL_IDENTITIES: u8 = 19;
const EXTENSION: u8 = 27;
const EXTENSION_FAILURE: u8 = 28;
const EXTENSION_RESPONSE: u8 = 29;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unsupported(message: &[u8]) -> Unsupported {
        match Request::parse(message) {
            Request::Unsupported(why) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_type_that_is_not_offered_is_told_apart_from_a_broken_one() {
        for number in (0..=255).filter(|number| ![11, 13, 19, 27].contains(number)) {
            assert_eq!(unsupported(&[number, 1, 2]), Unsupported::Type(number));
        }
        for number in [13, 27] {
            assert_eq!(unsupported(&[number]), Unsupported::Malformed(number));
        }
        assert_eq!(unsupported(&[]), Unsupported::Malformed(0));
    }

    #[test]
    fn bytes_after_the_end_are_malformed() {
        let sign = Request::Sign {
            key_blob: vec![1],
            data: vec![2],
            flags: 0,
        };
        for request in [
            Request::Identities,
            sign,
            Request::RemoveAll,
            Request::Query,
        ] {
            let mut message = request.encode();
            assert_eq!(Request::parse(&message), request);
            message.push(0);
            assert_eq!(unsupported(&message), Unsupported::Malformed(message[0]));
        }
    }

    #[test]
    fn an_unknown_extension_is_not_supported() {
        let mut message = vec![EXTENSION];
        put_string(&mut message, b"session-bind@openssh.org");
        assert_eq!(unsupported(&message), Unsupported::Extension);
    }

    #[test]
    fn query_answers_with_bare_names() {
        let encoded = Response::Extensions(EXTENSIONS).encode();
        let mut wire = Wire::new(&encoded);
        assert_eq!(wire.byte(), Ok(29));
        assert_eq!(wire.text(), Ok("query"));
        assert_eq!(wire.text(), Ok("session-bind@openssh.com"));
        assert_eq!(wire.end(), Ok(()));
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_what_is_parsed(
            key_blob in proptest::collection::vec(any::<u8>(), 0..60),
            data in proptest::collection::vec(any::<u8>(), 0..200),
            flags: u32,
        ) {
            let bind = Request::SessionBind(data.clone());
            prop_assert_eq!(Request::parse(&bind.encode()), bind);
            let sign = Request::Sign { key_blob, data, flags };
            prop_assert_eq!(Request::parse(&sign.encode()), sign);
        }

        #[test]
        fn any_bytes_are_some_request(message in proptest::collection::vec(any::<u8>(), 0..80)) {
            let request = Request::parse(&message);
            if !matches!(request, Request::Unsupported(_)) {
                prop_assert_eq!(request.encode(), message);
            }
        }
    }
}
