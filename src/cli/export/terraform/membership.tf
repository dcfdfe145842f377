
variable "@LABEL@_eligible" {
  description = "Object ids of the people (or groups of people) who may activate the group as @ACCESS@"
  type        = set(string)
}

variable "@LABEL@_approvers" {
  description = "Object ids of the people who approve activations; empty: no approval"
  type        = set(string)
  default     = []
}

variable "@LABEL@_authentication_context" {
  description = "Authentication context that an activation needs, such as c1; null: a second factor"
  type        = string
  default     = null
}

variable "@LABEL@_notify" {
  description = "Mail addresses that hear of each activation, besides the administrators of PIM"
  type        = set(string)
  default     = []
}

resource "azuread_group_role_management_policy" "@LABEL@" {
  group_id = azuread_group.@GROUP@.object_id
  role_id  = "@ACCESS@"

  activation_rules {
    maximum_duration                                   = "@LONGEST@"
    require_justification                              = true
    require_ticket_info                                = @TICKET@
    require_approval                                   = length(var.@LABEL@_approvers) > 0
    require_multifactor_authentication                 = var.@LABEL@_authentication_context == null ? true : null
    required_conditional_access_authentication_context = var.@LABEL@_authentication_context

    dynamic "approval_stage" {
      for_each = length(var.@LABEL@_approvers) > 0 ? [1] : []
      content {
        dynamic "primary_approver" {
          for_each = var.@LABEL@_approvers
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
        additional_recipients = var.@LABEL@_notify
      }
    }
  }
}

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
