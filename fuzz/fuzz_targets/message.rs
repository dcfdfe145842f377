//! Any bytes are some request, and a request that is honoured is read from nothing but itself; a
//! list of keys that is accepted is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pimento::agent::message::{Request, Response, Unsupported};

fuzz_target!(|message: &[u8]| {
    let longer = [message, &[0]].concat();
    request(message, &longer);
    answer(message, &longer);
});

fn request(message: &[u8], longer: &[u8]) {
    let request = Request::parse(message);
    match request {
        Request::Unsupported(Unsupported::Extension) => {
            assert_eq!(message.first(), Some(&27));
        }
        Request::Unsupported(Unsupported::Type(number)) => {
            assert_eq!(message.first(), Some(&number));
            assert!(![9, 11, 13, 17, 18, 19, 22, 23, 25, 27].contains(&number));
        }
        Request::Unsupported(Unsupported::Malformed(number)) => {
            assert_eq!(message.first().copied().unwrap_or_default(), number);
        }
        // These go on to the end, whatever is there.
        Request::Add { .. } | Request::SessionBind(_) => {
            assert!(request.encode() == message);
            assert!(Request::parse(longer) != request);
        }
        _ => {
            assert!(request.encode() == message);
            let refused = matches!(
                Request::parse(longer),
                Request::Unsupported(Unsupported::Malformed(number)) if number == message[0]
            );
            assert!(refused);
        }
    }
}

fn answer(message: &[u8], longer: &[u8]) {
    let Ok(identities) = Response::identities(message) else {
        return;
    };
    assert!(Response::Identities(identities).encode() == message);
    assert!(Response::identities(longer).is_err());
}
