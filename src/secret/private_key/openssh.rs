//! OpenSSH's own format (PROTOCOL.key).

use aws_lc_rs::rsa::{KeyPairComponents, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair,
};
use crypto_bigint::{BoxedUint, CheckedSub, NonZero};
use ssh_key::private::{EcdsaKeypair, Ed25519Keypair, KeypairData, RsaKeypair};
use ssh_key::{EcdsaCurve, Mpint};
use zeroize::{Zeroize, Zeroizing};

use super::{KeyProblem, Pair, rsa};

pub(super) fn pair(der: &[u8]) -> Result<Pair, KeyProblem> {
    let key = ssh_key::PrivateKey::from_bytes(der).map_err(|_| KeyProblem::Damaged)?;
    match key.key_data() {
        KeypairData::Ed25519(key) => ed25519(key),
        KeypairData::Ecdsa(key) => ecdsa(key),
        KeypairData::Rsa(key) => rsa(components(key).ok_or(KeyProblem::Damaged)?),
        KeypairData::Dsa(_) => Err(KeyProblem::Dsa),
        KeypairData::Encrypted(_) => Err(KeyProblem::Encrypted),
        KeypairData::SkEcdsaSha2NistP256(_) | KeypairData::SkEd25519(_) => Err(KeyProblem::Token),
        _ => Err(KeyProblem::NotAKey),
    }
}

fn ed25519(key: &Ed25519Keypair) -> Result<Pair, KeyProblem> {
    let seed = Zeroizing::new(key.private.to_bytes());
    Ed25519KeyPair::from_seed_and_public_key(seed.as_ref(), key.public.as_ref())
        .map(Pair::Ed25519)
        .map_err(|_| KeyProblem::Damaged)
}

fn ecdsa(key: &EcdsaKeypair) -> Result<Pair, KeyProblem> {
    let curve = match key.curve() {
        EcdsaCurve::NistP256 => &ECDSA_P256_SHA256_FIXED_SIGNING,
        EcdsaCurve::NistP384 => &ECDSA_P384_SHA384_FIXED_SIGNING,
        EcdsaCurve::NistP521 => &ECDSA_P521_SHA512_FIXED_SIGNING,
    };
    let (private, public) = (key.private_key_bytes(), key.public_key_bytes());
    EcdsaKeyPair::from_private_key_and_public_key(curve, private, public)
        .map(Pair::Ecdsa)
        .map_err(|_| KeyProblem::Damaged)
}

/// The outer `None` is a number out of range, the inner one a key that the library rejects.
fn components(key: &RsaKeypair) -> Option<Option<RsaKeyPair>> {
    let (public, private) = (key.public(), key.private());
    let d = private.d().as_positive_bytes()?;
    let p = private.p().as_positive_bytes()?;
    let q = private.q().as_positive_bytes()?;
    let n = public.n().as_positive_bytes()?;
    let e = public.e().as_positive_bytes()?;
    // Longer numbers than the library takes would only cost time.
    if n.len() > 1024 || d.len() > n.len() || p.len() > n.len() || q.len() > n.len() {
        return Some(None);
    }
    let components = KeyPairComponents {
        public_key: PublicKeyComponents { n, e },
        d,
        p,
        q,
        dP: &*crt_exponent(d, p)?,
        dQ: &*crt_exponent(d, q)?,
        qInv: positive(private.iqmp())?,
    };
    Some(RsaKeyPair::from_components(&components).ok())
}

fn positive(number: &Mpint) -> Option<&[u8]> {
    number.as_positive_bytes()
}

/// `d mod (prime - 1)`, which this format leaves out (RFC 8017, section 3.2).
fn crt_exponent(d: &[u8], prime: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits(bytes)).ok();
    let mut d = number(d)?;
    let mut prime = number(prime)?;
    let mut less_one = prime.checked_sub(&BoxedUint::one()).into_option()?;
    let modulus = NonZero::new(less_one.clone()).into_option()?;
    let mut exponent = d.rem_vartime(&modulus);
    let bytes = Zeroizing::new(exponent.to_be_bytes().to_vec());
    let mut modulus = modulus.get();
    for number in [
        &mut d,
        &mut prime,
        &mut less_one,
        &mut exponent,
        &mut modulus,
    ] {
        number.zeroize();
    }
    Some(bytes)
}

fn bits(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len() * 8).unwrap_or(u32::MAX)
}
