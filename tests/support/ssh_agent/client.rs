//! A client of the agent protocol that says exactly the bytes it is told to, right or wrong.
//!
//! It shares no code with the agent, so that a mistake on one side is not one on both.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// One connection to an agent.
pub struct Client(pub UnixStream);

impl Client {
    #[track_caller]
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        // Nothing here takes long; a test must not hang where an answer is missing.
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        Self(stream)
    }

    /// Sends a message and reads the answer to it.
    pub fn try_ask(&mut self, message: &[u8]) -> io::Result<Answer> {
        self.0.write_all(&framed(message))?;
        self.answer()
    }

    #[track_caller]
    pub fn ask(&mut self, message: &[u8]) -> Answer {
        self.try_ask(message).unwrap_or_else(|error| {
            panic!(
                "no answer to a message of type {:?}: {error}",
                message.first()
            )
        })
    }

    pub fn answer(&mut self) -> io::Result<Answer> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length) as usize;
        assert!(length <= LONGEST, "an answer of {length} bytes");
        let mut content = vec![0; length];
        self.0.read_exact(&mut content)?;
        Ok(Answer::read(&content))
    }

    /// Whether the agent hangs up rather than answers.
    pub fn is_hung_up_on(&mut self) -> bool {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
}

/// What an agent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Failure,
    Success,
    ExtensionFailure,
    /// Blobs and comments.
    Identities(Vec<(Vec<u8>, Vec<u8>)>),
    /// A signature as SSH encodes it.
    Signature(Vec<u8>),
    Extension(Vec<u8>),
    /// What no agent may say.
    Nonsense(Vec<u8>),
}

impl Answer {
    fn read(content: &[u8]) -> Self {
        Self::parse(content).unwrap_or_else(|| Self::Nonsense(content.to_vec()))
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let mut fields = Fields(content.get(1..)?);
        let answer = match content.first()? {
            5 => Self::Failure,
            6 => Self::Success,
            12 => {
                let count = fields.uint32()?;
                let identities = (0..count).map(|_| Some((fields.string()?, fields.string()?)));
                Self::Identities(identities.collect::<Option<_>>()?)
            }
            14 => Self::Signature(fields.string()?),
            28 => Self::ExtensionFailure,
            29 => {
                let rest = fields.0.to_vec();
                fields.0 = &[];
                Self::Extension(rest)
            }
            _ => return None,
        };
        fields.0.is_empty().then_some(answer)
    }

    #[track_caller]
    pub fn signature(self) -> Vec<u8> {
        match self {
            Self::Signature(signature) => signature,
            other => panic!("{other:?} instead of a signature"),
        }
    }

    #[track_caller]
    pub fn blobs(self) -> Vec<Vec<u8>> {
        match self {
            Self::Identities(all) => all.into_iter().map(|(blob, _)| blob).collect(),
            other => panic!("{other:?} instead of identities"),
        }
    }
}

/// Reads the parts of SSH wire data.
pub struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    pub fn uint32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    pub fn string(&mut self) -> Option<Vec<u8>> {
        let length = self.uint32()? as usize;
        let (string, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(string.to_vec())
    }
}

pub fn framed(message: &[u8]) -> Vec<u8> {
    string(message)
}

pub fn string(bytes: &[u8]) -> Vec<u8> {
    let mut out = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    out.extend(bytes);
    out
}

pub fn message(number: u8, strings: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![number];
    out.extend(strings.iter().flat_map(|it| string(it)));
    out
}

pub fn list() -> Vec<u8> {
    vec![11]
}

pub fn sign(blob: &[u8], data: &[u8], flags: u32) -> Vec<u8> {
    let mut out = message(13, &[blob, data]);
    out.extend(flags.to_be_bytes());
    out
}

pub fn remove(blob: &[u8]) -> Vec<u8> {
    message(18, &[blob])
}

pub fn remove_all() -> Vec<u8> {
    vec![19]
}

pub fn lock(passphrase: &[u8]) -> Vec<u8> {
    message(22, &[passphrase])
}

pub fn unlock(passphrase: &[u8]) -> Vec<u8> {
    message(23, &[passphrase])
}

pub fn extension(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = message(27, &[name.as_bytes()]);
    out.extend(content);
    out
}

/// Constraints, as they follow a key.
pub mod constraint {
    use super::string;

    pub fn lifetime(seconds: u32) -> Vec<u8> {
        let mut out = vec![1];
        out.extend(seconds.to_be_bytes());
        out
    }

    pub fn confirm() -> Vec<u8> {
        vec![2]
    }

    pub fn extension(name: &str, content: &[u8]) -> Vec<u8> {
        let mut out = vec![255];
        out.extend(string(name.as_bytes()));
        out.extend(content);
        out
    }

    /// One hop, from here to `host` by any of `keys`, as section 5.2.7.1 of the RFC's OpenSSH
    /// companion nests it.
    pub fn destination(host: &str, user: &str, keys: &[&[u8]]) -> Vec<u8> {
        let hop = |user: &str, host: &str, keys: &[&[u8]]| {
            let mut out = [
                string(user.as_bytes()),
                string(host.as_bytes()),
                string(b""),
            ]
            .concat();
            for key in keys {
                out.extend(string(key));
                out.push(0);
            }
            out
        };
        let one = [
            string(&hop("", "", &[])),
            string(&hop(user, host, keys)),
            string(b""),
        ];
        let list = string(&one.concat());
        extension("restrict-destination-v00@openssh.com", &string(&list))
    }
}

/// The longest message either side may send.
pub const LONGEST: usize = 256 * 1024;
