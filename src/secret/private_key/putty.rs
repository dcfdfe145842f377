//! PuTTY's files for private keys, versions 2 and 3 (PuTTY's manual, appendix C).
//!
//! Not through the `ssh-key` crate: it fills up an Ed25519 number at the wrong end, so that one key
//! in 256 would not be read. Enters: the text; its fields are found by their names, so line ends
//! carry no meaning. Leaves: the numbers of the key, as OpenSSH writes them. What never happens
//! here: numbers whose check sum, which covers every field, was not verified.

use aws_lc_rs::{digest, hmac};
use zeroize::Zeroizing;

use super::KeyProblem;
use super::armour::{decoded, text};
use super::putty_cipher::Keys;
use super::repair::{self, Repair};
use crate::wire::{Wire, put_string};

/// One file, its fields as they were written.
pub(super) struct File<'a> {
    version: Version,
    /// The name of the algorithm.
    kind: &'a str,
    encryption: &'a str,
    comment: &'a str,
    public: Zeroizing<Vec<u8>>,
    /// How the passphrase is made into keys, in version 3.
    derivation: &'a str,
    private: Zeroizing<Vec<u8>>,
    mac: &'a str,
    repairs: Vec<Repair>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    Two,
    Three,
}

impl<'a> File<'a> {
    /// The file in what was stored, if it is one of PuTTY's.
    pub(super) fn find(bytes: &'a [u8]) -> Result<Option<Self>, KeyProblem> {
        let whole = text(bytes)?;
        let start = whole.trim_start_matches(|c: char| c.is_whitespace() || c == '"');
        let Some(rest) = start.strip_prefix("PuTTY-User-Key-File-") else {
            return Ok(None);
        };
        let (version, rest) = match (rest.strip_prefix("2:"), rest.strip_prefix("3:")) {
            (Some(rest), _) => (Version::Two, rest),
            (_, Some(rest)) => (Version::Three, rest),
            _ => return Err(KeyProblem::Putty),
        };
        let (kind, rest) = cut(rest, "Encryption:")?;
        let (encryption, rest) = cut(rest, "Comment:")?;
        let (comment, rest) = cut(rest, "Public-Lines:")?;
        let (public, rest) = cut(rest, "Private-Lines:")?;
        let (public, derivation) = match public.split_once("Key-Derivation:") {
            Some((public, derivation)) => (public, derivation),
            None => (public, ""),
        };
        let (private, mac) = cut(rest, "Private-MAC:")?;
        Ok(Some(Self {
            version,
            kind,
            encryption,
            comment,
            public: lines(public)?,
            derivation,
            private: lines(private)?,
            mac: trimmed(mac.trim_end_matches('"')),
            repairs: repairs(bytes, whole),
        }))
    }

    /// What had to be mended.
    pub(super) fn repairs(&self) -> Vec<Repair> {
        self.repairs.clone()
    }

    pub(super) fn is_protected(&self) -> bool {
        self.encryption != "none"
    }

    /// Its kind and numbers, public and private.
    pub(super) fn numbers(&self, passphrase: Option<&[u8]>) -> Result<Numbers, KeyProblem> {
        let keys = match (self.encryption, passphrase) {
            ("none", _) => Keys::none(self.version),
            ("aes256-cbc", Some(passphrase)) => {
                Keys::derived(self.version, self.derivation, passphrase)?
            }
            ("aes256-cbc", None) => return Err(KeyProblem::Encrypted),
            _ => return Err(KeyProblem::unsupported("encrypted in an unknown way")),
        };
        let mut private = Zeroizing::new(self.private.to_vec());
        keys.decrypt(&mut private)?;
        if !self.is_whole(&keys, &private) {
            return Err(match self.is_protected() {
                true => KeyProblem::WrongPassphrase,
                false => KeyProblem::damaged("its check sum (Private-MAC) is wrong"),
            });
        }
        self.written(&private)
    }

    /// Whether the check sum is that of all fields.
    fn is_whole(&self, keys: &Keys, private: &[u8]) -> bool {
        let fields = [self.kind, self.encryption, self.comment].map(str::as_bytes);
        let room = 20 + self.comment.len() + self.public.len() + private.len() + 64;
        let mut covered = Zeroizing::new(Vec::with_capacity(room));
        for field in fields.into_iter().chain([&**self.public, private]) {
            put_string(&mut covered, field);
        }
        let algorithm = match self.version {
            Version::Two => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Version::Three => hmac::HMAC_SHA256,
        };
        let key = hmac::Key::new(algorithm, keys.mac());
        hex(self.mac).is_some_and(|mac| hmac::verify(&key, &covered, &mac).is_ok())
    }

