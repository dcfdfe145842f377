//! Keys that stay in the vault: their public halves, and signatures made with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Refused, not_found};
use crate::emulator::http::{Reply, Request};
use crate::emulator::material::StoredKey;
use crate::emulator::world::World;

impl World {
    pub(super) fn get_key(
        &self,
        vault: &str,
        name: &str,
        version: Option<&str>,
    ) -> Result<Reply, Refused> {
        let key = self.key(vault, name)?;
        if version.is_some_and(|wanted| wanted != key.version) {
            return Err(not_found("key", "KeyNotFound", name));
        }
        let mut jwk = key.jwk();
        jwk.insert("kid".to_owned(), json!(key_id(vault, name, &key.version)));
        let body = json!({"key": jwk, "attributes": attributes(key)});
        Ok(Reply::json(200, &body))
    }

    pub(super) fn list_keys(&self, vault: &str, request: &Request) -> Reply {
        let mine = self.keys.iter().filter(|((of, _), _)| of == vault);
        let items = mine.map(|((_, name), key)| {
            let id = format!("https://{vault}.vault.azure.net/keys/{name}");
            json!({"kid": id, "attributes": attributes(key)})
        });
        self.pages(vault, request, items.collect())
    }

    /// A scenario's key has one version.
    pub(super) fn key_versions(
        &self,
        vault: &str,
        name: &str,
        request: &Request,
    ) -> Result<Reply, Refused> {
        let key = self.key(vault, name)?;
        let id = key_id(vault, name, &key.version);
        let item = json!({"kid": id, "attributes": attributes(key)});
        Ok(self.pages(vault, request, vec![item]))
    }

    pub(super) fn sign(
        &self,
        vault: &str,
        name: &str,
        version: Option<&str>,
        request: &Request,
    ) -> Result<Reply, Refused> {
        let bad = |text: &str| Refused(400, "BadParameter", None, text.to_owned());
        let at = (vault.to_owned(), name.to_owned());
        let key = self
            .keys
            .get(&at)
            .ok_or_else(|| not_found("key", "KeyNotFound", name))?;
        if version.is_some_and(|wanted| wanted != key.version) {
            return Err(not_found("key", "KeyNotFound", name));
        }
        if !key.enabled {
            let text = "Operation sign is not allowed on a disabled key.".to_owned();
            return Err(Refused(403, "Forbidden", Some("KeyDisabled"), text));
        }
        let body = request.json().ok_or(bad("The request body is not JSON."))?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let digest = URL_SAFE_NO_PAD.decode(text("value").trim_end_matches('='));
        let digest = digest.map_err(|_| bad("Property value is not base64url."))?;
        let signature = key.sign(text("alg"), &digest);
        let signature = signature.ok_or(bad("Key and signing algorithm are incompatible."))?;
        Ok(Reply::json(
            200,
            &json!({
                "kid": key_id(vault, name, &key.version),
                "value": URL_SAFE_NO_PAD.encode(signature),
            }),
        ))
    }

    fn key(&self, vault: &str, name: &str) -> Result<&StoredKey, Refused> {
        let at = (vault.to_owned(), name.to_owned());
        let found = self.keys.get(&at);
        found.ok_or_else(|| not_found("key", "KeyNotFound", name))
    }
}

fn attributes(key: &StoredKey) -> Value {
    let created = key.created.as_second();
    json!({
        "enabled": key.enabled,
        "created": created,
        "updated": created,
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
        "exportable": false,
        "hsmPlatform": "0",
    })
}

fn key_id(vault: &str, name: &str, version: &str) -> String {
    format!("https://{vault}.vault.azure.net/keys/{name}/{version}")
}
