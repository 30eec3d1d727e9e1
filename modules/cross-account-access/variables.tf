variable "cluster_name" {
  description = "Name of the EKS cluster. If the same apply creates it, use its id: it equals the name and is known once the cluster exists."
  type        = string
  nullable    = false
}

variable "cluster_region" {
  description = "Region of the cluster. Default: the region of the provider's cluster_account."
  type        = string
  default     = null
}

variable "workload_account" {
  description = "Key of the account in the provider's workload_accounts. Default: the provider's workload_account."
  type        = string
  default     = null
}

variable "workload_role_name" {
  description = "Name of the role in the workload account, and of its instance profile."
  type        = string
  nullable    = false
}

variable "existing_workload_role" {
  description = "Whether the workload role already exists. The module then adds only the permission to assume the access role."
  type        = bool
  default     = false
  nullable    = false
}

variable "access_role_name" {
  description = "Name of the role in the cluster account. Use one per workload account: each role trusts one principal."
  type        = string
  nullable    = false
}

variable "external_id" {
  description = "External ID that the access role requires. Not a secret: it distinguishes callers."
  type        = string
  default     = null
}

variable "instance_profile" {
  description = "Whether to create an instance profile, so that EC2 instances can use the workload role."
  type        = bool
  default     = true
  nullable    = false
}

variable "managed_policy_arns" {
  description = "ARNs of the managed policies of the workload role, such as AmazonSSMManagedInstanceCore. If null, the module ignores attached policies."
  type        = set(string)
  default     = null
}

variable "permissions_boundaries" {
  description = "ARNs of the permissions boundaries of the two roles."
  type        = object({ access_role = optional(string), workload_role = optional(string) })
  default     = {}
  nullable    = false
}

variable "policies" {
  description = "EKS access policies, keyed by name, with the namespaces that each applies to; null for the whole cluster."
  type        = map(object({ namespaces = optional(set(string)) }))
  nullable    = false

  validation {
    condition     = alltrue([for policy in var.policies : policy.namespaces == null ? true : length(policy.namespaces) > 0])
    error_message = "An empty set of namespaces grants nothing: name at least one, or leave namespaces out for the whole cluster."
  }
}

variable "groups" {
  description = "Kubernetes groups of the principal, for permissions through RBAC instead of or in addition to access policies."
  type        = set(string)
  default     = null
}

variable "network" {
  description = "The workload VPC to peer with the cluster's VPC, once per pair of VPCs. Null if the VPCs are already connected. https_source_cidrs limits the sources that can reach the API server. Default: the whole VPC."
  type = object({
    vpc_id                   = string
    region                   = optional(string)
    cluster_route_table_ids  = optional(set(string))
    workload_route_table_ids = optional(set(string))
    https_source_cidrs       = optional(set(string))
  })
  default = null
}

variable "tags" {
  description = "Tags of all objects. They override the provider's default_tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
