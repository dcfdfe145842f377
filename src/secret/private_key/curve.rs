//! The NIST curves of SSH (RFC 5656).

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaSigningAlgorithm,
};

use super::{KeyProblem, der};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl Curve {
    /// By its name in SSH keys.
    pub(super) fn from_name(name: &[u8]) -> Result<Self, KeyProblem> {
        match name {
            b"nistp256" => Ok(Self::P256),
            b"nistp384" => Ok(Self::P384),
            b"nistp521" => Ok(Self::P521),
            _ => Err(KeyProblem::unsupported("an ECDSA key on an unknown curve")),
        }
    }

    pub(super) fn from_object_id(id: &[u8]) -> Result<Self, KeyProblem> {
        match id {
            der::P256 => Ok(Self::P256),
            der::P384 => Ok(Self::P384),
            der::P521 => Ok(Self::P521),
            other => Err(KeyProblem::unsupported(der::describe(other))),
        }
    }

    pub(super) fn from_width(bytes: usize) -> Result<Self, KeyProblem> {
        [Self::P256, Self::P384, Self::P521]
            .into_iter()
            .find(|curve| curve.width() == bytes)
            .ok_or_else(|| KeyProblem::damaged("it does not name its curve"))
    }

    /// The length of the private number in bytes.
    pub(super) const fn width(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    pub(super) const fn algorithm(self) -> &'static str {
        match self {
            Self::P256 => "ecdsa-sha2-nistp256",
            Self::P384 => "ecdsa-sha2-nistp384",
            Self::P521 => "ecdsa-sha2-nistp521",
        }
    }

    pub(super) const fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
        }
    }
}
