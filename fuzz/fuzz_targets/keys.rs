//! Keys of hosts, made by `make-seeds` for these targets and used nowhere else.
#![allow(dead_code)]

use pimento::secret::private_key::PrivateKey;
use pimento::wire::put_string;
use ssh_key::public::KeyData;
use ssh_key::{Certificate, PublicKey};

/// A host: what signs for it, what it shows, and which hash it signs with.
pub struct Host {
    pub key: PrivateKey,
    pub shown: KeyData,
    pub blob: Vec<u8>,
    flags: u32,
}

/// One that shows a certificate first, then one for each kind of key.
pub fn hosts() -> [Host; 4] {
    let line = include_str!("../keys/host-cert.pub");
    let blob = Certificate::from_openssh(line).unwrap().to_bytes().unwrap();
    // Without the comment that only the line has.
    let certificate = Certificate::from_bytes(&blob).unwrap();
    let certified = Host {
        blob,
        shown: KeyData::Certificate(Box::new(certificate)),
        ..host(include_bytes!("../keys/host"), 0)
    };
    [
        certified,
        host(include_bytes!("../keys/host"), 0),
        host(include_bytes!("../keys/ecdsa-256"), 0),
        host(include_bytes!("../keys/rsa"), 4),
    ]
}

/// The public key in a line of a `.pub` file.
pub fn public(line: &str) -> KeyData {
    PublicKey::from_openssh(line).unwrap().key_data().clone()
}

fn host(private: &[u8], flags: u32) -> Host {
    let key = PrivateKey::parse(private).unwrap();
    Host {
        shown: key.public().key_data().clone(),
        blob: key.public().to_bytes().unwrap(),
        key,
        flags,
    }
}

impl Host {
    /// The content of a binding that holds.
    pub fn binding(&self, session_id: &[u8], forwarding: bool) -> Vec<u8> {
        let signature = self.key.sign(session_id, self.flags).unwrap();
        let mut content = Vec::new();
        for part in [&self.blob, session_id, &signature] {
            put_string(&mut content, part);
        }
        content.push(forwarding.into());
        content
    }
}
