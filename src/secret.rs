//! Secret bytes while we hold them.
//!
//! Enters: what a vault gave out. Leaves: nothing but what a closure makes of it, inside
//! [`crate::window::Windows::with`]. Material is never cloned, compared, printed or serialised,
//! and is wiped when it is dropped.

use zeroize::Zeroizing;

use certified_key::CertifiedKey;
use client_certificate::ClientCertificate;
use locked::LockedBytes;
use private_key::PrivateKey;
use vault_key::VaultKey;

pub mod certificate;
pub mod certified_key;
pub mod client_certificate;
pub mod locked;
pub mod private_key;
pub mod vault_key;

/// The secret bytes of a credential.
pub enum Material {
    /// A key that was made for this window, with its certificate.
    Certified(CertifiedKey),
    /// A certificate for TLS, with its key.
    ClientCertificate(ClientCertificate),
    /// A private key.
    Key(PrivateKey),
    /// A password.
    Password(Password),
    /// What signs with a key that stays in its vault.
    VaultKey(VaultKey),
}

impl Material {
    /// What a person should know of it: some programs may not take it as it is.
    #[must_use]
    pub fn oddities(&self) -> &[Oddity] {
        match self {
            Self::Certified(_) | Self::ClientCertificate(_) | Self::Key(_) | Self::VaultKey(_) => {
                &[]
            }
            Self::Password(password) => &password.oddities,
        }
    }
}

/// A password: one line of text that a terminal or PAM can take.
pub struct Password {
    bytes: LockedBytes,
    oddities: Vec<Oddity>,
}

impl Password {
    /// Takes what a vault holds as a password; one final line break is not part of it.
    ///
    /// # Errors
    /// If it is empty, has a line break or NUL inside, or is longer than sudo and PAM accept.
    pub fn parse(value: Zeroizing<Vec<u8>>) -> Result<Self, PasswordProblem> {
        let (value, oddities) = Self::prepared(value)?;
        Ok(Self {
            bytes: LockedBytes::copy_of(&value),
            oddities,
        })
    }

    /// The same as it is stored: without a final line break, and what is odd about it.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn prepared(
        mut value: Zeroizing<Vec<u8>>,
    ) -> Result<(Zeroizing<Vec<u8>>, Vec<Oddity>), PasswordProblem> {
        for end in [b'\n', b'\r'] {
            if value.last() == Some(&end) {
                value.pop();
            }
        }
        if value.is_empty() {
            return Err(PasswordProblem::Empty);
        }
        if value.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
            return Err(PasswordProblem::LineBreak);
        }
        if value.len() > LONGEST_PASSWORD {
            return Err(PasswordProblem::TooLong);
        }
        let oddities = Oddity::of(&value);
        Ok((value, oddities))
    }

    /// The bytes, without a line break. Call it only inside a closure given to a window.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.bytes
    }
}

/// What is odd about a password that is given all the same, as it is. Says nothing of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oddity {
    /// A control character, such as a tab or an escape.
    ControlCharacter,
    /// A space at the beginning or the end, often a mistake of whoever stored it.
    EdgeSpace,
    /// Bytes that are not UTF-8.
    NotUtf8,
}

impl Oddity {
    fn of(value: &[u8]) -> Vec<Self> {
        let edges = [value.first(), value.last()];
        let mut found = Vec::new();
        if value.iter().any(u8::is_ascii_control) {
            found.push(Self::ControlCharacter);
        }
        if edges.contains(&Some(&b' ')) {
            found.push(Self::EdgeSpace);
        }
        if std::str::from_utf8(value).is_err() {
            found.push(Self::NotUtf8);
        }
        found
    }
}

impl std::fmt::Display for Oddity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ControlCharacter => "it has a control character, which a terminal takes as a key",
            Self::EdgeSpace => "it has a space at its beginning or end, which counts",
            Self::NotUtf8 => "it is not UTF-8, which some programs refuse or change",
        })
    }
}

/// Why a value cannot serve as a password. Says nothing of the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Nothing there.
    #[error("the secret is empty")]
    Empty,
    /// A line break or NUL, so that a reader would take only a part.
    #[error("the secret has a line break or a NUL inside")]
    LineBreak,
    /// Longer than PAM accepts.
    #[error("the secret is longer than the 511 bytes that sudo and PAM accept")]
    TooLong,
}

/// sudo 1.9 and PAM take 511 bytes and fail at 512.
const LONGEST_PASSWORD: usize = 511;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(value: &[u8]) -> Result<Vec<u8>, PasswordProblem> {
        Password::parse(Zeroizing::new(value.to_vec())).map(|p| p.expose_secret().to_vec())
    }

    #[test]
    fn one_final_line_break_is_not_part_of_a_password() {
        assert_eq!(parse(b"s3cret\n").unwrap(), b"s3cret");
        assert_eq!(parse(b"s3cret\r\n").unwrap(), b"s3cret");
        assert_eq!(parse(b" s3cret ").unwrap(), b" s3cret ");
    }

    #[test]
    fn what_is_odd_is_told_and_given_as_it_is() {
        let odd = |value: &[u8]| {
            let password = Password::parse(Zeroizing::new(value.to_vec())).unwrap();
            assert_eq!(password.expose_secret(), value);
            Material::Password(password).oddities().to_vec()
        };
        assert_eq!(odd(b"correct horse"), []);
        assert_eq!(odd("Stra\u{df}e".as_bytes()), []);
        assert_eq!(odd(b" s3cret"), [Oddity::EdgeSpace]);
        assert_eq!(odd(b"s3cret "), [Oddity::EdgeSpace]);
        assert_eq!(odd(b"s3\tcret"), [Oddity::ControlCharacter]);
        assert_eq!(odd(b"s3\xfccret"), [Oddity::NotUtf8]);
        let all = [Oddity::ControlCharacter, Oddity::EdgeSpace, Oddity::NotUtf8];
        assert_eq!(odd(b" \x1b\xff"), all);
    }

    #[test]
    fn what_a_prompt_would_read_only_in_part_is_refused() {
        assert_eq!(parse(b"a\nb"), Err(PasswordProblem::LineBreak));
        assert_eq!(parse(b"a\n\n"), Err(PasswordProblem::LineBreak));
        assert_eq!(parse(b"a\0b"), Err(PasswordProblem::LineBreak));
        assert_eq!(parse(b"\n"), Err(PasswordProblem::Empty));
        assert_eq!(parse(b""), Err(PasswordProblem::Empty));
        assert_eq!(parse(&[b'a'; 512]), Err(PasswordProblem::TooLong));
        assert!(parse(&[b'a'; 511]).is_ok());
    }
}
