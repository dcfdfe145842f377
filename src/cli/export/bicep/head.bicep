// Made by `pimento export --bicep` from the configuration of tenant @TENANT@.
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
