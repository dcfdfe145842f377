
# Azure Service Management
data "azuread_service_principal" "azure" {
  client_id = "@AZURE@"
}

resource "azuread_service_principal_delegated_permission_grant" "azure" {
  service_principal_object_id          = azuread_service_principal.pimento.object_id
  resource_service_principal_object_id = data.azuread_service_principal.azure.object_id
  claim_values                         = ["user_impersonation"]
}
