//! Finds the PEM block in what was stored, and mends what a web form or clipboard did to it.
//!
//! White space inside a PEM block carries no meaning, so line ends that were changed, doubled,
//! turned into spaces or into the two characters `\n` can be dropped without a guess.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::KeyProblem;

/// One PEM block of a private key: its label and what stands between its markers.
pub(super) struct Armour<'a> {
    before: &'a str,
    label: &'a str,
    body: &'a str,
    after: Option<&'a str>,
}

impl<'a> Armour<'a> {
    /// The first block that holds a private key. Certificates and parameters may stand around it.
    pub(super) fn find(bytes: &'a [u8]) -> Result<Self, KeyProblem> {
        let text = text(bytes)?;
        let mut rest = text;
        let mut seen = None;
        while let Some((label, after)) = split_marker(rest, "-----BEGIN ") {
            let Some((body, ending)) = after.split_once("-----END ") else {
                return Err(KeyProblem::damaged("its last line (-----END …) is missing"));
            };
            match label {
                "DSA PRIVATE KEY" => return Err(KeyProblem::Dsa),
                _ if label.ends_with("PRIVATE KEY") => {
                    let before = text.split_once(&format!("-----BEGIN {label}-----"));
                    return Ok(Self {
                        before: before.map_or("", |(before, _)| before),
                        label,
                        body,
                        after: ending.split_once("-----").map(|(_, after)| after),
                    });
                }
                _ => seen = seen.or(Some(label)),
            }
            rest = ending;
        }
        Err(seen.map_or_else(|| unarmoured(text), other_block))
    }

    pub(super) const fn label(&self) -> &'a str {
        self.label
    }

    /// What stands before its first marker.
    pub(super) const fn before(&self) -> &'a str {
        self.before
    }

    /// What stands between its markers.
    pub(super) const fn body(&self) -> &'a str {
        self.body
    }

    /// What stands behind its last marker, if that has all its dashes.
    pub(super) const fn after(&self) -> Option<&'a str> {
        self.after
    }

    /// Whether its base64 ends before a group of four does.
    pub(super) fn lacks_padding(&self) -> bool {
        self.packed().is_ok_and(|packed| packed.len() % 4 != 0)
    }

    /// The bytes of the block, in a buffer that is wiped and was never grown.
    pub(super) fn decode(&self) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
        decoded(&self.packed()?)
    }

    /// Its base64 without anything around the letters.
    fn packed(&self) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
        let mut packed = Zeroizing::new(Vec::with_capacity(self.body.len()));
        let mut bytes = self.body.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b'\\' => match bytes.next() {
                    Some(b'n' | b'r') => {}
                    _ => return Err(KeyProblem::damaged("it has a stray backslash")),
                },
                // Headers of the old PEM encryption: `Proc-Type: 4,ENCRYPTED`.
                b':' if self.body.contains("ENCRYPTED") => return Err(KeyProblem::Encrypted),
                b'\xc2' | b'\xe2' | b'\xef' => {
                    return Err(KeyProblem::damaged(
                        "it has invisible or typographic characters",
                    ));
                }
                other => packed.push(other),
            }
        }
        Ok(packed)
    }
}

/// What `packed` base64 says, in a buffer that is wiped and was never grown.
pub(super) fn decoded(packed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
    let mut decoded = Zeroizing::new(vec![0; packed.len() / 4 * 3 + 3]);
    let length = BASE64
        .decode_slice(packed, &mut decoded)
        // The library's error would name a character of the key.
        .map_err(|_| KeyProblem::damaged("its base64 is broken or cut short"))?;
    decoded.truncate(length);
    Ok(decoded)
}

/// A PEM block as its format's own program writes it, in a buffer that is wiped and was never grown.
pub(in crate::secret) fn written(label: &str, body: &[u8]) -> Zeroizing<Vec<u8>> {
    let width = if label.starts_with("OPENSSH") { 70 } else { 64 };
    let packed = Zeroizing::new(BASE64.encode(body));
    let room = packed.len() + packed.len() / width + 2 * label.len() + 64;
    let mut out = Zeroizing::new(Vec::with_capacity(room));
    out.extend_from_slice(format!("-----BEGIN {label}-----\n").as_bytes());
    for line in packed.as_bytes().chunks(width) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
    out.extend_from_slice(format!("-----END {label}-----\n").as_bytes());
    out
}

/// What was stored, as text without a byte order mark.
pub(super) fn text(bytes: &[u8]) -> Result<&str, KeyProblem> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(KeyProblem::NotAKey("it is UTF-16 text".to_owned()));
    }
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let text =
        std::str::from_utf8(bytes).map_err(|_| KeyProblem::NotAKey("it is not text".to_owned()))?;
    if text.trim().is_empty() {
        return Err(KeyProblem::Empty);
    }
    Ok(text)
}

/// Cuts `…-----BEGIN LABEL-----rest` into label and rest.
fn split_marker<'a>(text: &'a str, opening: &str) -> Option<(&'a str, &'a str)> {
    let (_, after) = text.split_once(opening)?;
    after.split_once("-----")
}

/// Says what a text without any PEM block is.
fn unarmoured(text: &str) -> KeyProblem {
    let text = text.trim_start();
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
    if starts(&[
        "ssh-",
        "ecdsa-sha2-",
        "sk-ssh-",
        "sk-ecdsa-",
        "---- BEGIN SSH2 PUBLIC",
    ]) {
        KeyProblem::Public
    } else if starts(&["b3BlbnNzaC1rZXktdjE"]) {
        KeyProblem::damaged("its first line (-----BEGIN OPENSSH PRIVATE KEY-----) is missing")
    } else if starts(&["-----BEGIN"]) {
        KeyProblem::damaged("its first line is broken")
    } else {
        KeyProblem::NotAKey("there is no line -----BEGIN … PRIVATE KEY----- in it".to_owned())
    }
}

/// Says what a text whose PEM blocks are no private keys is.
fn other_block(label: &str) -> KeyProblem {
    match label {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => KeyProblem::Public,
        "CERTIFICATE" => KeyProblem::NotAKey("it is a certificate without its key".to_owned()),
        _ => KeyProblem::NotAKey("its PEM block holds something else".to_owned()),
    }
}

/// What Windows puts in front of UTF-8.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    // A clipboard may lose the `=` at the end, and they say nothing.
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
