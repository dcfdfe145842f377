//! Any bytes that a vault gives out for a certificate are one whose parts can be read again, or a
//! problem that can be shown.
//!
//! The first byte of the input says what follows: the text that a vault holds, or a PKCS#12 file, so
//! that what is inside of base64 is changed as well.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libfuzzer_sys::fuzz_target;
use pimento::catalog::Part;
use pimento::secret::client_certificate::ClientCertificate;

fuzz_target!(|input: &[u8]| {
    match input.split_first() {
        Some((0, rest)) => read(rest),
        Some((_, rest)) => read(STANDARD.encode(rest).as_bytes()),
        None => {}
    }
});

fn read(value: &[u8]) {
    match ClientCertificate::parse(value) {
        Ok(certificate) => again(&certificate),
        Err(problem) => {
            let text = problem.to_string();
            assert!(text.len() < 200 && !text.contains(char::is_control), "{text}");
        }
    }
}

/// What is given to a program is the same certificate.
fn again(certificate: &ClientCertificate) {
    let part = match certificate.has(Part::Both) {
        Ok(()) => Part::Both,
        Err(_) => Part::Certificate,
    };
    let text = certificate.expose_secret(part).unwrap();
    let again = ClientCertificate::parse(&text).unwrap();
    assert_eq!(again.expose_secret(part).unwrap(), text);
    assert_eq!(again.ends(), certificate.ends());
}
