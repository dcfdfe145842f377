//! What the answers say, in our own words.

use jiff::Timestamp;
use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::{Holding, SecretFacts, TokenFacts};
use crate::catalog::{AccessId, Role, Scope, Target};
use crate::cloud::challenge::{Challenge, is_of};
use crate::cloud::jwt;

/// A text of an object; empty if there is none.
pub(super) fn text(object: &Value, name: &str) -> String {
    let text = object.get(name).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// The members of a list.
pub(super) fn items(list: &Value) -> &[Value] {
    let items = list.get("value").and_then(Value::as_array);
    items.map_or(&[], Vec::as_slice)
}

/// The tenant in an issuer, `https://login.microsoftonline.com/TENANT/v2.0`.
pub(super) fn tenant_in(issuer: &str) -> Option<String> {
    let issuer = Url::parse(issuer).ok()?;
    let first = issuer.path_segments()?.next()?;
    Uuid::parse_str(first).ok().map(|id| id.to_string())
}

/// The tenant that a challenge of `vault` names, if the challenge is one of that vault's cloud.
pub(super) fn challenge(challenge: &str, vault: &Url) -> Result<String, String> {
    let challenge = Challenge::parse(challenge);
    let part = |name: &str| Url::parse(challenge.get(name)?).ok();
    let (Some(authority), Some(resource)) = (part("authorization"), part("resource")) else {
        return Err("it did not say which tenant it belongs to, as every vault does".to_owned());
    };
    let (host, cloud) = (vault.host_str(), resource.host_str());
    if !host
        .zip(cloud)
        .is_some_and(|(host, cloud)| is_of(host, cloud))
    {
        return Err(format!(
            "it asks for a token for {}, which is not its own cloud",
            cloud.unwrap_or("nothing")
        ));
    }
    tenant_in(authority.as_str())
        .ok_or_else(|| "the tenant it names has no id that is a GUID".to_owned())
}

/// What a token says of itself. Its signature is its receiver's business, not ours.
pub(super) fn token(token: &str) -> TokenFacts {
    let claims: Value = jwt::claims(token).unwrap_or_default();
    let scopes = text(&claims, "scp");
    let capable = match claims.get("xms_cc") {
        Some(Value::Array(all)) => all.iter().any(|it| it.as_str() == Some("cp1")),
        Some(Value::String(one)) => one.eq_ignore_ascii_case("cp1"),
        _ => false,
    };
    TokenFacts {
        tenant_id: text(&claims, "tid"),
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        capable,
    }
}

/// A membership of a group, of a list of instances.
pub(super) fn group(item: &Value) -> Option<Holding> {
    let access = match text(item, "accessId").to_ascii_lowercase().as_str() {
        "member" => AccessId::Member,
        "owner" => AccessId::Owner,
        _ => return None,
    };
    let group = Uuid::parse_str(&text(item, "groupId")).ok()?;
    let called = item.get("group").map(|group| text(group, "displayName"));
    Some(holding(Target::Group { group, access }, called, item))
}

/// An Azure role, of a list of instances.
pub(super) fn role(item: &Value) -> Option<Holding> {
    let properties = item.get("properties")?;
    let definition = text(properties, "roleDefinitionId");
    let role = Role::parse(definition.rsplit('/').next()?)?;
    let scope = Scope::parse(&text(properties, "scope"))?;
    let called = properties
        .pointer("/expandedProperties/scope")
        .map(|scope| text(scope, "displayName"));
    Some(holding(
        Target::AzureRole { scope, role },
        called,
        properties,
    ))
}

fn holding(target: Target, called: Option<String>, item: &Value) -> Holding {
    Holding {
        target,
        called: called.filter(|name| !name.is_empty()),
        ends: text(item, "endDateTime").parse().ok(),
        standing: text(item, "assignmentType").eq_ignore_ascii_case("assigned"),
    }
}

/// A secret, a key, or a version of one, as lists have it.
pub(in crate::cloud) fn object(item: &Value) -> SecretFacts {
    // A key has its address in `kid`.
    let id = ["id", "kid"].map(|name| Url::parse(&text(item, name)).ok());
    let id = id.into_iter().flatten().next();
    let mut parts = id
        .as_ref()
        .and_then(Url::path_segments)
        .into_iter()
        .flatten();
    let name = parts.nth(1).unwrap_or_default().to_owned();
    let version = parts.next().unwrap_or_default().to_owned();
    let attributes = item.get("attributes").cloned().unwrap_or_default();
    let time = |name: &str| {
        let seconds = attributes.get(name)?.as_i64()?;
        Timestamp::from_second(seconds).ok()
    };
    let tags = item.get("tags").and_then(Value::as_object);
    let tags = tags.into_iter().flatten();
    SecretFacts {
        name,
        version,
        enabled: attributes.get("enabled") != Some(&Value::Bool(false)),
        managed: item.get("managed") == Some(&Value::Bool(true)),
        not_before: time("nbf"),
        expires: time("exp"),
        created: time("created"),
        content_type: Some(text(item, "contentType")).filter(|it| !it.is_empty()),
        tags: tags
            .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_challenge_counts_only_if_it_is_of_the_vaults_own_cloud() {
        let vault = Url::parse("https://kv.vault.azure.net").unwrap();
        let said = |resource: &str, tenant: &str| {
            let text = format!(
                "Bearer authorization=\"https://login.microsoftonline.com/{tenant}\", resource=\"{resource}\""
            );
            challenge(&text, &vault)
        };
        let id = "3c1f0f3a-52b1-4b26-9d0e-5d6c8c1d7a10";
        assert_eq!(said("https://vault.azure.net", id).as_deref(), Ok(id));
        assert!(said("https://azure.net.evil.example", id).is_err());
        assert!(said("https://ult.azure.net", id).is_err());
        assert!(said("https://vault.azure.net", "common").is_err());
        assert!(challenge("Bearer", &vault).is_err());
    }

    #[test]
    fn a_token_that_cannot_be_read_says_nothing() {
        let made = |claims: &Value| format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let claims = json!({"tid": "t", "scp": "a b", "xms_cc": ["cp1"]});
        let facts = token(&made(&claims));
        assert_eq!((facts.scopes.len(), facts.capable), (2, true));
        assert!(!token(&made(&json!({"xms_cc": ["cp2"]}))).capable);
        assert_eq!(token("nonsense"), TokenFacts::default());
    }

    #[test]
    fn what_is_neither_a_group_nor_a_role_is_left_out() {
        let id = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b";
        let of = |access: &str, id: &str| {
            group(&json!({"accessId": access, "groupId": id, "assignmentType": "Assigned"}))
        };
        assert!(of("Member", id).unwrap().standing);
        assert_eq!(of("unknownFutureValue", id), None);
        assert_eq!(of("member", "?"), None);
        let of = |scope: &str, definition: &str| {
            role(
                &json!({"properties": {"scope": scope, "roleDefinitionId": definition,
                "assignmentType": "Activated", "endDateTime": "2026-01-01T00:00:00Z"}}),
            )
        };
        let scope = format!("/subscriptions/{id}");
        let definition = format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{id}");
        let found = of(&scope, &definition).unwrap();
        assert!(!found.standing && found.ends.is_some());
        assert_eq!(of("/elsewhere", &definition), None);
        assert_eq!(of(&scope, "a role"), None);
    }
}
