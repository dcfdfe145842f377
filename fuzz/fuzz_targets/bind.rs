//! Whatever a client sends to bind a connection holds, or is remembered as failed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pimento::agent::{Bound, State};

fuzz_target!(|contents: Vec<&[u8]>| {
    let mut bound = Bound::default();
    let mut failed = false;
    for content in contents {
        failed |= bound.bind(content).is_err();
        assert_eq!(failed, matches!(bound.state(), State::Failed(_)));
    }
});
