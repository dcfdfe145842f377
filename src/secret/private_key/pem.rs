//! The text around a key, in whatever state it arrives.
//!
//! Repaired, because no other reading is possible: a byte order mark, CRLF, a missing last line
//! break, blank lines around the block, spaces where line breaks were (the portal's text box) and
//! a literal `\n` for each line break. Everything between the markers but base64 is then damage.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::KeyProblem;

/// What is between the markers.
pub(super) struct Block {
    pub(super) label: Label,
    pub(super) der: Zeroizing<Vec<u8>>,
}

/// The structure that a block's first line announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    OpenSsh,
    Pkcs1,
    Pkcs8,
    Sec1,
}

pub(super) fn read(bytes: &[u8]) -> Result<Block, KeyProblem> {
    let text = std::str::from_utf8(bytes).map_err(|_| KeyProblem::NotAKey)?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(KeyProblem::Empty);
    }
    let (label, body) = between_markers(text).ok_or_else(|| something_else(text))?;
    let label = known(label)?;
    // The headers of OpenSSL's own encryption stand before the base64.
    if body.contains("Proc-Type:") || body.contains("DEK-Info:") {
        return Err(KeyProblem::Encrypted);
    }
    Ok(Block {
        label,
        der: decode(body)?,
    })
}

/// The label, and all that stands between the first line and the last.
fn between_markers(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (body, end) = rest.split_once("-----END ")?;
    end.starts_with(label).then_some((label, body))
}

fn known(label: &str) -> Result<Label, KeyProblem> {
    match label {
        "OPENSSH PRIVATE KEY" => Ok(Label::OpenSsh),
        "RSA PRIVATE KEY" => Ok(Label::Pkcs1),
        "PRIVATE KEY" => Ok(Label::Pkcs8),
        "EC PRIVATE KEY" => Ok(Label::Sec1),
        "ENCRYPTED PRIVATE KEY" => Err(KeyProblem::Encrypted),
        "DSA PRIVATE KEY" => Err(KeyProblem::Dsa),
        label if label.ends_with("PUBLIC KEY") => Err(KeyProblem::PublicKey),
        _ => Err(KeyProblem::NotAKey),
    }
}

fn something_else(text: &str) -> KeyProblem {
    if text.starts_with("PuTTY-User-Key-File") {
        KeyProblem::Putty
    } else if ["ssh-", "ecdsa-", "sk-"]
        .iter()
        .any(|name| text.starts_with(name))
    {
        KeyProblem::PublicKey
    } else if text.contains("-----BEGIN ") {
        KeyProblem::Damaged
    } else {
        KeyProblem::NotAKey
    }
}

fn decode(body: &str) -> Result<Zeroizing<Vec<u8>>, KeyProblem> {
    let mut base64 = Zeroizing::new(Vec::with_capacity(body.len()));
    for part in body.split("\\n") {
        base64.extend(part.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    }
    // Sized once, so that no smaller buffer with a part of the key is left behind.
    let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(base64.len())]);
    let length = STANDARD
        .decode_slice(&*base64, &mut der)
        .map_err(|_| KeyProblem::Damaged)?;
    der.truncate(length);
    Ok(der)
}
