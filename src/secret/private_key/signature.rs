//! Signatures as SSH encodes them (RFC 4253, section 6.6; RFC 5656, section 3.1.2).

/// `string algorithm, string blob`.
pub(super) fn plain(algorithm: &str, blob: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 + algorithm.len() + blob.len());
    string(&mut out, algorithm.as_bytes());
    string(&mut out, blob);
    out
}

/// An ECDSA signature from its halves `r` and `s` of fixed width; `None` if they are not halves.
pub(super) fn ecdsa(algorithm: &str, halves: &[u8]) -> Option<Vec<u8>> {
    if halves.is_empty() || !halves.len().is_multiple_of(2) {
        return None;
    }
    let (r, s) = halves.split_at(halves.len() / 2);
    let mut blob = Vec::with_capacity(halves.len() + 10);
    mpint(&mut blob, r);
    mpint(&mut blob, s);
    Some(plain(algorithm, &blob))
}

/// RFC 4251, section 5: no needless leading zeros, but one where the number would look negative.
fn mpint(out: &mut Vec<u8>, number: &[u8]) {
    let start = number
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(number.len());
    let number = number.get(start..).unwrap_or_default();
    if number.first().is_some_and(|first| first & 0x80 != 0) {
        let mut signed = Vec::with_capacity(number.len() + 1);
        signed.push(0);
        signed.extend_from_slice(number);
        string(out, &signed);
    } else {
        string(out, number);
    }
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ssh_encoding::{Decode, Encode};
    use ssh_key::Mpint;

    use super::*;

    #[test]
    fn an_mpint_has_a_leading_zero_exactly_where_it_would_look_negative() {
        for (number, expected) in [
            (&[0, 0][..], &[0, 0, 0, 0][..]),
            (&[0, 0x7f], &[0, 0, 0, 1, 0x7f]),
            (&[0, 0x80], &[0, 0, 0, 2, 0, 0x80]),
            (&[0x80, 0], &[0, 0, 0, 3, 0, 0x80, 0]),
        ] {
            let mut out = Vec::new();
            mpint(&mut out, number);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn halves_of_unequal_length_are_no_signature() {
        assert_eq!(ecdsa("x", &[]), None);
        assert_eq!(ecdsa("x", &[1, 2, 3]), None);
    }

    proptest! {
        #[test]
        fn our_mpint_is_the_libraries_mpint(zeros in 0usize..4, rest in proptest::collection::vec(any::<u8>(), 1..70)) {
            let mut number = vec![0; zeros];
            number.extend(rest);
            let mut ours = Vec::new();
            mpint(&mut ours, &number);
            let mut theirs = Vec::new();
            Mpint::from_positive_bytes(&number).encode(&mut theirs).unwrap();
            prop_assert_eq!(&ours, &theirs);
            prop_assert!(Mpint::decode(&mut ours.as_slice()).is_ok());
        }
    }
}
