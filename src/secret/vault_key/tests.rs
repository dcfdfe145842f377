use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
};
use proptest::prelude::*;
use ssh_key::Mpint;
use ssh_key::public::RsaPublicKey;

use super::*;
use crate::wire::Wire;

const DATA: &[u8] = b"what is to be signed";

fn curve_pair(algorithm: &'static EcdsaSigningAlgorithm) -> (EcdsaKeyPair, VaultKey) {
    let pair = EcdsaKeyPair::generate(algorithm).unwrap();
    let public = EcdsaPublicKey::from_sec1_bytes(pair.public_key().as_ref()).unwrap();
    let public = PublicKey::new(KeyData::Ecdsa(public), "");
    (pair, VaultKey::new(public, "v1".to_owned()))
}

const CURVES: [(&EcdsaSigningAlgorithm, &str, usize); 3] = [
    (&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256", 32),
    (&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384", 48),
    (&ECDSA_P521_SHA512_FIXED_SIGNING, "ES512", 66),
];

#[test]
fn what_a_vault_signs_is_given_out_and_whatever_else_it_answers_is_not() {
    for (curve, algorithm, width) in CURVES {
        let (pair, key) = curve_pair(curve);
        let asked = key.asks(DATA, 0).unwrap();
        assert_eq!((asked.algorithm, asked.version.as_str()), (algorithm, "v1"));
        let sign = |data: &[u8]| {
            pair.sign(&SystemRandom::new(), data)
                .unwrap()
                .as_ref()
                .to_vec()
        };
        let good = sign(DATA);
        assert_eq!(good.len(), 2 * width);
        let blob = key.signature(&asked, &good, DATA).unwrap();
        assert_eq!(verify(key.public.key_data(), DATA, &blob), Ok(()));
        let (other, _) = curve_pair(curve);
        let others = other.sign(&SystemRandom::new(), DATA).unwrap();
        let swapped = [&good[width..], &good[..width]].concat();
        let mut bent = good.clone();
        bent[width - 1] ^= 1;
        for wrong in [
            others.as_ref(),
            &sign(b"something else"),
            &good[..good.len() - 1],
            &good[..width],
            &swapped,
            &bent,
            &[],
        ] {
            assert_eq!(key.signature(&asked, wrong, DATA), Err(NotSigned));
        }
        assert_eq!(key.signature(&asked, &good, b"other data"), Err(NotSigned));
    }
}

/// Signatures whose halves begin with zeros, or with a bit that an mpint needs a zero before.
#[test]
fn halves_with_leading_zeros_are_the_numbers_that_they_stand_for() {
    for (curve, _, width) in CURVES {
        let (pair, key) = curve_pair(curve);
        let asked = key.asks(DATA, 0).unwrap();
        let mut left = [0; 4];
        for _ in 0..20_000 {
            let signature = pair.sign(&SystemRandom::new(), DATA).unwrap();
            let fixed = signature.as_ref();
            // P-521's halves have 521 bits in 66 bytes: the first is 0 or 1.
            let first = if width == 66 { 1 } else { 0 };
            let kinds = [
                fixed[first] == 0,
                fixed[width + first] == 0,
                fixed[first] >= 0x80,
                fixed[width + first] >= 0x80,
            ];
            if kinds.iter().zip(left).any(|(is, had)| *is && had == 0) {
                let blob = key.signature(&asked, fixed, DATA).unwrap();
                let (r, s) = halves(&blob);
                assert_eq!((r, s), (fixed[..width].to_vec(), fixed[width..].to_vec()));
            }
            for (is, had) in kinds.into_iter().zip(&mut left) {
                *had += u32::from(is);
            }
            if left.iter().all(|had| *had > 0) {
                break;
            }
        }
        assert!(left.iter().all(|had| *had > 0), "{width}: {left:?}");
    }
}

/// The two numbers of an ECDSA signature, in fixed width again; each mpint as short as it can be.
fn halves(blob: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut wire = Wire::new(blob);
    let (algorithm, value) = (wire.string().unwrap(), wire.string().unwrap());
    let width = match algorithm.last() {
        Some(b'6') => 32,
        Some(b'4') => 48,
        _ => 66,
    };
    let mut wire = Wire::new(value);
    let mut half = || {
        let number = wire.string().unwrap();
        // RFC 4251, section 5: no zeros in front but the one that keeps it positive.
        assert!(number[0] < 0x80);
        assert!(number[0] != 0 || number[1] >= 0x80, "{number:?}");
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        [vec![0; width - number.len()], number.to_vec()].concat()
    };
    (half(), half())
}

#[test]
fn flags_that_nobody_has_defined_and_sha_1_are_refused() {
    let (_, key) = curve_pair(CURVES[0].0);
    assert!(matches!(key.asks(DATA, 8), Err(KeyProblem::Flags(8))));
    let pair = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
    let [n, e] = [
        pair.public_key()
            .modulus()
            .big_endian_without_leading_zero(),
        pair.public_key()
            .exponent()
            .big_endian_without_leading_zero(),
    ]
    .map(Mpint::from_positive_bytes);
    let public = KeyData::Rsa(RsaPublicKey::new(e, n).unwrap());
    let rsa = VaultKey::new(PublicKey::new(public, ""), "v".to_owned());
    assert!(matches!(rsa.asks(DATA, 0), Err(KeyProblem::Sha1)));
    for (flags, algorithm, length) in [(2, "RS256", 32), (4, "RS512", 64), (6, "RS256", 32)] {
        let asked = rsa.asks(DATA, flags).unwrap();
        assert_eq!((asked.algorithm, asked.digest.len()), (algorithm, length));
    }
    assert_eq!(
        rsa.signature(&rsa.asks(DATA, 2).unwrap(), &[1; 256], DATA),
        Err(NotSigned)
    );
}

proptest! {
    #[test]
    fn no_answer_is_taken_for_a_signature_by_chance(
        answer in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        for (curve, _, _) in CURVES {
            let (_, key) = curve_pair(curve);
            let asked = key.asks(DATA, 0).unwrap();
            prop_assert_eq!(key.signature(&asked, &answer, DATA), Err(NotSigned));
        }
    }
}
