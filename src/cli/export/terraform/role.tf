
# --- Azure role of: @WINDOWS@
# Whoever applies this, as an application, is Owner or User Access Administrator of the scope.

@VARIABLES@
resource "azurerm_role_management_policy" "@LABEL@" {
  scope              = "@SCOPE@"
  role_definition_id = "@DEFINITION@"

@RULES@}

resource "azurerm_pim_eligible_role_assignment" "@LABEL@" {
  for_each           = var.@LABEL@_eligible
  scope              = "@SCOPE@"
  role_definition_id = "@DEFINITION@"
  principal_id       = each.value
  justification      = "eligible for pimento"

  schedule {
    expiration {
      duration_days = 365
    }
  }

  # The policy says what an eligibility may be.
  depends_on = [azurerm_role_management_policy.@LABEL@]
}
