//! The settings of vaults, which Resource Manager tells to whoever may read them there.
//!
//! Enters: a tenant. Leaves: what is set of each of its vaults that the account may see. What never
//! happens here: anything but a GET.

use std::sync::Arc;

use serde_json::Value;
use url::Url;
use uuid::Uuid;

use super::{Surveyor, read, refuse};
use crate::catalog::Tenant;
use crate::cloud::{CorrelationId, Freshness, Resource};
use crate::refusal::{Refusal, Service};

/// What is set of a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultSettings {
    /// Its address.
    pub url: Url,
    /// Whether roles decide who may read it, and not access policies.
    pub rbac: bool,
    /// Whether what is deleted can be had back.
    pub soft_delete: bool,
    /// Whether nobody can make an end of what is deleted before its time.
    pub purge_protection: bool,
    /// From where it can be reached.
    pub networks: Networks,
}

/// From where a vault can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Networks {
    /// From anywhere.
    All,
    /// From those that its firewall names.
    Chosen,
    /// By its private endpoints alone.
    Private,
}

impl Surveyor {
    pub(super) async fn vaults_of(
        &self,
        tenant: &Arc<Tenant>,
        id: CorrelationId,
    ) -> Result<Vec<VaultSettings>, Refusal> {
        let token = self
            .identity
            .token(tenant, Resource::Arm, Freshness::Cached, id)
            .await?;
        let by = (&*token, id);
        let mut url = tenant.arm.clone();
        url.set_path("subscriptions");
        url.set_query(Some("api-version=2022-12-01"));
        let subscriptions = self
            .list(Service::PimAzure, url.clone(), by, refuse)
            .await?;
        let mut found = Vec::new();
        for subscription in &subscriptions {
            // It becomes a part of an address that a token goes to.
            let Ok(id) = Uuid::parse_str(&read::text(subscription, "subscriptionId")) else {
                continue;
            };
            let path = format!("subscriptions/{id}/providers/Microsoft.KeyVault/vaults");
            url.set_path(&path);
            url.set_query(Some("api-version=2023-07-01"));
            let vaults = self
                .list(Service::PimAzure, url.clone(), by, refuse)
                .await?;
            found.extend(vaults.iter().filter_map(settings));
        }
        Ok(found)
    }
}

fn settings(vault: &Value) -> Option<VaultSettings> {
    let properties = vault.get("properties")?;
    let is = |name: &str| properties.get(name).and_then(Value::as_bool);
    let network = |pointer: &str, word: &str| {
        let found = properties.pointer(pointer).and_then(Value::as_str);
        found.is_some_and(|found| found.eq_ignore_ascii_case(word))
    };
    Some(VaultSettings {
        url: Url::parse(&read::text(properties, "vaultUri")).ok()?,
        rbac: is("enableRbacAuthorization").unwrap_or(false),
        // It is on where nothing is said, since 2020.
        soft_delete: is("enableSoftDelete").unwrap_or(true),
        purge_protection: is("enablePurgeProtection").unwrap_or(false),
        networks: if network("/publicNetworkAccess", "Disabled") {
            Networks::Private
        } else if network("/networkAcls/defaultAction", "Deny") {
            Networks::Chosen
        } else {
            Networks::All
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(properties: Value) -> Option<VaultSettings> {
        let mut vault = json!({"properties": {"vaultUri": "https://kv.vault.azure.net/"}});
        let known = vault["properties"].as_object_mut().unwrap();
        known.extend(properties.as_object().unwrap().clone());
        settings(&vault)
    }

    #[test]
    fn what_is_not_said_is_what_azure_takes_it_for() {
        let found = read(json!({})).unwrap();
        assert!(!found.rbac && found.soft_delete && !found.purge_protection);
        assert_eq!(found.networks, Networks::All);
        assert_eq!(read(json!({"vaultUri": "no address"})), None);
        assert_eq!(settings(&json!({"name": "kv"})), None);
    }

    #[test]
    fn what_public_access_says_counts_before_the_rules_of_networks() {
        let rules = json!({"defaultAction": "Deny"});
        let chosen = read(json!({"networkAcls": rules, "publicNetworkAccess": "Enabled"}));
        assert_eq!(chosen.unwrap().networks, Networks::Chosen);
        let private = read(json!({"networkAcls": rules, "publicNetworkAccess": "disabled"}));
        assert_eq!(private.unwrap().networks, Networks::Private);
    }
}
