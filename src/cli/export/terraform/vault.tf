
# --- Vault @NAME@

variable "@LABEL@_vault_id" {
  description = "Resource id of vault @NAME@: az keyvault show --name @NAME@ --query id --output tsv"
  type        = string
}

# Who read what: joins pimento's record by its id (docs/audit.md).
resource "azurerm_monitor_diagnostic_setting" "@LABEL@" {
  count                          = var.log_workspace_id == null ? 0 : 1
  name                           = "pimento"
  target_resource_id             = var.@LABEL@_vault_id
  log_analytics_workspace_id     = var.log_workspace_id
  log_analytics_destination_type = "Dedicated"

  enabled_log {
    category = "AuditEvent"
  }
}
