variable "cluster_name" {
  description = "Name of the EKS cluster. Where the same apply makes it, give its id: that is the name, known once the cluster is there."
  type        = string
  nullable    = false
}

variable "cluster_region" {
  description = "Region of the cluster. Default: the region of the provider's cluster_account."
  type        = string
  default     = null
}

variable "workload_account" {
  description = "Key of the provider's workload_accounts. Default: its workload_account."
  type        = string
  default     = null
}

variable "workload_role_name" {
  description = "Name of the role in the workload account, and of its instance profile."
  type        = string
  nullable    = false
}

variable "existing_workload_role" {
  description = "Whether that role is there already: then only the permission to assume the access role is added to it."
  type        = bool
  default     = false
  nullable    = false
}

variable "access_role_name" {
  description = "Name of the role in the cluster's account. It is one per workload account: a role trusts one caller."
  type        = string
  nullable    = false
}

variable "external_id" {
  description = "External id that the access role demands. Not a secret: it tells callers apart."
  type        = string
  default     = null
}

variable "instance_profile" {
  description = "Whether EC2 instances are to run with the workload role."
  type        = bool
  default     = true
  nullable    = false
}

variable "managed_policy_arns" {
  description = "Managed policies of the workload role, such as AmazonSSMManagedInstanceCore. Null leaves them alone."
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
  description = "EKS access policies by name: the namespaces where each holds, null for the whole cluster."
  type        = map(object({ namespaces = optional(set(string)) }))
  nullable    = false

  validation {
    condition     = alltrue([for policy in var.policies : policy.namespaces == null ? true : length(policy.namespaces) > 0])
    error_message = "An empty set of namespaces grants nothing: name at least one, or leave namespaces out for the whole cluster."
  }
}

variable "groups" {
  description = "Kubernetes groups of the caller, for rights by RBAC instead of access policies, or besides them."
  type        = set(string)
  default     = null
}

variable "network" {
  description = "The workload VPC to peer with the cluster's, once per pair of VPCs. Null where they reach each other already. https_source_cidrs narrows who may reach the API server; default: the whole VPC."
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
  description = "Tags of all objects, over the provider's default_tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
