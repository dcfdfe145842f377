
# The group may @DOES@; people may not.
resource "azurerm_role_assignment" "@LABEL@_@GROUP@@SUFFIX@" {
  scope                = var.@LABEL@_vault_id
  role_definition_name = "@ROLE@"
  principal_id         = azuread_group.@GROUP@.object_id
  principal_type       = "Group"
}
