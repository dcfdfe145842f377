//! The keys, certificates and hosts that the requests are about.

use aws_lc_rs::signature::Ed25519KeyPair;

use crate::script::Target;
use crate::ssh_agent::client::string;
use crate::ssh_agent::keys::{TestKey, public_blob};

/// How many keys there are that both agents take.
pub(crate) const KEYS: usize = 6;
/// How many hosts a connection may be bound to.
pub(crate) const HOSTS: usize = 3;

pub(crate) struct Material {
    /// [`KEYS`] of every kind, then one too short and one of DSA, which ours does not take.
    pub(crate) keys: Vec<TestKey>,
    pub(crate) hosts: Vec<HostKey>,
    certificates: Vec<Vec<u8>>,
    stranger: TestKey,
}

/// A host's Ed25519 key.
pub(crate) struct HostKey {
    pub(crate) blob: Vec<u8>,
    pair: Ed25519KeyPair,
}

impl Material {
    pub(crate) fn new() -> Self {
        let mut keys = TestKey::all();
        keys.push(TestKey::new("ed25519", "256"));
        assert_eq!(keys.len(), KEYS);
        let authority = TestKey::new("ed25519", "256");
        let certificate = |key: &TestKey| public_blob(key.certify(&authority, &[]).as_ref());
        let certificates = keys.iter().map(certificate).collect();
        keys.push(TestKey::new("rsa", "1024"));
        keys.push(TestKey::new("dsa", "1024"));
        Self {
            keys,
            hosts: (0..HOSTS).map(|_| HostKey::new()).collect(),
            certificates,
            stranger: TestKey::new("ed25519", "256"),
        }
    }

    pub(crate) fn certificate(&self, of: usize) -> &[u8] {
        &self.certificates[of]
    }

    pub(crate) fn blob(&self, target: Target) -> &[u8] {
        match target {
            Target::Key(key) => &self.keys[key].blob,
            Target::Certificate(key) => &self.certificates[key],
            Target::Stranger => &self.stranger.blob,
        }
    }

    /// The key that verifies what is signed for a target.
    pub(crate) fn verifier(&self, target: Target) -> &[u8] {
        match target {
            Target::Key(key) | Target::Certificate(key) => &self.keys[key].blob,
            Target::Stranger => &self.stranger.blob,
        }
    }
}

impl HostKey {
    fn new() -> Self {
        let key = TestKey::new("ed25519", "256");
        let (seed, public) = key.fields[2].split_at(32);
        Self {
            pair: Ed25519KeyPair::from_seed_and_public_key(seed, public).unwrap(),
            blob: key.blob.clone(),
        }
    }

    /// Signs as a host signs the session's identifier.
    pub(crate) fn sign(&self, data: &[u8]) -> Vec<u8> {
        let signature = self.pair.sign(data);
        [string(b"ssh-ed25519"), string(signature.as_ref())].concat()
    }
}
