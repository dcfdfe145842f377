//! What a client wants signed, read from the bytes to be signed.
//!
//! A signature over one thing must never be usable as a signature over another, so each form is
//! recognised in full, to its last byte; whatever is not is [`Payload::Unknown`]. Nothing here is
//! believed: that a payload names a host says nothing until [`super::bind::Bound::destination`]
//! has tied it to the connection.

use crate::wire::{Malformed, Wire};

/// The kinds of data that are signed with SSH keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A login (RFC 4252 section 7).
    Login(Login),
    /// A file or a git object (`ssh-keygen -Y sign`, PROTOCOL.sshsig).
    File {
        /// Where the signature counts: `file`, `git`, …
        namespace: String,
        /// The hash under it.
        hash: String,
    },
    /// A certificate: the key would act as a certificate authority.
    Certificate,
    /// Something else: a challenge of another protocol, random bytes.
    Unknown,
}

/// The fields of a signed login request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The session the signature counts in.
    pub session_id: Vec<u8>,
    /// The account on the host.
    pub user: String,
    /// The service, `ssh-connection`.
    pub service: String,
    /// The signature algorithm.
    pub algorithm: String,
    /// The public key.
    pub key_blob: Vec<u8>,
    /// The host's key, if the host knows `publickey-hostbound-v00@openssh.com`.
    pub host_key: Option<Vec<u8>>,
}

impl Payload {
    /// Tells what `data` is.
    #[must_use]
    pub fn parse(data: &[u8]) -> Self {
        login(data)
            .map(Self::Login)
            .or_else(|_| file(data))
            .or_else(|_| certificate(data))
            .unwrap_or(Self::Unknown)
    }
}

fn login(data: &[u8]) -> Result<Login, Malformed> {
    let mut wire = Wire::new(data);
    let session_id = wire.string()?;
    // Session ids are hashes; OpenSSH's agent takes up to 128 bytes.
    if session_id.is_empty() || session_id.len() > 128 || wire.byte()? != USERAUTH_REQUEST {
        return Err(Malformed);
    }
    let (user, service, method) = (wire.text()?, wire.text()?, wire.text()?);
    // What is signed says so with a 1, and nothing else is signed for a login.
    if service != "ssh-connection" || wire.byte()? != 1 {
        return Err(Malformed);
    }
    let (algorithm, key_blob) = (wire.text()?, wire.string()?);
    let host_key = match method {
        "publickey" => None,
        "publickey-hostbound-v00@openssh.com" => Some(wire.string()?.to_vec()),
        _ => return Err(Malformed),
    };
    wire.end()?;
    Ok(Login {
        session_id: session_id.to_vec(),
        user: user.to_owned(),
        service: service.to_owned(),
        algorithm: algorithm.to_owned(),
        key_blob: key_blob.to_vec(),
        host_key,
    })
}

/// What is signed has no version field; only the finished signature has one.
fn file(data: &[u8]) -> Result<Payload, Malformed> {
    let mut wire = Wire::new(data.strip_prefix(b"SSHSIG").ok_or(Malformed)?);
    let (namespace, _reserved) = (wire.text()?, wire.string()?);
    let (hash, digest) = (wire.text()?, wire.string()?);
    wire.end()?;
    let length = match hash {
        "sha256" => 32,
        "sha512" => 64,
        _ => return Err(Malformed),
    };
    if namespace.is_empty() || digest.len() != length {
        return Err(Malformed);
    }
    Ok(Payload::File {
        namespace: namespace.to_owned(),
        hash: hash.to_owned(),
    })
}

/// Told by its first field alone, as none but a certificate may ever pass for one.
fn certificate(data: &[u8]) -> Result<Payload, Malformed> {
    let algorithm = Wire::new(data).text()?;
    if algorithm.contains("-cert-v0") {
        Ok(Payload::Certificate)
    } else {
        Err(Malformed)
    }
}

