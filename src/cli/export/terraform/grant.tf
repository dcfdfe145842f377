
# The group may read the vault; people may not.
resource "azurerm_role_assignment" "@LABEL@_@GROUP@" {
  scope                = var.@LABEL@_vault_id
  role_definition_name = "@ROLE@"
  principal_id         = azuread_group.@GROUP@.object_id
  principal_type       = "Group"
}
