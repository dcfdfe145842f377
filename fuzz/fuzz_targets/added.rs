//! A key that a client adds signs for what it is listed as, and is read from its own bytes alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pimento::signature::{plain, verify};
use pimento::secret::private_key::PrivateKey;
use pimento::wire::Wire;
use ssh_encoding::Decode;
use ssh_key::Certificate;
use ssh_key::public::KeyData;

fuzz_target!(|content: &[u8]| {
    let mut wire = Wire::new(content);
    let Ok((key, blob)) = PrivateKey::read_added(&mut wire) else {
        return;
    };
    let read = &content[..content.len() - wire.rest().len()];
    let kind = Wire::new(content).string().unwrap();
    assert_eq!(Wire::new(&blob).string(), Ok(kind));
    let listed = if kind.ends_with(b"-cert-v01@openssh.com") {
        // Passed on as it came.
        assert!(read.windows(blob.len()).any(|part| part == blob));
        let certificate = Certificate::from_bytes(&blob).unwrap();
        KeyData::Certificate(Box::new(certificate))
    } else {
        let mut rest = blob.as_slice();
        let listed = KeyData::decode(&mut rest).unwrap();
        assert!(rest.is_empty());
        listed
    };
    assert_eq!(plain(&listed), key.public().key_data());
    let signature = key.sign(b"data", 4).unwrap();
    assert!(verify(&listed, b"data", &signature).is_ok());
    assert!(PrivateKey::read_added(&mut Wire::new(&read[..read.len() - 1])).is_err());
});
