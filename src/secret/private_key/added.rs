//! Private keys as a client adds them to an agent (RFC 9987 sections 5.2.1 to 5.2.6), alone or with
//! the certificate they are to be used under.

use ssh_key::Certificate;
use ssh_key::public::KeyData;

use super::curve::Curve;
use super::openssh::{ecdsa, ed25519, numbers, rsa};
use super::{KeyProblem, PrivateKey};
use crate::wire::Wire;

impl PrivateKey {
    /// Reads a key, and what it is listed as: its public key or its certificate, as SSH encodes it.
    ///
    /// # Errors
    /// If it is no key, of a kind that is not supported, or its halves do not belong together.
    pub fn read_added(wire: &mut Wire<'_>) -> Result<(Self, Vec<u8>), KeyProblem> {
        let kind = wire.string()?;
        if let Some(plain) = kind.strip_suffix(CERTIFIED) {
            return certified(kind, plain, wire);
        }
        let key = Self::from_pair(numbers(kind, wire)?)?;
        let blob = key
            .public()
            .to_bytes()
            .map_err(|_| KeyProblem::Cryptography)?;
        Ok((key, blob))
    }
}

/// `string certificate`, then the private numbers alone.
fn certified(
    kind: &[u8],
    plain: &[u8],
    wire: &mut Wire<'_>,
) -> Result<(PrivateKey, Vec<u8>), KeyProblem> {
    let blob = wire.string()?;
    if plain.starts_with(b"sk-") {
        return Err(KeyProblem::unsupported(
            "the handle of a FIDO key, not the key",
        ));
    }
    let damaged = |_| KeyProblem::damaged("its certificate cannot be read");
    if Wire::new(blob).string()? != kind {
        return Err(KeyProblem::damaged("its certificate is of another kind"));
    }
    let certificate = Certificate::from_bytes(blob).map_err(damaged)?;
    let pair = match certificate.public_key() {
        KeyData::Ed25519(_) => ed25519(wire)?,
        KeyData::Ecdsa(public) => {
            let curve = Curve::from_width(public.as_sec1_bytes().len() / 2)?;
            ecdsa(curve, public.as_sec1_bytes(), wire)?
        }
        KeyData::Rsa(public) => {
            let number = |number: &ssh_key::Mpint| {
                let bytes = number.as_positive_bytes().map(<[u8]>::to_vec);
                bytes.ok_or_else(|| KeyProblem::damaged("its certificate holds a wrong number"))
            };
            let (n, e, d) = (number(public.n())?, number(public.e())?, wire.mpint()?);
            rsa(&n, &e, d, wire)?
        }
        _ => {
            return Err(KeyProblem::unsupported(
                "a certificate for a key of an unknown type",
            ));
        }
    };
    let key = PrivateKey::from_pair(pair)?;
    if key.public().key_data() == certificate.public_key() {
        Ok((key, blob.to_vec()))
    } else {
        Err(KeyProblem::damaged("its certificate is for another key"))
    }
}

const CERTIFIED: &[u8] = b"-cert-v01@openssh.com";
