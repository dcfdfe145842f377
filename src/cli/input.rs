//! What another program writes to our standard input.

use std::io::Read;

use zeroize::Zeroizing;

use super::Failure;

/// All of it; wiped when dropped, since it may hold a password.
pub(super) fn all() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut input = Zeroizing::new(Vec::with_capacity(MOST));
    let read = std::io::stdin().take(MOST as u64).read_to_end(&mut input);
    let length =
        read.map_err(|error| Failure::failed(format!("cannot read the request: {error}")))?;
    if length == MOST {
        return Err(Failure::failed("the request is too long to be one"));
    }
    Ok(input)
}

/// Far more than a host, an account and a password.
const MOST: usize = 64 * 1024;