/// SSH_MSG_USERAUTH_REQUEST.
const USERAUTH_REQUEST: u8 = 50;

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::put_string;

    /// The bytes a client wants signed for this login.
    pub(in crate::agent) fn login_data(login: &Login) -> Vec<u8> {
        let mut data = Vec::new();
        put_string(&mut data, &login.session_id);
        data.push(USERAUTH_REQUEST);
        put_string(&mut data, login.user.as_bytes());
        put_string(&mut data, login.service.as_bytes());
        let method: &[u8] = match login.host_key {
            None => b"publickey",
            Some(_) => b"publickey-hostbound-v00@openssh.com",
        };
        put_string(&mut data, method);
        data.push(1);
        put_string(&mut data, login.algorithm.as_bytes());
        put_string(&mut data, &login.key_blob);
        if let Some(host_key) = &login.host_key {
            put_string(&mut data, host_key);
        }
        data
    }

    pub(in crate::agent) fn a_login() -> Login {
        Login {
            session_id: vec![7; 32],
            user: "root".to_owned(),
            service: "ssh-connection".to_owned(),
            algorithm: "ssh-ed25519".to_owned(),
            key_blob: vec![1, 2, 3],
            host_key: None,
        }
    }

    fn file_data(namespace: &str, hash: &str, digest: &[u8]) -> Vec<u8> {
        let mut data = b"SSHSIG".to_vec();
        for part in [namespace.as_bytes(), b"", hash.as_bytes(), digest] {
            put_string(&mut data, part);
        }
        data
    }

    #[test]
    fn a_git_signature_is_recognised_without_a_version() {
        let data = file_data("git", "sha512", &[9; 64]);
        assert_eq!(data.len(), 95);
        let expected = Payload::File {
            namespace: "git".to_owned(),
            hash: "sha512".to_owned(),
        };
        assert_eq!(Payload::parse(&data), expected);
    }

    #[test]
    fn a_file_signature_that_is_not_exact_is_unknown() {
        let version = [
            b"SSHSIG".as_slice(),
            &[0, 0, 0, 1],
            &file_data("git", "sha512", &[9; 64])[6..],
        ]
        .concat();
        for data in [
            version,
            file_data("", "sha512", &[9; 64]),
            file_data("git", "sha512", &[9; 32]),
            file_data("git", "md5", &[9; 16]),
            [file_data("git", "sha256", &[9; 32]), vec![0]].concat(),
        ] {
            assert_eq!(Payload::parse(&data), Payload::Unknown);
        }
    }

    #[test]
    fn a_certificate_to_be_signed_is_recognised_from_its_first_field() {
        let mut data = Vec::new();
        put_string(&mut data, b"ssh-ed25519-cert-v01@openssh.com");
        data.extend([1, 2, 3]);
        assert_eq!(Payload::parse(&data), Payload::Certificate);
    }

    #[test]
    fn a_login_for_another_service_or_method_is_unknown() {
        let mut other_service = a_login();
        other_service.service = "ssh-userauth".to_owned();
        let mut no_session = a_login();
        no_session.session_id.clear();
        let mut long_session = a_login();
        long_session.session_id = vec![0; 129];
        for login in [other_service, no_session, long_session] {
            assert_eq!(Payload::parse(&login_data(&login)), Payload::Unknown);
        }
        assert_eq!(Payload::parse(&[0; 1024]), Payload::Unknown);
        assert_eq!(Payload::parse(b""), Payload::Unknown);
    }

    prop_compose! {
        fn any_login()(
            session_id in proptest::collection::vec(any::<u8>(), 1..=128),
            user in "[a-z0-9._@\\\\ \u{e4}-]{0,32}",
            algorithm in "[a-z0-9@.-]{1,40}",
            key_blob in proptest::collection::vec(any::<u8>(), 0..80),
            host_key in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..80)),
        ) -> Login {
            Login { session_id, user, service: "ssh-connection".to_owned(), algorithm, key_blob, host_key }
        }
    }

    proptest! {
        #[test]
        fn a_login_is_read_as_it_was_written(login in any_login()) {
            prop_assert_eq!(Payload::parse(&login_data(&login)), Payload::Login(login));
        }

        #[test]
        fn a_login_cut_short_or_with_more_behind_it_is_none(login in any_login(), cut in 0usize..400) {
            let mut data = login_data(&login);
            let cut = cut % data.len();
            prop_assert!(!matches!(Payload::parse(&data[..cut]), Payload::Login(_)));
            data.push(0);
            prop_assert!(!matches!(Payload::parse(&data), Payload::Login(_)));
        }

        #[test]
        fn any_bytes_are_some_payload(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Payload::parse(&data), Payload::parse(&data.clone()));
        }
    }
}
