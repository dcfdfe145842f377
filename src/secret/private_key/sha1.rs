//! `ssh-rsa`: an RSA signature with SHA-1, which aws-lc-rs does not make any more and AWS-LC does.
//!
//! Only for keys that a client has added, and only if it asks for nothing better: there are hosts,
//! switches mostly, that know nothing else. The key object is made for the one signature.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_sys::{
    CBS, CBS_init, EVP_PKEY_free, EVP_PKEY_get0_RSA, EVP_parse_private_key, NID_sha1, RSA_sign,
};

use super::KeyProblem;

/// Signs `data`; what returns is the bare value.
pub(super) fn sign(pair: &KeyPair, data: &[u8]) -> Result<Vec<u8>, KeyProblem> {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, data);
    let der = pair.as_der()?;
    let der: &[u8] = der.as_ref();
    let mut value = vec![0; pair.public_modulus_len()];
    let mut written = 0;
    let mut input = std::mem::MaybeUninit::<CBS>::uninit();
    // SAFETY: `CBS_init` fills `input` with a view of `der`, which outlives it. The parsed key is
    // ours to free, and is freed; the RSA key in it is lent for that long. `RSA_sign` reads the
    // digest and writes as many bytes as the modulus has, which is what `value` holds; it accepts
    // no null key.
    #[expect(unsafe_code)]
    let signed = unsafe {
        CBS_init(input.as_mut_ptr(), der.as_ptr(), der.len());
        let key = EVP_parse_private_key(input.as_mut_ptr());
        if key.is_null() {
            return Err(KeyProblem::Cryptography);
        }
        let rsa = EVP_PKEY_get0_RSA(key);
        let signed = !rsa.is_null()
            && RSA_sign(
                NID_sha1,
                digest.as_ref().as_ptr(),
                digest.as_ref().len(),
                value.as_mut_ptr(),
                &raw mut written,
                rsa,
            ) == 1;
        EVP_PKEY_free(key);
        signed
    };
    if signed && usize::try_from(written) == Ok(value.len()) {
        Ok(value)
    } else {
        Err(KeyProblem::Cryptography)
    }
}
