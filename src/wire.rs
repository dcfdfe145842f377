//! Reads what SSH puts on the wire (RFC 4251 section 5).
//!
//! In goes a borrowed slice, out come borrowed parts of it. Nothing is copied here, so a secret
//! that is read through this module stays in the buffer of the one who owns (and wipes) it, and
//! a length is only ever compared with what is there, never allocated for.

/// A read position in SSH wire data.
#[derive(Clone, Copy, Debug)]
pub struct Wire<'a>(&'a [u8]);

/// The data ended early, or went on after its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed SSH data")]
pub struct Malformed;

impl<'a> Wire<'a> {
    /// Starts at the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    /// If fewer are left.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (head, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    /// The next byte.
    ///
    /// # Errors
    /// If none is left.
    pub fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.0.split_first().ok_or(Malformed)?;
        self.0 = rest;
        Ok(byte)
    }

    /// The next `uint32`.
    ///
    /// # Errors
    /// If fewer than four bytes are left.
    pub fn uint32(&mut self) -> Result<u32, Malformed> {
        let (&bytes, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(u32::from_be_bytes(bytes))
    }

    /// The next `boolean`: anything but 0 is true (RFC 4251 section 5).
    ///
    /// Bitwarden's agent took a 2 for false, and with it a forwarded connection for a local one.
    ///
    /// # Errors
    /// If there is none.
    pub fn boolean(&mut self) -> Result<bool, Malformed> {
        Ok(self.byte()? != 0)
    }

    /// The next `string`: any bytes, with their length in front.
    ///
    /// # Errors
    /// If it is cut short.
    pub fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.uint32()?).map_err(|_| Malformed)?;
        self.take(length)
    }

    /// The next `string`, which has to be UTF-8 without control characters.
    ///
    /// # Errors
    /// If it is cut short or is not such text.
    pub fn text(&mut self) -> Result<&'a str, Malformed> {
        let text = std::str::from_utf8(self.string()?).map_err(|_| Malformed)?;
        if text.chars().any(char::is_control) {
            return Err(Malformed);
        }
        Ok(text)
    }

    /// The magnitude of the next `mpint`, which has to be positive and in its shortest form.
    ///
    /// # Errors
    /// If it is cut short, negative or padded.
    pub fn mpint(&mut self) -> Result<&'a [u8], Malformed> {
        match self.string()? {
            [0, rest @ ..] if rest.first().is_some_and(|&first| first >= 0x80) => Ok(rest),
            whole @ [1..=0x7f, ..] => Ok(whole),
            _ => Err(Malformed),
        }
    }

    /// Everything that is left.
    #[must_use]
    pub const fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes sure that nothing is left.
    ///
    /// # Errors
    /// If something is.
    pub const fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }
}

/// Appends `bytes` as a `string`.
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    // A `string` longer than 4 GiB cannot be made from what fits into a frame of 256 KiB.
    out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Appends a positive number, given big-endian, as an `mpint` in its shortest form.
///
/// Fixed-width halves of an ECDSA signature come with leading zeros, which are dropped, and may
/// start with a high bit, which takes a zero in front. Two other agents got this wrong.
pub fn put_mpint(out: &mut Vec<u8>, big_endian: &[u8]) {
    let zeros = big_endian.iter().take_while(|&&byte| byte == 0).count();
    let magnitude = big_endian.get(zeros..).unwrap_or_default();
    let sign = magnitude.first().is_some_and(|&first| first >= 0x80);
    let length = magnitude.len() + usize::from(sign);
    out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    if sign {
        out.push(0);
    }
    out.extend_from_slice(magnitude);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mpint(big_endian: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_mpint(&mut out, big_endian);
        out
    }

    #[test]
    fn an_mpint_has_a_zero_in_front_of_a_high_bit_and_no_other() {
        assert_eq!(mpint(&[0x80, 1]), [0, 0, 0, 3, 0, 0x80, 1]);
        assert_eq!(mpint(&[0, 0, 0x7f]), [0, 0, 0, 1, 0x7f]);
        assert_eq!(mpint(&[0, 0x80]), [0, 0, 0, 2, 0, 0x80]);
        assert_eq!(mpint(&[0, 0]), [0, 0, 0, 0]);
    }

    #[test]
    fn padded_and_negative_mpints_are_malformed() {
        for bad in [&[0u8, 0x7f][..], &[0x80], &[0], &[]] {
            let mut bytes = Vec::new();
            put_string(&mut bytes, bad);
            assert_eq!(Wire::new(&bytes).mpint(), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn a_boolean_of_two_is_true_and_none_is_malformed() {
        assert_eq!(Wire::new(&[0]).boolean(), Ok(false));
        assert_eq!(Wire::new(&[2]).boolean(), Ok(true));
        assert_eq!(Wire::new(&[]).boolean(), Err(Malformed));
    }

    #[test]
    fn text_with_a_control_character_is_malformed() {
        let mut bytes = Vec::new();
        put_string(&mut bytes, b"root\x1b[2J");
        assert_eq!(Wire::new(&bytes).text(), Err(Malformed));
    }

    proptest! {
        #[test]
        fn mpints_come_back_as_they_went(number in proptest::collection::vec(any::<u8>(), 1..80)) {
            let zeros = number.iter().take_while(|&&byte| byte == 0).count();
            prop_assume!(zeros < number.len());
            let bytes = mpint(&number);
            let mut wire = Wire::new(&bytes);
            prop_assert_eq!(wire.mpint(), Ok(&number[zeros..]));
            prop_assert_eq!(wire.end(), Ok(()));
        }

        #[test]
        fn no_bytes_are_read_twice_or_from_beyond(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut wire = Wire::new(&bytes);
            let mut read = 0;
            while let Ok(string) = wire.string() {
                read += 4 + string.len();
                prop_assert_eq!(wire.rest().len(), bytes.len() - read);
            }
        }
    }
}
