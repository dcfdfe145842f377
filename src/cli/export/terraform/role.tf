
# --- Azure role of: @WINDOWS@
# Whoever applies this, as an application, is Owner or User Access Administrator of the scope.

variable "@LABEL@_eligible" {
  description = "Object ids of the people (or groups of people) who may activate @ROLE@"
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

resource "azurerm_role_management_policy" "@LABEL@" {
  scope              = "@SCOPE@"
  role_definition_id = "@DEFINITION@"

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
        additional_recipients = var.@LABEL@_notify
      }
    }
  }
}

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
