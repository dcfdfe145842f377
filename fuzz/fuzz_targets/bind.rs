//! Whatever a client sends to bind a connection holds, or is remembered as failed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pimento::agent::{Bound, State};

fuzz_target!(|content: &[u8]| {
    let mut bound = Bound::default();
    let failed = bound.bind(content).is_err();
    // The same again is harmless on a forwarding hop, and a mistake after a login; never a cure.
    let failed = failed | bound.bind(content).is_err();
    assert_eq!(failed, matches!(bound.state(), State::Failed(_)));
});
