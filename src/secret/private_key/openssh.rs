//! OpenSSH's own container for private keys (`openssh-key-v1`, PROTOCOL.key).

use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair};
use ssh_encoding::Encode;
use zeroize::Zeroizing;

use super::curve::Curve;
use super::remainder::remainder;
use super::{KeyProblem, Pair, rsa_size};
use crate::wire::Wire;

pub(super) fn parse(bytes: &[u8]) -> Result<Pair, KeyProblem> {
    let Some(container) = bytes.strip_prefix(b"openssh-key-v1\0") else {
        return Err(KeyProblem::damaged(
            "it does not start as an OpenSSH key does",
        ));
    };
    let mut container = Wire::new(container);
    let (cipher, kdf) = (container.string()?, container.string()?);
    let _kdf_options = container.string()?;
    if cipher != b"none" || kdf != b"none" {
        return Err(KeyProblem::Encrypted);
    }
    if container.uint32()? != 1 {
        return Err(KeyProblem::unsupported("a file of several keys"));
    }
    let public = container.string()?;
    let pair = private(Wire::new(container.string()?))?;
    container.end()?;
    // A private key under somebody else's public half would sign for a key that was not asked for.
    let ours = pair.public()?.encode_vec();
    if ours.is_ok_and(|ours| ours == public) {
        Ok(pair)
    } else {
        Err(KeyProblem::damaged(
            "its public and private halves do not belong together",
        ))
    }
}

fn private(mut wire: Wire<'_>) -> Result<Pair, KeyProblem> {
    if wire.uint32()? != wire.uint32()? {
        return Err(KeyProblem::damaged("its check numbers differ"));
    }
    let kind = wire.string()?;
    let pair = numbers(kind, &mut wire)?;
    let _comment = wire.string()?;
    let padding = wire.rest();
    if padding
        .iter()
        .zip(1u8..)
        .all(|(&byte, expected)| byte == expected)
    {
        Ok(pair)
    } else {
        Err(KeyProblem::damaged("its padding is wrong"))
    }
}

/// Reads the numbers of a key of this kind, public and private; a client that adds a key to an
/// agent writes them in the same way (RFC 9987 section 5.2).
pub(super) fn numbers(kind: &[u8], wire: &mut Wire<'_>) -> Result<Pair, KeyProblem> {
    match kind {
        b"ssh-ed25519" => ed25519(wire),
        b"ssh-rsa" => {
            let (n, e, d) = (wire.mpint()?, wire.mpint()?, wire.mpint()?);
            rsa(n, e, d, wire)
        }
        b"ssh-dss" => Err(KeyProblem::Dsa),
        name if name.starts_with(b"ecdsa-sha2-") => {
            let curve = Curve::from_name(wire.string()?)?;
            if name != curve.algorithm().as_bytes() {
                return Err(KeyProblem::damaged("it names two curves"));
            }
            ecdsa(curve, wire.string()?, wire)
        }
        name if name.starts_with(b"sk-") => Err(KeyProblem::unsupported(
            "the handle of a FIDO key, not the key",
        )),
        _ => Err(KeyProblem::unsupported("a key of an unknown type")),
    }
}

pub(super) fn ed25519(wire: &mut Wire<'_>) -> Result<Pair, KeyProblem> {
    let public = wire.string()?;
    let (seed, again) = wire
        .string()?
        .split_at_checked(32)
        .ok_or_else(|| KeyProblem::damaged("it is cut short"))?;
    if again != public {
        return Err(KeyProblem::damaged(
            "its public and private halves do not belong together",
        ));
    }
    Ok(Pair::Ed25519(Ed25519KeyPair::from_seed_and_public_key(
        seed, public,
    )?))
}

pub(super) fn ecdsa(curve: Curve, point: &[u8], wire: &mut Wire<'_>) -> Result<Pair, KeyProblem> {
    let number = wire.mpint()?;
    // AWS-LC wants the number in full width; an mpint has lost its leading zeros.
    let mut padded = Zeroizing::new([0; 66]);
    let start = curve.width().checked_sub(number.len());
    let slot = start.and_then(|start| padded.get_mut(start..curve.width()));
    slot.ok_or_else(|| KeyProblem::damaged("its number is too large for its curve"))?
        .copy_from_slice(number);
    let number = padded.get(..curve.width()).unwrap_or_default();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), number, point)?;
    Ok(Pair::Ecdsa(curve, pair))
}

/// OpenSSH leaves out the two exponents of the Chinese remainder theorem; they are worked out.
pub(super) fn rsa(n: &[u8], e: &[u8], d: &[u8], wire: &mut Wire<'_>) -> Result<Pair, KeyProblem> {
    let (inverse, p, q) = (wire.mpint()?, wire.mpint()?, wire.mpint()?);
    rsa_size(n)?;
    // Longer numbers cannot belong to it and would only cost time.
    if [d, p, q].iter().any(|number| number.len() > n.len()) {
        return Err(KeyProblem::damaged("its numbers do not belong together"));
    }
    let (d_p, d_q) = (crt_exponent(d, p), crt_exponent(d, q));
    let pair = RsaKeyPair::from_components(&KeyPairComponents {
        public_key: PublicKeyComponents { n, e },
        d,
        p,
        q,
        dP: d_p.as_slice(),
        dQ: d_q.as_slice(),
        qInv: inverse,
    })?;
    Ok(Pair::Rsa(pair))
}

/// `d mod (prime - 1)`. A prime is odd, so one less is its last bit cleared; a `prime` that is not
/// odd does not get past AWS-LC's check.
fn crt_exponent(d: &[u8], prime: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut less_one = Zeroizing::new(prime.to_vec());
    if let Some(last) = less_one.last_mut() {
        *last &= 0xfe;
    }
    remainder(d, &less_one)
}
