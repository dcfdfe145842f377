//! Public keys as Key Vault tells them (RFC 7518, section 6), read by the book of another hand than
//! the agent's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use ssh_key::PublicKey;
use ssh_key::public::{EcdsaPublicKey, KeyData, RsaPublicKey};

/// The same key as SSH has it.
pub fn public_key(jwk: &Map<String, Value>) -> PublicKey {
    let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let data = if jwk["kty"] == "RSA" {
        let [e, n] = ["e", "n"].map(|it| ssh_key::Mpint::from_positive_bytes(&number(it)));
        KeyData::Rsa(RsaPublicKey::new(e, n).unwrap())
    } else {
        let point = [vec![4], number("x"), number("y")].concat();
        KeyData::Ecdsa(EcdsaPublicKey::from_sec1_bytes(&point).unwrap())
    };
    PublicKey::new(data, "")
}
