
# --- The application registration -------------------------------------------------------------

variable "application_object_id" {
  description = "Object id of the registration, if there is one (client id in the configuration: @CLIENT_ID@): az ad app show --id CLIENT_ID --query id --output tsv; null: it is made"
  type        = string
  default     = null
}

data "azuread_service_principal" "graph" {
  client_id = "00000003-0000-0000-c000-000000000000"
}

data "azuread_service_principal" "key_vault" {
  client_id = "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"
}

locals {
  graph_scopes = [
@SCOPES@
  ]
  vault_scopes = ["user_impersonation"]
}

import {
  for_each = var.application_object_id == null ? [] : [var.application_object_id]
  to       = azuread_application.pimento
  id       = "/applications/${each.value}"
}

# A public client: there is no secret to keep, and it can do nothing without a signed-in user.
resource "azuread_application" "pimento" {
  display_name                   = "pimento"
  sign_in_audience               = "AzureADMyOrg"
  fallback_public_client_enabled = @DEVICE_CODE@

  public_client {
    redirect_uris = ["http://localhost"]
  }

  required_resource_access {
    resource_app_id = data.azuread_service_principal.graph.client_id
    dynamic "resource_access" {
      for_each = local.graph_scopes
      content {
        id   = data.azuread_service_principal.graph.oauth2_permission_scope_ids[resource_access.value]
        type = "Scope"
      }
    }
  }

  required_resource_access {
    resource_app_id = data.azuread_service_principal.key_vault.client_id
    dynamic "resource_access" {
      for_each = local.vault_scopes
      content {
        id   = data.azuread_service_principal.key_vault.oauth2_permission_scope_ids[resource_access.value]
        type = "Scope"
      }
    }
  }
@AZURE_ACCESS@}

resource "azuread_service_principal" "pimento" {
  client_id    = azuread_application.pimento.client_id
  use_existing = true
}

# Consent for everybody: the permissions for PIM need an administrator's.
resource "azuread_service_principal_delegated_permission_grant" "graph" {
  service_principal_object_id          = azuread_service_principal.pimento.object_id
  resource_service_principal_object_id = data.azuread_service_principal.graph.object_id
  claim_values                         = local.graph_scopes
}

resource "azuread_service_principal_delegated_permission_grant" "key_vault" {
  service_principal_object_id          = azuread_service_principal.pimento.object_id
  resource_service_principal_object_id = data.azuread_service_principal.key_vault.object_id
  claim_values                         = local.vault_scopes
}

output "client_id" {
  description = "client_id of [tenant.@TENANT@]"
  value       = azuread_application.pimento.client_id
}
