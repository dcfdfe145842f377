
@description('Whether vault @NAME@ is in the resource group that this is deployed to')
param here_@LABEL@ bool = true

resource vault_@LABEL@ 'Microsoft.KeyVault/vaults@2026-02-01' existing = if (here_@LABEL@) {
  name: '@NAME@'
}

// Who read what: joins pimento's record by its id (docs/audit.md).
resource log_@LABEL@ 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (here_@LABEL@ && !empty(logWorkspaceId)) {
  name: 'pimento'
  scope: vault_@LABEL@
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
