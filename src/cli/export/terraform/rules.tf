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
            type      = "@PERSON@"
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
