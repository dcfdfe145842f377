//! Any bytes are a private key that can sign, or a problem.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pimento::secret::private_key::PrivateKey;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(key) = PrivateKey::parse(bytes) {
        assert!(key.sign(b"data", 2).is_ok());
    }
});
