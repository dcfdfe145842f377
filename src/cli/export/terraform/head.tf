# Made by `pimento export --terraform` from the configuration of tenant @TENANT@.
#
# It describes the application registration, the PIM groups with their policies, who is eligible,
# the rights on the vaults, and the vaults' log. What a configuration cannot know is a variable:
# write those into terraform.tfvars. What exists already is adopted, not made anew; read the plan
# before you apply it. Not tried on a live tenant (docs/azure-setup.md).
#
# Whoever applies it, as an application, needs Application.ReadWrite.All, Group.ReadWrite.All,
# RoleManagement.ReadWrite.Directory, PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup and
# RoleManagementPolicy.ReadWrite.AzureADGroup, and may assign roles on the vaults.

terraform {
  required_version = ">= 1.7"
  required_providers {
    azuread = {
      source  = "hashicorp/azuread"
      version = "~> 3.9"
    }
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.0"
    }
  }
}

provider "azuread" {
  tenant_id = "@TENANT_ID@"
}

provider "azurerm" {
  features {}
  subscription_id = var.subscription_id
}

variable "subscription_id" {
  description = "The subscription of the vaults: az account show --query id --output tsv"
  type        = string
}

variable "log_workspace_id" {
  description = "Resource id of the Log Analytics workspace that takes the vaults' log; null: the log is left as it is"
  type        = string
  default     = null
}

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
}

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
