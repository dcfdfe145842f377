//! Key Vault's data plane: secrets and keys, with RBAC from the presented token.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::http::{Reply, Request};
use super::scenario::{Role, Vault, vault_path};
use super::tokens::{Caller, TokenProblem};
use super::world::{SecretVersion, World};

mod keys;

/// The operation behind a request to a vault.
pub(super) fn operation(request: &Request) -> Option<&'static str> {
    let parts = request.parts();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["secrets"]) => Some("vault.secrets.list"),
        ("GET", ["secrets", _, "versions"]) => Some("vault.secret.versions"),
        ("GET", ["secrets", _] | ["secrets", _, _]) => Some("vault.secret.get"),
        ("PUT", ["secrets", _]) => Some("vault.secret.set"),
        ("GET", ["keys"]) => Some("vault.keys.list"),
        ("GET", ["keys", _, "versions"]) => Some("vault.key.versions"),
        ("GET", ["keys", _] | ["keys", _, _]) => Some("vault.key.get"),
        // The SDK for Rust leaves the version empty, which means the newest.
        ("POST", ["keys", _, "sign"] | ["keys", _, _, "sign"]) => Some("vault.key.sign"),
        _ => None,
    }
}

/// The data action that an operation needs.
fn action(operation: &str) -> &'static str {
    match operation {
        "vault.secret.get" => "secrets/getSecret/action",
        "vault.secret.set" => "secrets/setSecret/action",
        "vault.secrets.list" | "vault.secret.versions" => "secrets/readMetadata/action",
        "vault.key.sign" => "keys/sign/action",
        _ => "keys/read",
    }
}

fn allows(role: Role, action: &str) -> bool {
    match role {
        Role::CryptoUser => action.starts_with("keys/"),
        Role::Reader => matches!(action, "secrets/readMetadata/action" | "keys/read"),
        Role::SecretsOfficer => action.starts_with("secrets/"),
        Role::SecretsUser => {
            matches!(
                action,
                "secrets/getSecret/action" | "secrets/readMetadata/action"
            )
        }
    }
}

/// What a vault refuses with: status, code, inner code, message.
struct Refused(u16, &'static str, Option<&'static str>, String);

impl World {
    pub(super) fn vault(&mut self, operation: &str, vault: &str, request: &Request) -> Reply {
        let reply = match self.vault_answer(operation, vault, request) {
            Ok(reply) => reply,
            Err(Refused(status, code, inner, message)) => {
                let mut error = json!({"code": code, "message": message});
                if let (Some(inner), Some(error)) = (inner, error.as_object_mut()) {
                    error.insert("innererror".to_owned(), json!({"code": inner}));
                }
                let reply = Reply::json(status, &json!({"error": error}));
                if status == 401 {
                    reply.with("WWW-Authenticate", self.challenge())
                } else {
                    reply
                }
            }
        };
        let id = request.header("x-ms-client-request-id").map(str::to_owned);
        let mut reply = reply
            .with("Cache-Control", "no-cache")
            .with("Expires", "-1")
            .with("Pragma", "no-cache")
            .with(
                "Strict-Transport-Security",
                "max-age=31536000;includeSubDomains",
            )
            .with("X-Content-Type-Options", "nosniff")
            .with("x-ms-keyvault-region", "westeurope")
            .with(
                "x-ms-keyvault-network-info",
                "conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;",
            )
            .with("x-ms-keyvault-service-version", "1.9.3347.1")
            .with("x-ms-request-id", Uuid::new_v4().to_string());
        if let Some(id) = id {
            reply = reply.with("x-ms-client-request-id", id);
        }
        // Names the role assignment that let the caller in; errors of an authorised caller lack it.
        if reply.status < 300 {
            let assignment = Uuid::new_v4().simple().to_string();
            reply = reply.with("x-ms-keyvault-rbac-assignment-id", assignment);
        }
        reply
    }

    fn challenge(&self) -> String {
        format!(
            "Bearer authorization=\"https://login.microsoftonline.com/{}\", resource=\"https://vault.azure.net\"",
            self.scenario.tenant.id
        )
    }

