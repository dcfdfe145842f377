//! The remainder of one big number by another, in time that does not depend on their bits.

use zeroize::Zeroizing;

/// `dividend mod divisor`, all big-endian.
///
/// Shift and subtract, one bit at a time: for the exponents of an RSA key that is some hundred
/// thousand steps, once per key. Which of the two candidates is kept is decided by a mask, not by
/// a branch. A divisor of zero gives some number, as there is no right one.
pub(super) fn remainder(dividend: &[u8], divisor: &[u8]) -> Zeroizing<Vec<u8>> {
    // One limb more than the divisor has, so that doubling cannot overflow.
    let divisor = limbs(divisor);
    let mut rest = Zeroizing::new(vec![0u64; divisor.len()]);
    let mut less = Zeroizing::new(vec![0u64; divisor.len()]);
    for byte in dividend {
        for bit in (0..8).rev() {
            double_and_add(&mut rest, u64::from(byte >> bit & 1));
            let borrow = subtract(&mut less, &rest, &divisor);
            // All ones when the difference is negative and the rest is to stay.
            let keep = 0u64.wrapping_sub(u64::from(borrow));
            for (rest, less) in rest.iter_mut().zip(less.iter()) {
                *rest = *rest & keep | *less & !keep;
            }
        }
    }
    let mut out = Zeroizing::new(Vec::with_capacity(rest.len() * 8));
    out.extend(rest.iter().rev().flat_map(|limb| limb.to_be_bytes()));
    out
}

/// Little-endian limbs of a big-endian number, and one of zero.
fn limbs(big_endian: &[u8]) -> Zeroizing<Vec<u64>> {
    let mut limbs = Zeroizing::new(Vec::with_capacity(big_endian.len() / 8 + 2));
    limbs.extend(big_endian.rchunks(8).map(|chunk| {
        chunk
            .iter()
            .fold(0u64, |limb, &byte| limb << 8 | u64::from(byte))
    }));
    limbs.push(0);
    limbs
}

fn double_and_add(number: &mut [u64], mut carry: u64) {
    for limb in number {
        let high = *limb >> 63;
        *limb = *limb << 1 | carry;
        carry = high;
    }
}

/// Sets `out` to `left - right`; true if that went below zero.
fn subtract(out: &mut [u64], left: &[u64], right: &[u64]) -> bool {
    let mut borrow = false;
    for (out, (left, right)) in out.iter_mut().zip(left.iter().zip(right)) {
        let (difference, below) = left.overflowing_sub(*right);
        let (difference, still_below) = difference.overflowing_sub(u64::from(borrow));
        *out = difference;
        borrow = below | still_below;
    }
    borrow
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_what_the_processor_says(dividend: u128, divisor in 1..=u128::MAX) {
            let rest = remainder(&dividend.to_be_bytes(), &divisor.to_be_bytes());
            let (zeros, rest) = rest.split_at(rest.len() - 16);
            prop_assert!(zeros.iter().all(|&byte| byte == 0));
            prop_assert_eq!(u128::from_be_bytes(rest.try_into().unwrap()), dividend % divisor);
        }
    }
}
