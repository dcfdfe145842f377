//! Signatures as SSH encodes them, verified with AWS-LC's own keys and none of our code.

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};

use super::client::Fields;

/// Verifies a signature by the plain public key `blob`, and returns its algorithm.
///
/// # Errors
/// Says what is wrong with it.
pub fn verify(blob: &[u8], data: &[u8], signature: &[u8]) -> Result<String, String> {
    let mut outer = Fields(signature);
    let algorithm = outer.string().ok_or("no algorithm")?;
    let algorithm = String::from_utf8(algorithm).map_err(|_| "an algorithm that is no text")?;
    let bytes = outer.string().ok_or("no signature")?;
    let mut key = Fields(blob);
    let kind = key.string().ok_or("no key")?;
    let good = match (kind.as_slice(), algorithm.as_str()) {
        (b"ssh-ed25519", "ssh-ed25519") if outer.0.is_empty() => {
            let public = key.string().ok_or("no public key")?;
            UnparsedPublicKey::new(&signature::ED25519, public).verify(data, &bytes)
        }
        (b"ssh-rsa", "ssh-rsa" | "rsa-sha2-256" | "rsa-sha2-512") if outer.0.is_empty() => {
            let (e, n) = (number(&mut key)?, number(&mut key)?);
            // OpenSSH pads to the length of the modulus, and strict verifiers want that.
            if bytes.len() != n.len() {
                return Err(format!(
                    "{} bytes for a modulus of {}",
                    bytes.len(),
                    n.len()
                ));
            }
            let scheme = match algorithm.as_str() {
                "ssh-rsa" => &signature::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                "rsa-sha2-256" => &signature::RSA_PKCS1_2048_8192_SHA256,
                _ => &signature::RSA_PKCS1_2048_8192_SHA512,
            };
            RsaPublicKeyComponents { n, e }.verify(scheme, data, &bytes)
        }
        (plain, named) if plain == named.as_bytes() && outer.0.is_empty() => {
            let (scheme, size) = match named {
                "ecdsa-sha2-nistp256" => (&signature::ECDSA_P256_SHA256_FIXED, 32),
                "ecdsa-sha2-nistp384" => (&signature::ECDSA_P384_SHA384_FIXED, 48),
                "ecdsa-sha2-nistp521" => (&signature::ECDSA_P521_SHA512_FIXED, 66),
                other => return Err(format!("unknown algorithm {other}")),
            };
            let _curve = key.string().ok_or("no curve")?;
            let point = key.string().ok_or("no point")?;
            let mut halves = Fields(&bytes);
            let mut fixed = Vec::new();
            for _ in 0..2 {
                let half = number(&mut halves)?;
                let padding = size - half.len().min(size);
                fixed.extend(std::iter::repeat_n(0, padding).chain(half));
            }
            UnparsedPublicKey::new(scheme, point).verify(data, &fixed)
        }
        (_, other) => return Err(format!("{other} does not go with the key")),
    };
    good.map_err(|_| format!("a {algorithm} signature that does not verify"))?;
    Ok(algorithm)
}

/// A positive number without its leading zero; anything but the shortest form is an error.
fn number(fields: &mut Fields<'_>) -> Result<Vec<u8>, String> {
    let bytes = fields.string().ok_or("no number")?;
    match bytes.as_slice() {
        [0, next, ..] if *next >= 0x80 => Ok(bytes[1..].to_vec()),
        [0, ..] => Err("a number with a needless zero".to_owned()),
        [first, ..] if *first >= 0x80 => Err("a negative number".to_owned()),
        _ => Ok(bytes),
    }
}