    fn vault_answer(
        &mut self,
        operation: &str,
        vault: &str,
        request: &Request,
    ) -> Result<Reply, Refused> {
        let found = self.scenario.vault(vault).cloned();
        let found = found.ok_or(Refused(404, "NotFound", None, "No such vault.".to_owned()))?;
        if request.query("api-version").is_none_or(str::is_empty) {
            let text = "api-version must be specified".to_owned();
            return Err(Refused(400, "BadParameter", None, text));
        }
        if found.firewall {
            let text = "Client address is not authorized and caller is not a trusted service.";
            return Err(Refused(
                403,
                "Forbidden",
                Some("ForbiddenByFirewall"),
                text.to_owned(),
            ));
        }
        let caller = self
            .caller(request.bearer(), "https://vault.azure.net")
            .map_err(|problem| unauthenticated(&problem))?;
        let parts = request.parts();
        let name = parts.get(1).cloned().unwrap_or_default();
        self.authorize_action(&found, &caller, action(operation), &parts)?;
        if parts.len() > 1 && !is_name(&name) {
            let text = format!("The request URI contains an invalid name: {name}");
            return Err(Refused(400, "BadParameter", None, text));
        }
        let version = parts.get(2).map(String::as_str);
        match operation {
            "vault.secret.get" => self.get_secret(vault, &name, version),
            "vault.secret.set" => self.set_secret(vault, &name, request),
            "vault.secret.versions" => self.secret_versions(vault, &name, request),
            "vault.secrets.list" => Ok(self.list_secrets(vault, request)),
            "vault.key.sign" => self.sign(
                vault,
                &name,
                version.filter(|part| *part != "sign"),
                request,
            ),
            "vault.keys.list" => Ok(self.list_keys(vault, request)),
            "vault.key.versions" => self.key_versions(vault, &name, request),
            _ => self.get_key(vault, &name, version),
        }
    }

    /// RBAC from the groups *inside the token*, as Key Vault evaluates it: a token of before the
    /// activation has no right yet, one of within the window keeps its right until it expires. A
    /// role of the caller's own is looked up instead, by `oid`, whenever the token was minted.
    fn authorize_action(
        &self,
        vault: &Vault,
        caller: &Caller,
        action: &str,
        parts: &[String],
    ) -> Result<(), Refused> {
        let user = self.scenario.principal(caller.object_id());
        let granted = vault.grants.iter().any(|grant| {
            let group = grant
                .group
                .as_deref()
                .is_some_and(|group| caller.in_group(group));
            let own = grant
                .user
                .as_deref()
                .is_some_and(|name| user.as_ref().is_some_and(|u| u.name == name));
            (group || own) && allows(grant.role, action)
        });
        let object: Vec<&str> = parts.iter().take(2).map(String::as_str).collect();
        let path = format!("{}/{}", vault_path(&vault.name), object.join("/"));
        let holds = self.holds_role(caller.object_id(), &path, |role| allows(role, action));
        if granted || holds {
            return Ok(());
        }
        let message = format!(
            "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny \
             assignments or role definitions were changed recently, please observe propagation \
             time.\r\nCaller: appid={};oid={};iss=https://sts.windows.net/{}/\r\nAction: \
             'Microsoft.KeyVault/vaults/{action}'\r\nResource: '{}/{}'\r\nAssignment: (not found)\r\nDenyAssignmentId: null\r\nDecisionReason: 'DeniedWithNoValidRBAC' \r\nVault: {};location=westeurope\r\n",
            caller.app_id(),
            caller.object_id(),
            self.scenario.tenant.id,
            vault_path(&vault.name).to_lowercase(),
            parts.join("/"),
            vault.name,
        );
        Err(Refused(403, "Forbidden", Some("ForbiddenByRbac"), message))
    }

    fn versions(&self, vault: &str, name: &str) -> Result<&Vec<SecretVersion>, Refused> {
        let at = (vault.to_owned(), name.to_owned());
        self.secrets
            .get(&at)
            .ok_or_else(|| not_found("secret", "SecretNotFound", name))
    }

    fn get_secret(&self, vault: &str, name: &str, version: Option<&str>) -> Result<Reply, Refused> {
        let versions = self.versions(vault, name)?;
        let found = match version {
            Some(wanted) => versions.iter().find(|found| found.version == wanted),
            None => versions.last(),
        };
        let found = found.ok_or_else(|| {
            not_found(
                "secret",
                "SecretNotFound",
                &format!("{name}/{}", version.unwrap_or_default()),
            )
        })?;
        if !found.enabled {
            let text = "Operation get is not allowed on a disabled secret.".to_owned();
            return Err(Refused(403, "Forbidden", Some("SecretDisabled"), text));
        }
        let mut body = secret_item(vault, name, found, true);
        body.insert("value".to_owned(), json!(found.value));
        Ok(Reply::json(200, &Value::Object(body)))
    }

    fn set_secret(&mut self, vault: &str, name: &str, request: &Request) -> Result<Reply, Refused> {
        let bad = |text: &str| Refused(400, "BadParameter", None, text.to_owned());
        let body = request.json().ok_or(bad("The request body is not JSON."))?;
        let value = body.get("value").and_then(Value::as_str);
        let value = value.ok_or(bad("Property value is required."))?;
        if value.len() > 25 * 1024 {
            return Err(bad("Property value has an invalid length."));
        }
        let now = self.now();
        let number = |name: &str| {
            let seconds = body
                .pointer(&format!("/attributes/{name}"))
                .and_then(Value::as_i64);
            seconds.and_then(|seconds| Timestamp::from_second(seconds).ok())
        };
        let tags = body.get("tags").cloned().unwrap_or_default();
        let version = SecretVersion {
            content_type: body
                .get("contentType")
                .and_then(Value::as_str)
                .map(str::to_owned),
            tags: serde_json::from_value(tags).unwrap_or_default(),
            enabled: body.pointer("/attributes/enabled") != Some(&json!(false)),
            not_before: number("nbf"),
            expires: number("exp"),
            ..SecretVersion::new(value.to_owned(), now)
        };
        let mut answer = secret_item(vault, name, &version, true);
        answer.insert("value".to_owned(), json!(value));
        self.secrets
            .entry((vault.to_owned(), name.to_owned()))
            .or_default()
            .push(version);
        Ok(Reply::json(200, &Value::Object(answer)))
    }

