
resource grant_@LABEL@_@GROUP@@SUFFIX@ 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (here_@LABEL@) {
  name: guid(vault_@LABEL@.id, group_@GROUP@, role@SUFFIX@)
  scope: vault_@LABEL@
  properties: {
    roleDefinitionId: role@SUFFIX@
    principalId: group_@GROUP@
    principalType: 'Group'
  }
}
