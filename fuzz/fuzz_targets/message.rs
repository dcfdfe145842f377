//! Any bytes are some request, and a request that is honoured is read from nothing but itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pimento::agent::message::Request;

fuzz_target!(|message: &[u8]| {
    let request = Request::parse(message);
    if !matches!(request, Request::Unsupported(_)) {
        assert_eq!(request.encode(), message);
    }
});
