//! Keys that stay in their vault: their public halves, and signatures by them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use ssh_key::public::{EcdsaPublicKey, KeyData, RsaPublicKey};
use ssh_key::{Mpint, PublicKey};

use super::{API_VERSION, KeyVault, refused, validity};
use crate::catalog::{Credential, Version};
use crate::cloud::http::{Answer, Call, unreachable};
use crate::cloud::survey;
use crate::cloud::{AccessToken, CorrelationId, FetchedKey, ReadError};
use crate::refusal::{Refusal, Service};
use crate::secret::vault_key::ToSign;

impl KeyVault {
    /// The public half of the key behind `credential`.
    pub(super) async fn public(
        &self,
        credential: &Credential,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<FetchedKey, ReadError> {
        let path = match &credential.version {
            Version::Exact(version) => {
                format!("{}/{}", credential.object.path(), version.as_str())
            }
            Version::Newest | Version::Previous => credential.object.path(),
        };
        let answer = self.get(credential, &path, token, id).await?;
        fetched(credential, &answer, self.http.server_time()).map_err(ReadError::Refused)
    }

    /// Has the vault sign. It changes nothing, so it is asked again where there is no answer.
    pub(super) async fn signed(
        &self,
        credential: &Credential,
        asked: &ToSign,
        token: &AccessToken,
        id: CorrelationId,
    ) -> Result<Vec<u8>, ReadError> {
        let mut url = credential.vault.url.clone();
        url.set_path(&format!(
            "{}/{}/sign",
            credential.object.path(),
            asked.version
        ));
        url.set_query(Some(&format!("api-version={API_VERSION}")));
        let digest = URL_SAFE_NO_PAD.encode(&asked.digest);
        let body = json!({"alg": asked.algorithm, "value": digest});
        let call = Call {
            service: Service::KeyVault,
            method: Method::POST,
            url,
            token: Some(token),
            id,
            body: Some(&body),
        };
        let answer = self.http.repeated(&call).await;
        let answer = answer.map_err(ReadError::Refused)?;
        if !answer.is_success() {
            return Err(refused(credential, &answer));
        }
        let told = answer.json();
        let value = told
            .get("value")
            .and_then(Value::as_str)
            .unwrap_or_default();
        // What is no signature is found by verifying it.
        Ok(URL_SAFE_NO_PAD.decode(value).unwrap_or_default())
    }
}

/// A key as Key Vault tells it (RFC 7517, with `-HSM` behind the kind of what is in hardware).
#[derive(Default, Deserialize)]
#[serde(default)]
struct Jwk {
    kid: String,
    kty: String,
    key_ops: Vec<String>,
    n: String,
    e: String,
    crv: String,
    x: String,
    y: String,
}

fn fetched(
    credential: &Credential,
    answer: &Answer,
    heard: Timestamp,
) -> Result<FetchedKey, Refusal> {
    let odd = |error: serde_json::Error| unreachable(Service::KeyVault, &error);
    let mut told = answer.json();
    let key = told.get_mut("key").map(Value::take).unwrap_or_default();
    let jwk: Jwk = serde_json::from_value(key).map_err(odd)?;
    let (vault, name) = (credential.vault.azure_name(), credential.object.name());
    let set = format!("az keyvault key set-attributes --vault-name {vault} --name {name}");
    let refuse = |problem: String, remedy: String| Refusal::Material {
        credential: credential.name.to_string(),
        problem: format!(
            "{problem} ({} in vault {})",
            credential.object, credential.vault.name
        ),
        remedy,
    };
    if !jwk.key_ops.iter().any(|it| it == "sign") {
        let remedy = format!("an owner of the vault lets it: `{set} --ops sign verify`");
        return Err(refuse("the key may not sign".to_owned(), remedy));
    }
    let public = jwk.public().map_err(|why| {
        let remedy = "use an RSA key of 2048 to 4096 bits, or one on P-256, P-384 or P-521";
        refuse(why.to_owned(), remedy.to_owned())
    })?;
    if let Some(told) = told.as_object_mut() {
        // Lists have it beside the attributes.
        told.insert("kid".to_owned(), json!(jwk.kid));
    }
    let facts = survey::object(&told);
    if !facts.enabled {
        let remedy = format!("an owner of the vault enables it: `{set} --enabled true`");
        return Err(refuse("the key is disabled".to_owned(), remedy));
    }
    let times = (facts.not_before, facts.expires);
    let valid_for = validity(credential, times, answer, heard)?;
    Ok(FetchedKey {
        public,
        version: facts.version.clone(),
        valid_for,
        facts,
    })
}

impl Jwk {
    /// The same key as SSH has it.
    fn public(&self) -> Result<PublicKey, &'static str> {
        let odd = "the vault does not tell the key's public half";
        let number = |text: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
            bytes.filter(|bytes| !bytes.is_empty()).ok_or(odd)
        };
        let data = match self.kty.as_str() {
            "RSA" | "RSA-HSM" => {
                let (n, e) = (number(&self.n)?, number(&self.e)?);
                let (n, e) = (
                    Mpint::from_positive_bytes(&n),
                    Mpint::from_positive_bytes(&e),
                );
                KeyData::Rsa(RsaPublicKey::new(e, n).map_err(|_| odd)?)
            }
            "EC" | "EC-HSM" => {
                let width = match self.crv.as_str() {
                    "P-256" => 32,
                    "P-384" => 48,
                    "P-521" => 66,
                    _ => return Err("the key is on a curve that SSH does not have"),
                };
                let mut point = vec![4];
                for half in [number(&self.x)?, number(&self.y)?] {
                    let zeros = usize::checked_sub(width, half.len()).ok_or(odd)?;
                    point.resize(point.len() + zeros, 0);
                    point.extend(half);
                }
                KeyData::Ecdsa(EcdsaPublicKey::from_sec1_bytes(&point).map_err(|_| odd)?)
            }
            _ => return Err("the key is of a kind that SSH does not have"),
        };
        Ok(PublicKey::new(data, ""))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
        ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _,
    };
    use proptest::prelude::*;

    use super::*;

    fn jwk(value: Value) -> Result<PublicKey, &'static str> {
        serde_json::from_value::<Jwk>(value).unwrap().public()
    }

    fn number(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    const CURVES: [(&EcdsaSigningAlgorithm, &str); 3] = [
        (&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256"),
        (&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384"),
        (&ECDSA_P521_SHA512_FIXED_SIGNING, "P-521"),
    ];

    #[test]
    fn a_point_is_the_same_with_and_without_its_leading_zeros_in_software_and_hardware() {
        for (curve, name) in CURVES {
            let mut shorter = 0;
            for _ in 0..2000 {
                let pair = EcdsaKeyPair::generate(curve).unwrap();
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at(point.len() / 2);
                if x[0] != 0 && y[0] != 0 && shorter > 0 {
                    continue;
                }
                let cut = |half: &[u8]| {
                    let zeros = half.iter().take_while(|byte| **byte == 0).count();
                    number(&half[zeros..])
                };
                let told = |kty: &str, x: String, y: String| {
                    jwk(json!({"kty": kty, "crv": name, "x": x, "y": y})).unwrap()
                };
                let wanted = EcdsaPublicKey::from_sec1_bytes(point).unwrap();
                for key in [
                    told("EC", number(x), number(y)),
                    told("EC-HSM", cut(x), cut(y)),
                ] {
                    assert_eq!(key.key_data(), &KeyData::Ecdsa(wanted));
                }
                shorter += u32::from(x[0] == 0 || y[0] == 0);
                if shorter > 2 {
                    break;
                }
            }
            assert!(shorter > 0, "{name}");
        }
    }

    #[test]
    fn an_rsa_key_of_an_hsm_is_read_as_one_in_software() {
        let modulus = [vec![0xc1; 256], vec![]].concat();
        let told =
            |kty: &str| jwk(json!({"kty": kty, "n": number(&modulus), "e": "AQAB"})).unwrap();
        assert_eq!(told("RSA"), told("RSA-HSM"));
        assert_eq!(told("RSA").algorithm().as_str(), "ssh-rsa");
    }

    #[test]
    fn what_is_no_key_of_ssh_is_refused_with_what_it_is() {
        let (x, y) = (number(&[1; 32]), number(&[2; 32]));
        let ec = |crv: &str, x: &str, y: &str| json!({"kty": "EC", "crv": crv, "x": x, "y": y});
        for (value, told) in [
            (
                json!({"kty": "oct", "k": "AQ"}),
                "a kind that SSH does not have",
            ),
            (ec("P-256K", &x, &y), "a curve that SSH does not have"),
            (ec("P-256", "", &y), "does not tell"),
            (ec("P-256", &number(&[1; 33]), &y), "does not tell"),
            (ec("P-256", "*", &y), "does not tell"),
            (json!({"kty": "RSA", "e": "AQAB"}), "does not tell"),
            (json!({}), "a kind that SSH does not have"),
        ] {
            let refused = jwk(value.clone()).unwrap_err();
            assert!(refused.contains(told), "{value}: {refused}");
        }
    }

    proptest! {
        #[test]
        fn no_key_makes_it_fail_otherwise(
            kty in "RSA|EC|RSA-HSM|EC-HSM|oct",
            crv in "P-256|P-384|P-521|P-256K|",
            parts in proptest::array::uniform4(proptest::collection::vec(any::<u8>(), 0..70)),
        ) {
            let [n, e, x, y] = parts.map(|it| number(&it));
            let _read = jwk(json!({"kty": kty, "crv": crv, "n": n, "e": e, "x": x, "y": y}));
        }
    }
}
