
@VARIABLES@
resource "azuread_group_role_management_policy" "@LABEL@" {
  group_id = azuread_group.@GROUP@.object_id
  role_id  = "@ACCESS@"

@RULES@}

resource "azuread_privileged_access_group_eligibility_schedule" "@LABEL@" {
  for_each        = var.@LABEL@_eligible
  group_id        = azuread_group.@GROUP@.object_id
  principal_id    = each.value
  assignment_type = "@ACCESS@"
  duration        = "P365D"
  justification   = "eligible for pimento"

  # The policy says what an eligibility may be.
  depends_on = [azuread_group_role_management_policy.@LABEL@]
}
