//! Any bytes are some payload; one that is recognised is none any more with a byte behind it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pimento::agent::Payload;

fuzz_target!(|data: &[u8]| {
    if let Payload::Login(_) | Payload::File { .. } = Payload::parse(data) {
        let longer = [data, &[0]].concat();
        assert_eq!(Payload::parse(&longer), Payload::Unknown);
    }
});
