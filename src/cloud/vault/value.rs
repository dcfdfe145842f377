//! A JSON string, decoded into a buffer that is wiped.
//!
//! serde would decode a string with escapes (every PEM has them) through a buffer of its own.

use zeroize::Zeroizing;

/// Not a JSON string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the vault's answer has no readable value")]
pub(super) struct NoValue;

/// Decodes `raw`, a JSON string with its quotes (RFC 8259, section 7).
pub(super) fn decode(raw: &[u8]) -> Result<Zeroizing<Vec<u8>>, NoValue> {
    let inner = raw
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""))
        .ok_or(NoValue)?;
    // Escapes only shrink, so this never grows and leaves nothing behind.
    let mut out = Zeroizing::new(Vec::with_capacity(inner.len()));
    let mut rest = inner.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => escape(&mut rest, &mut out)?,
            b'"' | 0..=0x1f => return Err(NoValue),
            byte => out.push(byte),
        }
    }
    std::str::from_utf8(&out).map_err(|_| NoValue)?;
    Ok(out)
}

fn escape(rest: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) -> Result<(), NoValue> {
    let byte = match rest.next().ok_or(NoValue)? {
        byte @ (b'"' | b'\\' | b'/') => byte,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode(rest, out),
        _ => return Err(NoValue),
    };
    out.push(byte);
    Ok(())
}

fn unicode(rest: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) -> Result<(), NoValue> {
    let first = hex(rest)?;
    let scalar = match first {
        0xd800..=0xdbff => {
            if (rest.next(), rest.next()) != (Some(b'\\'), Some(b'u')) {
                return Err(NoValue);
            }
            let second = hex(rest)?;
            if !(0xdc00..=0xdfff).contains(&second) {
                return Err(NoValue);
            }
            0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        }
        scalar => scalar,
    };
    let scalar = char::from_u32(scalar).ok_or(NoValue)?;
    out.extend_from_slice(scalar.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(())
}

fn hex(rest: &mut impl Iterator<Item = u8>) -> Result<u32, NoValue> {
    let mut value = 0;
    for _ in 0..4 {
        let digit = char::from(rest.next().ok_or(NoValue)?)
            .to_digit(16)
            .ok_or(NoValue)?;
        value = value * 16 + digit;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_json_string_is_refused() {
        for bad in [
            "",
            "\"",
            "x",
            "\"a",
            "\"\\\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "\"\\ud800\\u0041\"",
            "\"\n\"",
        ] {
            assert_eq!(decode(bad.as_bytes()), Err(NoValue), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn it_decodes_what_serde_encodes(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(&*decode(json.as_bytes()).unwrap(), text.as_bytes());
        }

        #[test]
        fn it_agrees_with_serde_on_any_bytes(text in "\"[ -~\\\\u0-9a-f\"]{0,20}\"") {
            let theirs = serde_json::from_str::<String>(&text).ok();
            let ours = decode(text.as_bytes()).ok();
            prop_assert_eq!(ours.map(|it| it.to_vec()), theirs.map(String::into_bytes));
        }
    }
}
