# Made by `pimento export --terraform` from the configuration of tenant @TENANT@.
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
