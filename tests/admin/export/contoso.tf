# Made by `pimento export --terraform` from the configuration of tenant contoso.
#
# It describes the application registration (none where people sign in by the Azure CLI), the PIM
# groups and Azure roles with their policies, who is eligible, the rights on the vaults, and the
# vaults' log. What a configuration cannot know is a variable: write those into terraform.tfvars.
# What exists already is adopted, not made anew; read the plan before you apply it. Not tried on a
# live tenant (docs/azure-setup.md).
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
  tenant_id = "contoso.onmicrosoft.com"
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
  description = "Object id of the registration, if there is one (client id in the configuration: 7d9b0c3e-7f5e-4c8b-9d5b-2a6f4f0e1b22): az ad app show --id CLIENT_ID --query id --output tsv; null: it is made"
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
    "User.Read",
    "PrivilegedEligibilitySchedule.Read.AzureADGroup",
    "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
    "RoleManagementPolicy.Read.AzureADGroup",
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
  fallback_public_client_enabled = true

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

  # Windows of Azure roles are activated by it.
  required_resource_access {
    resource_app_id = data.azuread_service_principal.azure.client_id
    resource_access {
      id   = data.azuread_service_principal.azure.oauth2_permission_scope_ids["user_impersonation"]
      type = "Scope"
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
  description = "client_id of [tenant.contoso]"
  value       = azuread_application.pimento.client_id
}

# Azure Service Management
data "azuread_service_principal" "azure" {
  client_id = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
}

resource "azuread_service_principal_delegated_permission_grant" "azure" {
  service_principal_object_id          = azuread_service_principal.pimento.object_id
  resource_service_principal_object_id = data.azuread_service_principal.azure.object_id
  claim_values                         = ["user_impersonation"]
}

# --- Group of: linux-root, linux-night, linux-owner

variable "linux_root_group_id" {
  description = "Object id of the group, as the configuration has it; null: a new one is made, and its id belongs into the configuration"
  type        = string
  default     = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b"
}

variable "linux_root_group_name" {
  description = "Display name of the group; of one that exists: az ad group show --group 8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6b --query displayName"
  type        = string
}

variable "linux_root_group_role_assignable" {
  description = "Whether only a Privileged Role Administrator can change its members. Cannot be changed later: false for a group that exists and is not"
  type        = bool
  default     = true
}

import {
  for_each = var.linux_root_group_id == null ? [] : [var.linux_root_group_id]
  to       = azuread_group.linux_root
  id       = "/groups/${each.value}"
}

# Nobody is a plain member: then there would be nothing to activate.
resource "azuread_group" "linux_root" {
  display_name       = var.linux_root_group_name
  security_enabled   = true
  assignable_to_role = var.linux_root_group_role_assignable

  lifecycle {
    # PIM adds and removes members.
    ignore_changes  = [members, owners]
    prevent_destroy = true
  }
}

output "linux_root_group_id" {
  value = azuread_group.linux_root.object_id
}

variable "linux_root_eligible" {
  description = "Object ids of the people (or groups of people) who may activate the group as member"
  type        = set(string)
}

variable "linux_root_approvers" {
  description = "Object ids of the people who approve activations; empty: no approval"
  type        = set(string)
  default     = []
}

variable "linux_root_authentication_context" {
  description = "Authentication context that an activation needs, such as c1; null: a second factor"
  type        = string
  default     = null
}

variable "linux_root_notify" {
  description = "Mail addresses that hear of each activation, besides the administrators of PIM"
  type        = set(string)
  default     = []
}

resource "azuread_group_role_management_policy" "linux_root" {
  group_id = azuread_group.linux_root.object_id
  role_id  = "member"

  activation_rules {
    maximum_duration                                   = "PT3H30M"
    require_justification                              = true
    require_ticket_info                                = false
    require_approval                                   = length(var.linux_root_approvers) > 0
    require_multifactor_authentication                 = var.linux_root_authentication_context == null ? true : null
    required_conditional_access_authentication_context = var.linux_root_authentication_context

    dynamic "approval_stage" {
      for_each = length(var.linux_root_approvers) > 0 ? [1] : []
      content {
        dynamic "primary_approver" {
          for_each = var.linux_root_approvers
          content {
            object_id = primary_approver.value
            type      = "singleUser"
          }
        }
      }
    }
  }

  eligible_assignment_rules {
    expiration_required = true
    expire_after        = "P365D"
  }

  notification_rules {
    eligible_activations {
      admin_notifications {
        notification_level    = "All"
        default_recipients    = true
        additional_recipients = var.linux_root_notify
      }
    }
  }
}

resource "azuread_privileged_access_group_eligibility_schedule" "linux_root" {
  for_each        = var.linux_root_eligible
  group_id        = azuread_group.linux_root.object_id
  principal_id    = each.value
  assignment_type = "member"
  duration        = "P365D"
  justification   = "eligible for pimento"

  # The policy says what an eligibility may be.
  depends_on = [azuread_group_role_management_policy.linux_root]
}

variable "linux_owner_eligible" {
  description = "Object ids of the people (or groups of people) who may activate the group as owner"
  type        = set(string)
}

variable "linux_owner_approvers" {
  description = "Object ids of the people who approve activations; empty: no approval"
  type        = set(string)
  default     = []
}

variable "linux_owner_authentication_context" {
  description = "Authentication context that an activation needs, such as c1; null: a second factor"
  type        = string
  default     = null
}

variable "linux_owner_notify" {
  description = "Mail addresses that hear of each activation, besides the administrators of PIM"
  type        = set(string)
  default     = []
}

resource "azuread_group_role_management_policy" "linux_owner" {
  group_id = azuread_group.linux_root.object_id
  role_id  = "owner"

  activation_rules {
    maximum_duration                                   = "PT30M"
    require_justification                              = true
    require_ticket_info                                = false
    require_approval                                   = length(var.linux_owner_approvers) > 0
    require_multifactor_authentication                 = var.linux_owner_authentication_context == null ? true : null
    required_conditional_access_authentication_context = var.linux_owner_authentication_context

    dynamic "approval_stage" {
      for_each = length(var.linux_owner_approvers) > 0 ? [1] : []
      content {
        dynamic "primary_approver" {
          for_each = var.linux_owner_approvers
          content {
            object_id = primary_approver.value
            type      = "singleUser"
          }
        }
      }
    }
  }

  eligible_assignment_rules {
    expiration_required = true
    expire_after        = "P365D"
  }

  notification_rules {
    eligible_activations {
      admin_notifications {
        notification_level    = "All"
        default_recipients    = true
        additional_recipients = var.linux_owner_notify
      }
    }
  }
}

resource "azuread_privileged_access_group_eligibility_schedule" "linux_owner" {
  for_each        = var.linux_owner_eligible
  group_id        = azuread_group.linux_root.object_id
  principal_id    = each.value
  assignment_type = "owner"
  duration        = "P365D"
  justification   = "eligible for pimento"

  # The policy says what an eligibility may be.
  depends_on = [azuread_group_role_management_policy.linux_owner]
}

# --- Group of: tier.0

variable "tier_0_group_id" {
  description = "Object id of the group, as the configuration has it; null: a new one is made, and its id belongs into the configuration"
  type        = string
  default     = "8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6c"
}

variable "tier_0_group_name" {
  description = "Display name of the group; of one that exists: az ad group show --group 8f3c2d10-6b7a-4c1e-9a90-1c2d3e4f5a6c --query displayName"
  type        = string
}

variable "tier_0_group_role_assignable" {
  description = "Whether only a Privileged Role Administrator can change its members. Cannot be changed later: false for a group that exists and is not"
  type        = bool
  default     = true
}

import {
  for_each = var.tier_0_group_id == null ? [] : [var.tier_0_group_id]
  to       = azuread_group.tier_0
  id       = "/groups/${each.value}"
}

# Nobody is a plain member: then there would be nothing to activate.
resource "azuread_group" "tier_0" {
  display_name       = var.tier_0_group_name
  security_enabled   = true
  assignable_to_role = var.tier_0_group_role_assignable

  lifecycle {
    # PIM adds and removes members.
    ignore_changes  = [members, owners]
    prevent_destroy = true
  }
}

output "tier_0_group_id" {
  value = azuread_group.tier_0.object_id
}

variable "tier_0_eligible" {
  description = "Object ids of the people (or groups of people) who may activate the group as member"
  type        = set(string)
}

variable "tier_0_approvers" {
  description = "Object ids of the people who approve activations; empty: no approval"
  type        = set(string)
  default     = []
}

variable "tier_0_authentication_context" {
  description = "Authentication context that an activation needs, such as c1; null: a second factor"
  type        = string
  default     = null
}

variable "tier_0_notify" {
  description = "Mail addresses that hear of each activation, besides the administrators of PIM"
  type        = set(string)
  default     = []
}

resource "azuread_group_role_management_policy" "tier_0" {
  group_id = azuread_group.tier_0.object_id
  role_id  = "member"

  activation_rules {
    maximum_duration                                   = "P1D"
    require_justification                              = true
    require_ticket_info                                = true
    require_approval                                   = length(var.tier_0_approvers) > 0
    require_multifactor_authentication                 = var.tier_0_authentication_context == null ? true : null
    required_conditional_access_authentication_context = var.tier_0_authentication_context

    dynamic "approval_stage" {
      for_each = length(var.tier_0_approvers) > 0 ? [1] : []
      content {
        dynamic "primary_approver" {
          for_each = var.tier_0_approvers
          content {
            object_id = primary_approver.value
            type      = "singleUser"
          }
        }
      }
    }
  }

  eligible_assignment_rules {
    expiration_required = true
    expire_after        = "P365D"
  }

  notification_rules {
    eligible_activations {
      admin_notifications {
        notification_level    = "All"
        default_recipients    = true
        additional_recipients = var.tier_0_notify
      }
    }
  }
}

resource "azuread_privileged_access_group_eligibility_schedule" "tier_0" {
  for_each        = var.tier_0_eligible
  group_id        = azuread_group.tier_0.object_id
  principal_id    = each.value
  assignment_type = "member"
  duration        = "P365D"
  justification   = "eligible for pimento"

  # The policy says what an eligibility may be.
  depends_on = [azuread_group_role_management_policy.tier_0]
}

# --- Azure role of: branch
# Whoever applies this, as an application, is Owner or User Access Administrator of the scope.

variable "branch_eligible" {
  description = "Object ids of the people (or groups of people) who may activate Key Vault Secrets User"
  type        = set(string)
}

variable "branch_approvers" {
  description = "Object ids of the people who approve activations; empty: no approval"
  type        = set(string)
  default     = []
}

variable "branch_authentication_context" {
  description = "Authentication context that an activation needs, such as c1; null: a second factor"
  type        = string
  default     = null
}

variable "branch_notify" {
  description = "Mail addresses that hear of each activation, besides the administrators of PIM"
  type        = set(string)
  default     = []
}

resource "azurerm_role_management_policy" "branch" {
  scope              = "/subscriptions/129ff972-28f8-46b8-a726-e497be039368/resourceGroups/ops/providers/Microsoft.KeyVault/vaults/kv-branch"
  role_definition_id = "/subscriptions/129ff972-28f8-46b8-a726-e497be039368/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"

  activation_rules {
    maximum_duration                                   = "PT8H"
    require_justification                              = true
    require_ticket_info                                = false
    require_approval                                   = length(var.branch_approvers) > 0
    require_multifactor_authentication                 = var.branch_authentication_context == null ? true : null
    required_conditional_access_authentication_context = var.branch_authentication_context

    dynamic "approval_stage" {
      for_each = length(var.branch_approvers) > 0 ? [1] : []
      content {
        dynamic "primary_approver" {
          for_each = var.branch_approvers
          content {
            object_id = primary_approver.value
            type      = "User"
          }
        }
      }
    }
  }

  eligible_assignment_rules {
    expiration_required = true
    expire_after        = "P365D"
  }

  notification_rules {
    eligible_activations {
      admin_notifications {
        notification_level    = "All"
        default_recipients    = true
        additional_recipients = var.branch_notify
      }
    }
  }
}

resource "azurerm_pim_eligible_role_assignment" "branch" {
  for_each           = var.branch_eligible
  scope              = "/subscriptions/129ff972-28f8-46b8-a726-e497be039368/resourceGroups/ops/providers/Microsoft.KeyVault/vaults/kv-branch"
  role_definition_id = "/subscriptions/129ff972-28f8-46b8-a726-e497be039368/providers/Microsoft.Authorization/roleDefinitions/4633458b-17de-408a-b874-0445c86b69e6"
  principal_id       = each.value
  justification      = "eligible for pimento"

  schedule {
    expiration {
      duration_days = 365
    }
  }

  # The policy says what an eligibility may be.
  depends_on = [azurerm_role_management_policy.branch]
}

# --- Vault kv-linux

variable "linux_vault_id" {
  description = "Resource id of vault kv-linux: az keyvault show --name kv-linux --query id --output tsv"
  type        = string
}

# Who read what: joins pimento's record by its id (docs/audit.md).
resource "azurerm_monitor_diagnostic_setting" "linux" {
  count                          = var.log_workspace_id == null ? 0 : 1
  name                           = "pimento"
  target_resource_id             = var.linux_vault_id
  log_analytics_workspace_id     = var.log_workspace_id
  log_analytics_destination_type = "Dedicated"

  enabled_log {
    category = "AuditEvent"
  }
}

# The group may read the vault; people may not.
resource "azurerm_role_assignment" "linux_linux_root" {
  scope                = var.linux_vault_id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azuread_group.linux_root.object_id
  principal_type       = "Group"
}

# The group may read the vault; people may not.
resource "azurerm_role_assignment" "linux_tier_0" {
  scope                = var.linux_vault_id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azuread_group.tier_0.object_id
  principal_type       = "Group"
}

# --- Vault kv-tier0

variable "tier0_vault_id" {
  description = "Resource id of vault kv-tier0: az keyvault show --name kv-tier0 --query id --output tsv"
  type        = string
}

# Who read what: joins pimento's record by its id (docs/audit.md).
resource "azurerm_monitor_diagnostic_setting" "tier0" {
  count                          = var.log_workspace_id == null ? 0 : 1
  name                           = "pimento"
  target_resource_id             = var.tier0_vault_id
  log_analytics_workspace_id     = var.log_workspace_id
  log_analytics_destination_type = "Dedicated"

  enabled_log {
    category = "AuditEvent"
  }
}

# The group may read the vault; people may not.
resource "azurerm_role_assignment" "tier0_tier_0" {
  scope                = var.tier0_vault_id
  role_definition_name = "Key Vault Secrets User"
  principal_id         = azuread_group.tier_0.object_id
  principal_type       = "Group"
}

# The group may use the vault's keys; people may not.
resource "azurerm_role_assignment" "tier0_tier_0_keys" {
  scope                = var.tier0_vault_id
  role_definition_name = "Key Vault Crypto User"
  principal_id         = azuread_group.tier_0.object_id
  principal_type       = "Group"
}

# --- Vault kv-branch

variable "branch_vault_id" {
  description = "Resource id of vault kv-branch: az keyvault show --name kv-branch --query id --output tsv"
  type        = string
}

# Who read what: joins pimento's record by its id (docs/audit.md).
resource "azurerm_monitor_diagnostic_setting" "branch" {
  count                          = var.log_workspace_id == null ? 0 : 1
  name                           = "pimento"
  target_resource_id             = var.branch_vault_id
  log_analytics_workspace_id     = var.log_workspace_id
  log_analytics_destination_type = "Dedicated"

  enabled_log {
    category = "AuditEvent"
  }
}
