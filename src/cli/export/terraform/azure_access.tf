
  # Windows of Azure roles are activated by it.
  required_resource_access {
    resource_app_id = data.azuread_service_principal.azure.client_id
    resource_access {
      id   = data.azuread_service_principal.azure.oauth2_permission_scope_ids["user_impersonation"]
      type = "Scope"
    }
  }
