variable "mode" {
  description = "How pods get the role: federated (the workload account trusts the cluster's tokens) or chained (through a role in the cluster account)."
  type        = string
  default     = "federated"
}

variable "image" {
  description = "The image made of app/, in a registry that the cluster can pull from."
  type        = object({ repository = string, tag = string })
  default     = { repository = "presigned-urls", tag = "1.0.0" }
}
