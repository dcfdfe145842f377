
# --- Group of: @WINDOWS@

variable "@LABEL@_group_id" {
  description = "Object id of the group, as the configuration has it; null: a new one is made, and its id belongs into the configuration"
  type        = string
  default     = "@ID@"
}

variable "@LABEL@_group_name" {
  description = "Display name of the group; of one that exists: az ad group show --group @ID@ --query displayName"
  type        = string
}

variable "@LABEL@_group_role_assignable" {
  description = "Whether only a Privileged Role Administrator can change its members. Cannot be changed later: false for a group that exists and is not"
  type        = bool
  default     = true
}

import {
  for_each = var.@LABEL@_group_id == null ? [] : [var.@LABEL@_group_id]
  to       = azuread_group.@LABEL@
  id       = "/groups/${each.value}"
}

# Nobody is a plain member: then there would be nothing to activate.
resource "azuread_group" "@LABEL@" {
  display_name       = var.@LABEL@_group_name
  security_enabled   = true
  assignable_to_role = var.@LABEL@_group_role_assignable

  lifecycle {
    # PIM adds and removes members.
    ignore_changes  = [members, owners]
    prevent_destroy = true
  }
}

output "@LABEL@_group_id" {
  value = azuread_group.@LABEL@.object_id
}