    fn list_secrets(&self, vault: &str, request: &Request) -> Reply {
        let mine = self.secrets.iter().filter(|((of, _), _)| of == vault);
        let items = mine.filter_map(|((_, name), versions)| {
            versions
                .last()
                .map(|newest| Value::Object(secret_item(vault, name, newest, false)))
        });
        self.pages(vault, request, items.collect())
    }

    fn secret_versions(
        &self,
        vault: &str,
        name: &str,
        request: &Request,
    ) -> Result<Reply, Refused> {
        let versions = self.versions(vault, name)?.iter();
        let items = versions.map(|version| Value::Object(secret_item(vault, name, version, true)));
        Ok(self.pages(vault, request, items.collect()))
    }

    /// Pages as Key Vault makes them: the link to the next one names port 443.
    fn pages(&self, vault: &str, request: &Request, items: Vec<Value>) -> Reply {
        let size = request
            .query("maxresults")
            .and_then(|text| text.parse().ok());
        let size = size.unwrap_or(self.scenario.page_size).clamp(1, 25);
        let skip: usize = request
            .query("$skiptoken")
            .and_then(|text| text.parse().ok())
            .unwrap_or_default();
        let page: Vec<Value> = items.into_iter().skip(skip).take(size).collect();
        // A full page has a link even where nothing follows: it then leads to an empty one.
        let next = (page.len() == size).then(|| {
            let version = request.query("api-version").unwrap_or_default();
            let path = request.path.trim_end_matches('/');
            format!(
                "https://{vault}.vault.azure.net:443{path}?api-version={version}&$skiptoken={}&maxresults={size}",
                skip + size
            )
        });
        Reply::json(200, &json!({"value": page, "nextLink": next}))
    }
}

/// A secret without its value; `versioned` if its id names the version.
fn secret_item(
    vault: &str,
    name: &str,
    found: &SecretVersion,
    versioned: bool,
) -> Map<String, Value> {
    let base = format!("https://{vault}.vault.azure.net/secrets/{name}");
    let id = if versioned {
        format!("{base}/{}", found.version)
    } else {
        base
    };
    let mut attributes = json!({
        "enabled": found.enabled,
        "created": found.created.as_second(),
        "updated": found.updated.as_second(),
        "recoveryLevel": "Recoverable+Purgeable",
        "recoverableDays": 90,
    });
    if let Some(attributes) = attributes.as_object_mut() {
        for (name, at) in [("nbf", found.not_before), ("exp", found.expires)] {
            if let Some(at) = at {
                attributes.insert(name.to_owned(), json!(at.as_second()));
            }
        }
    }
    let mut item = Map::new();
    item.insert("id".to_owned(), json!(id));
    item.insert("attributes".to_owned(), attributes);
    // A secret that never had tags has no member of that name.
    if !found.tags.is_empty() {
        item.insert("tags".to_owned(), json!(found.tags));
    }
    if found.managed {
        item.insert("managed".to_owned(), json!(true));
        let kid = format!(
            "https://{vault}.vault.azure.net/keys/{name}/{}",
            found.version
        );
        item.insert("kid".to_owned(), json!(kid));
    }
    if let Some(content_type) = &found.content_type {
        item.insert("contentType".to_owned(), json!(content_type));
    }
    item
}

fn is_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn not_found(kind: &str, code: &'static str, name: &str) -> Refused {
    let text = format!(
        "A {kind} with (name/id) {name} was not found in this key vault. If you recently deleted \
         this {kind} you may be able to recover it using the correct recovery command. For help \
         resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182"
    );
    Refused(404, code, None, text)
}

fn unauthenticated(problem: &TokenProblem) -> Refused {
    let text = match problem {
        TokenProblem::Audience(found) => {
            format!("AKV10022: Invalid audience. Expected https://vault.azure.net, found: {found}.")
        }
        TokenProblem::Expired => "AKV10046: The token is expired.".to_owned(),
        TokenProblem::Malformed => "AKV10032: Invalid issuer or signature.".to_owned(),
        TokenProblem::Missing => {
            "AKV10000: Request is missing a Bearer, PoP, or MTLS_POP token.".to_owned()
        }
    };
    Refused(401, "Unauthorized", None, text)
}
