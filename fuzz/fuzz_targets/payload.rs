//! Any bytes are some payload; one that is recognised is written as it was read, and is not
//! recognised any more with a byte behind it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pimento::agent::{Login, Payload};
use pimento::wire::{Wire, put_string};

fuzz_target!(|data: &[u8]| {
    let longer = Payload::parse(&[data, &[0]].concat());
    match Payload::parse(data) {
        Payload::Login(login) => {
            assert!(written(&login) == data);
            assert!((1..=128).contains(&login.session_id.len()));
            let text = [&login.user, &login.service, &login.algorithm];
            assert!(!text.into_iter().any(|it| it.contains(char::is_control)));
            assert!(!matches!(longer, Payload::Login(_) | Payload::File { .. }));
        }
        Payload::File { namespace, hash } => {
            let mut wire = Wire::new(data.strip_prefix(b"SSHSIG").unwrap());
            assert_eq!(wire.text(), Ok(namespace.as_str()));
            assert!(wire.string().is_ok());
            assert_eq!(wire.text(), Ok(hash.as_str()));
            let bits = wire.string().unwrap().len() * 8;
            assert_eq!(hash, format!("sha{bits}"));
            assert!(wire.is_empty() && !namespace.is_empty());
            assert_eq!(longer, Payload::Unknown);
        }
        // Told by its first field, whatever follows; only a login may have the same one, and no
        // certificate can go on as a login does: its nonce would be longer than a message.
        Payload::Certificate => {
            assert!(matches!(longer, Payload::Certificate | Payload::Login(_)));
        }
        Payload::Unknown => {}
    }
});

fn written(login: &Login) -> Vec<u8> {
    let mut data = Vec::new();
    put_string(&mut data, &login.session_id);
    data.push(50);
    let method = match login.host_key {
        None => "publickey",
        Some(_) => "publickey-hostbound-v00@openssh.com",
    };
    for text in [&login.user, &login.service, method] {
        put_string(&mut data, text.as_bytes());
    }
    data.push(1);
    put_string(&mut data, login.algorithm.as_bytes());
    put_string(&mut data, &login.key_blob);
    if let Some(host_key) = &login.host_key {
        put_string(&mut data, host_key);
    }
    data
}
