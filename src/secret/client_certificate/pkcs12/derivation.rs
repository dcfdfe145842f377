//! How PKCS#12 makes keys of a password (RFC 7292, appendix B.2).

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512};
use aws_lc_rs::hmac;
use zeroize::Zeroizing;

/// A hash that is used for it.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

/// What a key is for (appendix B.3).
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Encryption = 1,
    Vector = 2,
    Code = 3,
}

impl Hash {
    /// By its object id.
    pub(super) fn of(id: &[u8]) -> Option<Self> {
        match id {
            [0x2b, 0x0e, 0x03, 0x02, 0x1a] => Some(Self::Sha1),
            [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last] => match last {
                1 => Some(Self::Sha256),
                2 => Some(Self::Sha384),
                3 => Some(Self::Sha512),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn length(self) -> usize {
        self.algorithm().output_len()
    }

    pub(super) fn code(self) -> hmac::Algorithm {
        match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha384 => hmac::HMAC_SHA384,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        }
    }
}

/// A key of that length.
pub(super) fn derive(
    hash: Hash,
    purpose: Purpose,
    password: &[u8],
    salt: &[u8],
    rounds: u32,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.algorithm().block_len();
    let mut input = Zeroizing::new(repeated(salt, block));
    input.extend(repeated(password, block));
    let diversifier = vec![purpose as u8; block];
    let mut key = Zeroizing::new(Vec::new());
    while key.len() < length {
        let mut context = digest::Context::new(hash.algorithm());
        context.update(&diversifier);
        context.update(&input);
        let mut made = context.finish();
        for _ in 1..rounds {
            made = digest::digest(hash.algorithm(), made.as_ref());
        }
        key.extend_from_slice(made.as_ref());
        let addend: Vec<u8> = made.as_ref().iter().copied().cycle().take(block).collect();
        input
            .chunks_mut(block)
            .for_each(|it| add_one_more(it, &addend));
    }
    key.truncate(length);
    key
}

/// `text` over and over, in whole blocks.
fn repeated(text: &[u8], block: usize) -> Vec<u8> {
    let length = text.len().div_ceil(block) * block;
    text.iter().copied().cycle().take(length).collect()
}

/// Adds `addend` and one to a number, in place.
fn add_one_more(number: &mut [u8], addend: &[u8]) {
    let mut carry = 1;
    for (digit, added) in number.iter_mut().zip(addend).rev() {
        let sum = u16::from(*digit) + u16::from(*added) + carry;
        let [high, low] = sum.to_be_bytes();
        *digit = low;
        carry = u16::from(high);
    }
}
