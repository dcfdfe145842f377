//! Subscriptions and vaults, as Resource Manager lists them to whoever may read them.

use serde_json::{Value, json};

use crate::emulator::http::{Reply, Request};
use crate::emulator::scenario::{RESOURCE_GROUP, User, Vault, vault_path};
use crate::emulator::world::World;

pub(super) fn operation(request: &Request) -> Option<&'static str> {
    let path = request.path.to_ascii_lowercase();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["subscriptions"]) => Some("arm.subscriptions"),
        (
            "GET",
            [
                "subscriptions",
                _,
                "providers",
                "microsoft.keyvault",
                "vaults",
            ],
        ) => Some("arm.vaults"),
        _ => None,
    }
}

impl World {
    /// What of them that user may read.
    pub(super) fn resources(&self, operation: &str, request: &Request, user: &User) -> Reply {
        let all = self.scenario.vaults.iter();
        let mut mine = all
            .filter(|vault| vault.readers.contains(&user.name))
            .peekable();
        let subscription = RESOURCE_GROUP.split('/').nth(2).unwrap_or_default();
        let here = request.path.contains(subscription);
        let items: Vec<Value> = match operation {
            "arm.vaults" if here => mine.map(|vault| self.resource(vault)).collect(),
            "arm.subscriptions" if mine.peek().is_some() => vec![json!({
                "id": format!("/subscriptions/{subscription}"),
                "authorizationSource": "RoleBased",
                "subscriptionId": subscription,
                "tenantId": self.scenario.tenant.id,
                "displayName": "Production",
                "state": "Enabled",
            })],
            _ => Vec::new(),
        };
        self.arm_page(request, items)
    }

    fn resource(&self, vault: &Vault) -> Value {
        let mut properties = json!({
            "sku": {"family": "A", "name": "standard"},
            "tenantId": self.scenario.tenant.id,
            "accessPolicies": [],
            "enabledForDeployment": false,
            "enableSoftDelete": true,
            "softDeleteRetentionInDays": 90,
            "enableRbacAuthorization": true,
            "enablePurgeProtection": true,
            "vaultUri": format!("https://{}.vault.azure.net/", vault.name),
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "networkAcls": {
                "bypass": "AzureServices",
                "defaultAction": if vault.firewall { "Deny" } else { "Allow" },
                "ipRules": [],
                "virtualNetworkRules": [],
            },
        });
        if let Some(properties) = properties.as_object_mut() {
            properties.extend(vault.properties.clone());
        }
        json!({
            "id": vault_path(&vault.name),
            "name": vault.name,
            "type": "Microsoft.KeyVault/vaults",
            "location": "westeurope",
            "tags": {},
            "properties": properties,
        })
    }
}
