//! Reads as much DER as it takes to tell which key a PEM block holds.
//!
//! AWS-LC does the real parsing; this only finds algorithm, curve and size, so that a refusal can
//! name them. Borrows, never copies.

use super::KeyProblem;
use crate::wire::Wire;

/// A read position in DER.
#[derive(Clone, Copy)]
pub(in crate::secret) struct Der<'a>(Wire<'a>);

impl<'a> Der<'a> {
    pub(in crate::secret) const fn new(bytes: &'a [u8]) -> Self {
        Self(Wire::new(bytes))
    }

    pub(in crate::secret) fn sequence(&mut self) -> Result<Self, KeyProblem> {
        self.element(0x30).map(Self::new)
    }

    /// The explicitly tagged value with that number.
    pub(in crate::secret) fn tagged(&mut self, number: u8) -> Result<Self, KeyProblem> {
        self.element(0xa0 | number).map(Self::new)
    }

    pub(in crate::secret) fn object_id(&mut self) -> Result<&'a [u8], KeyProblem> {
        self.element(0x06)
    }

    pub(in crate::secret) fn octet_string(&mut self) -> Result<&'a [u8], KeyProblem> {
        self.element(0x04)
    }

    /// The magnitude of an integer, without leading zeros.
    pub(in crate::secret) fn integer(&mut self) -> Result<&'a [u8], KeyProblem> {
        let bytes = self.element(0x02)?;
        Ok(bytes.strip_prefix(&[0]).unwrap_or(bytes))
    }

    /// The bytes of an implicitly tagged octet string.
    pub(in crate::secret) fn implicit(&mut self, number: u8) -> Result<&'a [u8], KeyProblem> {
        self.element(0x80 | number)
    }

    /// Whether nothing follows.
    pub(in crate::secret) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whatever follows.
    pub(in crate::secret) const fn rest(&self) -> &'a [u8] {
        self.0.rest()
    }

    fn element(&mut self, tag: u8) -> Result<&'a [u8], KeyProblem> {
        let mut wire = self.0;
        if wire.byte()? != tag {
            return Err(KeyProblem::damaged(
                "its inner structure is not that of a key",
            ));
        }
        let length = match wire.byte()? {
            short @ 0..=0x7f => usize::from(short),
            0x81 => usize::from(wire.byte()?),
            0x82 => usize::from(wire.byte()?) << 8 | usize::from(wire.byte()?),
            _ => return Err(KeyProblem::damaged("it is too long for a key")),
        };
        let content = wire.take(length)?;
        self.0 = wire;
        Ok(content)
    }
}

/// What an algorithm or curve that is not supported is called.
pub(in crate::secret) fn describe(object_id: &[u8]) -> &'static str {
    match object_id {
        RSA_PSS => "an RSA key restricted to PSS",
        X25519 => "an X25519 key, made for key exchange",
        ED448 => "an Ed448 key",
        SECP256K1 => "an ECDSA key on the curve secp256k1",
        _ => "a key of an unknown algorithm",
    }
}

pub(in crate::secret) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
pub(in crate::secret) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
pub(in crate::secret) const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
pub(in crate::secret) const DSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01];
pub(in crate::secret) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
pub(in crate::secret) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
pub(in crate::secret) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a];
const X25519: &[u8] = &[0x2b, 0x65, 0x6e];
const ED448: &[u8] = &[0x2b, 0x65, 0x71];
const SECP256K1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x0a];
