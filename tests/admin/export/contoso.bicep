// Made by `pimento export --bicep` from the configuration of tenant contoso.
//
// It gives the PIM groups their right on the vaults, and sends the vaults' log to a workspace. Bicep
// has no types for PIM and none for groups that roles can be assigned to, so groups, policies,
// eligibilities (of Azure roles as well) and the application come from `pimento export --az` or `--terraform`.
// Not compiled and not tried on a live tenant (docs/azure-setup.md).
//
// Deploy it to the resource group of the vaults; once for each, if they are in several:
//   az deployment group create --resource-group RESOURCE_GROUP --template-file FILE

targetScope = 'resourceGroup'

@description('Resource id of the Log Analytics workspace that takes the vaults\' log; empty: the log is left as it is')
param logWorkspaceId string = ''

// Key Vault Secrets User: lets a group read the vault.
var role = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '4633458b-17de-408a-b874-0445c86b69e6')

// Key Vault Crypto User: lets a group use the vault's keys.
var role_keys = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', '12338af0-0e69-4776-bea7-57ae8d297424')

@description('Object id of the PIM group of linux_root')
param group_linux_root string = '8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b'

@description('Object id of the PIM group of tier_0')
param group_tier_0 string = '8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6c'

@description('Whether vault kv-linux is in the resource group that this is deployed to')
param here_linux bool = true

resource vault_linux 'Microsoft.KeyVault/vaults@2026-02-01' existing = if (here_linux) {
  name: 'kv-linux'
}

// Who read what: joins pimento's record by its id (docs/audit.md).
resource log_linux 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (here_linux && !empty(logWorkspaceId)) {
  name: 'pimento'
  scope: vault_linux
  properties: {
    workspaceId: logWorkspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

resource grant_linux_linux_root 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (here_linux) {
  name: guid(vault_linux.id, group_linux_root, role)
  scope: vault_linux
  properties: {
    roleDefinitionId: role
    principalId: group_linux_root
    principalType: 'Group'
  }
}

resource grant_linux_tier_0 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (here_linux) {
  name: guid(vault_linux.id, group_tier_0, role)
  scope: vault_linux
  properties: {
    roleDefinitionId: role
    principalId: group_tier_0
    principalType: 'Group'
  }
}

@description('Whether vault kv-tier0 is in the resource group that this is deployed to')
param here_tier0 bool = true

resource vault_tier0 'Microsoft.KeyVault/vaults@2026-02-01' existing = if (here_tier0) {
  name: 'kv-tier0'
}

// Who read what: joins pimento's record by its id (docs/audit.md).
resource log_tier0 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (here_tier0 && !empty(logWorkspaceId)) {
  name: 'pimento'
  scope: vault_tier0
  properties: {
    workspaceId: logWorkspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

resource grant_tier0_tier_0 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (here_tier0) {
  name: guid(vault_tier0.id, group_tier_0, role)
  scope: vault_tier0
  properties: {
    roleDefinitionId: role
    principalId: group_tier_0
    principalType: 'Group'
  }
}

resource grant_tier0_tier_0_keys 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (here_tier0) {
  name: guid(vault_tier0.id, group_tier_0, role_keys)
  scope: vault_tier0
  properties: {
    roleDefinitionId: role_keys
    principalId: group_tier_0
    principalType: 'Group'
  }
}

@description('Whether vault kv-branch is in the resource group that this is deployed to')
param here_branch bool = true

resource vault_branch 'Microsoft.KeyVault/vaults@2026-02-01' existing = if (here_branch) {
  name: 'kv-branch'
}

// Who read what: joins pimento's record by its id (docs/audit.md).
resource log_branch 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (here_branch && !empty(logWorkspaceId)) {
  name: 'pimento'
  scope: vault_branch
  properties: {
    workspaceId: logWorkspaceId
    logAnalyticsDestinationType: 'Dedicated'
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}