    /// As OpenSSH writes numbers: those of the public half first.
    fn written(&self, private: &[u8]) -> Result<Numbers, KeyProblem> {
        let (mut public, mut private) = (Wire::new(&self.public), Wire::new(private));
        let kind = public.string()?;
        let room = 64 + self.public.len() + private.rest().len();
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        put_string(&mut out, kind);
        match kind {
            b"ssh-ed25519" => {
                let point = public.string()?;
                put_string(&mut out, point);
                put_string(&mut out, &*seed_and(private.string()?, point)?);
            }
            b"ssh-rsa" => {
                let (e, n) = (public.string()?, public.string()?);
                let (d, p, q) = (private.string()?, private.string()?, private.string()?);
                for number in [n, e, d, private.string()?, p, q] {
                    put_string(&mut out, number);
                }
            }
            name if name.starts_with(b"ecdsa-sha2-") => {
                for part in [public.string()?, public.string()?, private.string()?] {
                    put_string(&mut out, part);
                }
            }
            b"ssh-dss" => return Err(KeyProblem::Dsa),
            _ => return Err(KeyProblem::unsupported("a key of an unknown type")),
        }
        Ok(out)
    }
}

/// Kind and numbers of a key as `ssh-add` would send them, without a comment.
pub(super) type Numbers = Zeroizing<Vec<u8>>;

/// PuTTY writes the seed as a little-endian number, without zeros at its end.
fn seed_and(number: &[u8], point: &[u8]) -> Result<Zeroizing<[u8; 64]>, KeyProblem> {
    let mut both = Zeroizing::new([0; 64]);
    let (seed, public) = both.split_at_mut(32);
    let wrong = || KeyProblem::damaged("its numbers are of a wrong length");
    let slot = seed.get_mut(..number.len()).ok_or_else(wrong)?;
    slot.copy_from_slice(number);
    if point.len() != public.len() {
        return Err(wrong());
    }
    public.copy_from_slice(point);
    Ok(both)
}

/// What stands before the field of that name, and what follows the name.
fn cut<'a>(text: &'a str, name: &str) -> Result<(&'a str, &'a str), KeyProblem> {
    let (value, rest) = text.split_once(name).ok_or_else(|| {
        KeyProblem::damaged(format!("its line {name} is missing, or what follows it"))
    })?;
    Ok((trimmed(value), rest))
}

/// Without the line ends around it, real ones or the characters `\n`.
fn trimmed(value: &str) -> &str {
    let mut value = value.trim();
    for literal in ["\\n", "\\r"] {
        value = value.strip_suffix(literal).unwrap_or(value);
    }
    value.trim()
}

/// The bytes of a field of several lines: their number, then base64.
fn lines(field: &str) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
    // Base64 may begin with a digit too, after the white space.
    let field = field
        .trim_start()
        .trim_start_matches(|c: char| c.is_ascii_digit());
    let mut packed = Zeroizing::new(Vec::with_capacity(field.len()));
    let mut bytes = field.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => {
                bytes.next();
            }
            byte if byte.is_ascii_whitespace() => {}
            byte => packed.push(byte),
        }
    }
    decoded(&packed)
}

pub(super) fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    digits.collect()
}

fn repairs(bytes: &[u8], whole: &str) -> Vec<Repair> {
    let mut found = repair::around(bytes);
    // PuTTY writes them itself where it runs on Windows.
    found.retain(|repair| *repair != Repair::CarriageReturns);
    found.push(Repair::Putty);
    if !whole.trim_end().contains(['\n', '\r']) {
        found.push(match whole.contains("\\n") {
            true => Repair::LiteralLineEnds,
            false => Repair::LostLineEnds,
        });
    }
    found.sort_unstable();
    found
}

/// What version 2 hashes with the passphrase for its check sum.
pub(super) fn mac_key_of_two(passphrase: &[u8]) -> digest::Digest {
    let mut hash = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(b"putty-private-key-file-mac-key");
    hash.update(passphrase);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::super::PrivateKey;
    use super::*;

    /// A file as PuTTY writes it, of a seed without the zeros at its end.
    fn written(seed: &[u8; 32], length: usize) -> String {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).unwrap();
        let (mut public, mut private, mut covered) = (Vec::new(), Vec::new(), Vec::new());
        put_string(&mut public, b"ssh-ed25519");
        put_string(&mut public, pair.public_key().as_ref());
        put_string(&mut private, &seed[..length]);
        for field in [b"ssh-ed25519".as_slice(), b"none", b"c", &public, &private] {
            put_string(&mut covered, field);
        }
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b""), &covered);
        let mac: String = mac
            .as_ref()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (public, private) = (STANDARD.encode(public), STANDARD.encode(private));
        format!(
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: c\nPublic-Lines: 1\n\
             {public}\nPrivate-Lines: 1\n{private}\nPrivate-MAC: {mac}\n"
        )
    }

    #[test]
    fn a_seed_that_ends_in_zeros_is_read_with_and_without_them() {
        let mut seed = [7; 32];
        seed[30..].fill(0);
        for length in [30, 31, 32] {
            let read = PrivateKey::parse(written(&seed, length).as_bytes());
            assert!(read.is_ok(), "{length}: {:?}", read.err());
        }
    }

    #[test]
    fn a_number_of_a_wrong_length_is_no_seed() {
        assert!(seed_and(&[1; 33], &[1; 32]).is_err());
        assert!(seed_and(&[1; 32], &[1; 31]).is_err());
        let mut seed = [7; 32];
        seed[30..].fill(0);
        // Whole by its check sum, and still another key than its public half says.
        let read = PrivateKey::parse(written(&seed, 29).as_bytes());
        assert!(read.err().unwrap().to_string().contains("do not"));
    }
}
