//! The forms in which a password is written, and those in which it is found again.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// How a text wants a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is.
    Plain,
    /// In a line of libpq's password file, where `:` ends a field.
    PgPass,
    /// Between double quotes, as in the files of curl and netrc.
    Quoted,
    /// Percent-encoded, as in a URL.
    Url,
}

impl Form {
    /// Reads what stands behind the `|`.
    pub(super) fn parse(word: &str) -> Result<Self, String> {
        match word {
            "" => Ok(Self::Plain),
            "pgpass" => Ok(Self::PgPass),
            "quoted" => Ok(Self::Quoted),
            "url" => Ok(Self::Url),
            other => Err(format!("{other:?} is none of pgpass, quoted, url")),
        }
    }

    /// The password in this form.
    pub(super) fn of(self, secret: &[u8]) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Plain => Zeroizing::new(secret.to_vec()),
            Self::PgPass => escaped(secret, b":\\"),
            Self::Quoted => escaped(secret, b"\"\\"),
            Self::Url => percent(secret, b"-._~", Letters::Upper),
        }
    }
}

/// Every form in which `secret` is searched for in output, once each.
///
/// A piece of base64 is searched for by the characters that hold nothing but the secret: those at
/// its edges depend on what stands beside it.
pub(super) fn found(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    if secret.len() < SHORTEST {
        return Vec::new();
    }
    let mut forms = vec![hex(secret, Letters::Lower), hex(secret, Letters::Upper)];
    forms.extend([Form::Plain, Form::PgPass, Form::Quoted].map(|form| form.of(secret)));
    // RFC 3986, encodeURIComponent and HTML forms leave different characters alone.
    for kept in [&b"-._~"[..], b"-_.!~*'()", b"*-._"] {
        let cases = [Letters::Lower, Letters::Upper];
        let encoded = cases.map(|letters| percent(secret, kept, letters));
        forms.extend(encoded.iter().map(plus));
        forms.extend(encoded);
    }
    forms.extend([STANDARD, URL_SAFE].map(|it| Zeroizing::new(it.encode(secret).into_bytes())));
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        forms.extend((0..3).map(|before| {
            let beside = [0; 2].into_iter().take(before);
            let shifted: Vec<u8> = beside.chain(secret.iter().copied()).collect();
            let encoded = Zeroizing::new(engine.encode(Zeroizing::new(shifted)));
            let whole = (before * 8).div_ceil(6)..(before + secret.len()) * 8 / 6;
            Zeroizing::new(encoded.as_bytes().get(whole).unwrap_or_default().to_vec())
        }));
    }
    forms.sort_by(|a, b| a.as_slice().cmp(b));
    forms.dedup_by(|a, b| a.as_slice() == b.as_slice());
    forms
}

/// With a backslash before each of `special`.
fn escaped(secret: &[u8], special: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut written = Zeroizing::new(Vec::with_capacity(secret.len() * 2));
    for byte in secret {
        if special.contains(byte) {
            written.push(b'\\');
        }
        written.push(*byte);
    }
    written
}

/// Whether hexadecimal digits are small or capital letters.
#[derive(Clone, Copy)]
enum Letters {
    Lower,
    Upper,
}

fn percent(secret: &[u8], kept: &[u8], letters: Letters) -> Zeroizing<Vec<u8>> {
    let mut written = Zeroizing::new(Vec::with_capacity(secret.len() * 3));
    for byte in secret {
        if byte.is_ascii_alphanumeric() || kept.contains(byte) {
            written.push(*byte);
        } else {
            written.push(b'%');
            written.extend_from_slice(&hex(&[*byte], letters));
        }
    }
    written
}

/// What an HTML form makes of a space.
fn plus(encoded: &Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    let mut written = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let mut rest = encoded.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let space = rest.strip_prefix(b"%20");
        written.push(if space.is_some() { b'+' } else { *first });
        rest = space.unwrap_or(after);
    }
    written
}

fn hex(secret: &[u8], letters: Letters) -> Zeroizing<Vec<u8>> {
    let digits = match letters {
        Letters::Lower => b"0123456789abcdef",
        Letters::Upper => b"0123456789ABCDEF",
    };
    let mut written = Zeroizing::new(Vec::with_capacity(secret.len() * 2));
    for byte in secret {
        let nibbles = [byte >> 4, byte & 15];
        written.extend(nibbles.iter().filter_map(|it| digits.get(usize::from(*it))));
    }
    written
}

/// What is shorter stands in any text by chance, and masks there would tell what it is.
pub(super) const SHORTEST: usize = 4;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn has(text: &[u8], part: &[u8]) -> bool {
        text.windows(part.len()).any(|window| window == part)
    }

    fn is_found(secret: &[u8], text: &[u8]) -> bool {
        found(secret).iter().any(|form| has(text, form))
    }

    #[test]
    fn a_password_can_be_written_for_a_password_file_quotes_and_a_url() {
        let of = |form: Form| String::from_utf8(form.of(br#"a:b\c"d e"#).to_vec()).unwrap();
        assert_eq!(of(Form::Plain), r#"a:b\c"d e"#);
        assert_eq!(of(Form::PgPass), r#"a\:b\\c"d e"#);
        assert_eq!(of(Form::Quoted), r#"a:b\\c\"d e"#);
        assert_eq!(of(Form::Url), "a%3Ab%5Cc%22d%20e");
    }

    #[test]
    fn it_is_found_in_the_forms_that_programs_write() {
        let secret = b"p/s w?rd~!";
        for text in [
            "p%2Fs%20w%3Frd~%21",
            "p%2fs%20w%3frd~%21",
            "p%2Fs%20w%3Frd~!",
            "p%2Fs+w%3Frd%7E%21",
            "702f7320773f72647e21",
            "702F7320773F72647E21",
        ] {
            assert!(is_found(secret, text.as_bytes()), "{text}");
        }
        for text in ["p/s w?rd~", "p%2Fs%20w%3Frd", "702f7320773f72647e"] {
            assert!(!is_found(secret, text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_is_too_short_to_be_masked_is_in_no_form() {
        assert!(found(b"").is_empty());
        assert!(found(b"abc").is_empty());
        assert!(is_found(b"abcd", b"abcd"));
    }

    proptest! {
        #[test]
        fn base64_is_found_wherever_the_secret_stands_in_what_is_encoded(
            before in prop::collection::vec(any::<u8>(), 0..7),
            secret in prop::collection::vec(any::<u8>(), 4..40),
            after in prop::collection::vec(any::<u8>(), 0..7),
        ) {
            let whole = [before, secret.clone(), after].concat();
            prop_assert!(is_found(&secret, STANDARD.encode(&whole).as_bytes()));
            prop_assert!(is_found(&secret, URL_SAFE_NO_PAD.encode(&whole).as_bytes()));
        }

        #[test]
        fn a_percent_encoding_of_another_hand_is_found(secret in "[ -~]{4,20}") {
            let other = percent_encoding::utf8_percent_encode(&secret, percent_encoding::NON_ALPHANUMERIC);
            let all = other.to_string();
            let usual = ["-", ".", "_", "~"].iter().fold(all, |text, kept| {
                let code = format!("%{:02X}", kept.as_bytes()[0]);
                text.replace(&code, kept)
            });
            let ours = Form::Url.of(secret.as_bytes());
            prop_assert_eq!(ours.as_slice(), usual.as_bytes());
            prop_assert!(is_found(secret.as_bytes(), usual.as_bytes()));
        }
    }
}
