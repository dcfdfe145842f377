//! Keys and passwords that a scenario asks the emulator to make.

use aws_lc_rs::digest::{Digest, SHA256, SHA384, SHA512};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256,
    RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use ssh_key::public::{EcdsaPublicKey, KeyData, RsaPublicKey};
use ssh_key::{Mpint, PublicKey};
use uuid::Uuid;

use super::world::new_version;

/// A Key Vault key.
pub(super) struct StoredKey {
    pub(super) version: String,
    pub(super) enabled: bool,
    pub(super) created: Timestamp,
    pair: Pair,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl StoredKey {
    pub(super) fn generate(kind: &str, enabled: bool, now: Timestamp) -> Result<Self, String> {
        let pair = match kind {
            "rsa-2048" => Pair::Rsa(rsa(KeySize::Rsa2048)?),
            "rsa-3072" => Pair::Rsa(rsa(KeySize::Rsa3072)?),
            "rsa-4096" => Pair::Rsa(rsa(KeySize::Rsa4096)?),
            "ec-p256" => Pair::Ec(ec("p256")?),
            "ec-p384" => Pair::Ec(ec("p384")?),
            "ec-p521" => Pair::Ec(ec("p521")?),
            other => return Err(format!("the emulator makes no key {other:?}")),
        };
        Ok(Self {
            version: new_version(),
            enabled,
            created: now,
            pair,
        })
    }

    /// The public half, without `kid` (RFC 7517).
    pub(super) fn jwk(&self) -> Map<String, Value> {
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let (n, e) = (key.modulus(), key.exponent());
                json!({
                    "kty": "RSA",
                    "n": number(n.big_endian_without_leading_zero()),
                    "e": number(e.big_endian_without_leading_zero()),
                    "key_ops": ["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"],
                })
            }
            Pair::Ec(pair) => {
                // Uncompressed point: 4, x, y.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match x.len() {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                json!({
                    "kty": "EC", "crv": curve, "x": number(x), "y": number(y),
                    "key_ops": ["sign", "verify"],
                })
            }
        };
        jwk.as_object().cloned().unwrap_or_default()
    }

    /// The public half as SSH has it.
    pub(super) fn public(&self) -> Result<PublicKey, ssh_key::Error> {
        let data = match &self.pair {
            Pair::Rsa(pair) => {
                let key = pair.public_key();
                let [e, n] = [
                    key.exponent().big_endian_without_leading_zero(),
                    key.modulus().big_endian_without_leading_zero(),
                ]
                .map(Mpint::from_positive_bytes);
                KeyData::Rsa(RsaPublicKey::new(e, n)?)
            }
            Pair::Ec(pair) => {
                let point = pair.public_key().as_ref();
                KeyData::Ecdsa(EcdsaPublicKey::from_sec1_bytes(point)?)
            }
        };
        Ok(PublicKey::new(data, ""))
    }

    /// Signs a digest as `alg` says; `None` if that does not go together with the key.
    pub(super) fn sign(&self, alg: &str, digest: &[u8]) -> Option<Vec<u8>> {
        let hash = match alg.get(2..)? {
            "256" => &SHA256,
            "384" => &SHA384,
            "512" => &SHA512,
            _ => return None,
        };
        let digest = Digest::import_less_safe(digest, hash).ok()?;
        match (&self.pair, alg.get(..2)?) {
            (Pair::Rsa(pair), kind) => {
                let padding: &'static dyn RsaEncoding = match (kind, alg) {
                    ("RS", "RS256") => &RSA_PKCS1_SHA256,
                    ("RS", "RS384") => &RSA_PKCS1_SHA384,
                    ("RS", _) => &RSA_PKCS1_SHA512,
                    ("PS", "PS256") => &RSA_PSS_SHA256,
                    ("PS", "PS384") => &RSA_PSS_SHA384,
                    ("PS", _) => &RSA_PSS_SHA512,
                    _ => return None,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign_digest(padding, &digest, &mut signature).ok()?;
                Some(signature)
            }
            (Pair::Ec(pair), "ES") => pair.sign_digest(&digest).ok().map(|s| s.as_ref().to_vec()),
            (Pair::Ec(_), _) => None,
        }
    }
}

/// A secret's value: a private key as people store it, or a password.
pub(super) fn generate_secret(kind: &str) -> Result<String, String> {
    match kind {
        "password" => Ok(format!("pw-{}", Uuid::new_v4().simple())),
        "ssh-ed25519" => ed25519(),
        "rsa-2048" => rsa_text(KeySize::Rsa2048),
        "rsa-3072" => rsa_text(KeySize::Rsa3072),
        "rsa-4096" => rsa_text(KeySize::Rsa4096),
        "ecdsa-p256" => ec_text("p256"),
        "ecdsa-p384" => ec_text("p384"),
        "ecdsa-p521" => ec_text("p521"),
        other => Err(format!("the emulator makes no secret {other:?}")),
    }
}

/// In OpenSSH's own format, as `ssh-keygen` would write it.
fn ed25519() -> Result<String, String> {
    let seed: [u8; 32] = aws_lc_rs::rand::generate(&SystemRandom::new())
        .map_err(failed)?
        .expose();
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(failed)?;
    let mut both = [0; 64];
    let (private, public) = both.split_at_mut(32);
    private.copy_from_slice(&seed);
    public.copy_from_slice(pair.public_key().as_ref());
    let pair = ssh_key::private::Ed25519Keypair::from_bytes(&both).map_err(failed)?;
    let key = ssh_key::PrivateKey::from(pair);
    let text = key.to_openssh(ssh_key::LineEnding::LF).map_err(failed)?;
    Ok(text.to_string())
}

fn rsa_text(size: KeySize) -> Result<String, String> {
    let der: Pkcs8V1Der<'_> = rsa(size)?.as_der().map_err(failed)?;
    Ok(pkcs8(der.as_ref()))
}

fn ec_text(curve: &str) -> Result<String, String> {
    let der = ec(curve)?.to_pkcs8v1().map_err(failed)?;
    Ok(pkcs8(der.as_ref()))
}

/// The PEM text of a PKCS#8 key.
pub(super) fn pkcs8(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<&str> = base64
        .as_bytes()
        .chunks(64)
        .filter_map(|line| std::str::from_utf8(line).ok())
        .collect();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

fn rsa(size: KeySize) -> Result<RsaKeyPair, String> {
    RsaKeyPair::generate(size).map_err(failed)
}

fn ec(curve: &str) -> Result<EcdsaKeyPair, String> {
    EcdsaKeyPair::generate(match curve {
        "p256" => &ECDSA_P256_SHA256_FIXED_SIGNING,
        "p384" => &ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => &ECDSA_P521_SHA512_FIXED_SIGNING,
    })
    .map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("a key could not be made: {error}")
}
