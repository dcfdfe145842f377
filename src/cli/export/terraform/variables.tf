variable "@LABEL@_eligible" {
  description = "Object ids of the people (or groups of people) who may activate @WHAT@"
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
