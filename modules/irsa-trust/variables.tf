variable "cluster_names" {
  description = "Names of the EKS clusters whose pods use the role: one, or several such as blue and green. If the same apply creates a cluster, use its id."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.cluster_names) > 0
    error_message = "Name at least one cluster."
  }
}

variable "cluster_region" {
  description = "Region of the clusters. Default: the region of the provider's cluster_account."
  type        = string
  default     = null
}

variable "workload_account" {
  description = "Key of the account in the provider's workload_accounts. Default: the provider's workload_account."
  type        = string
  default     = null
}

variable "service_accounts" {
  description = "Kubernetes service accounts that can use the role."
  type        = set(object({ namespace = string, name = string }))
  nullable    = false

  validation {
    condition     = length(var.service_accounts) > 0
    error_message = "Name at least one service account."
  }

  validation {
    condition     = alltrue([for account in var.service_accounts : !can(regex("[*?]", "${account.namespace}${account.name}"))])
    error_message = "This module accepts no wildcards, because users who can create a service account with a matching name can use the role. Use the resource xeks_irsa_trust for those."
  }
}

variable "role_name" {
  description = "Name of the role in the workload account."
  type        = string
  nullable    = false
}

variable "pod_role_name" {
  description = "Name of a role in the cluster account that pods use first, so that the workload account needs no OIDC provider. If null, pods assume the role directly."
  type        = string
  default     = null
}

variable "permissions_boundaries" {
  description = "ARNs of the permissions boundaries of the roles."
  type        = object({ role = optional(string), pod_role = optional(string) })
  default     = {}
  nullable    = false
}

variable "max_session_duration" {
  description = "Maximum session duration of the role in seconds. Through a pod role, AWS limits sessions to one hour."
  type        = number
  default     = null
}

variable "buckets" {
  description = "S3 buckets of the workload account that pods use, keyed by a name that you choose: ARN, key prefix, and access (read, write or read-write)."
  type = map(object({
    arn    = string
    prefix = optional(string, "")
    access = optional(string, "read")
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for bucket in var.buckets : contains(["read", "write", "read-write"], bucket.access)])
    error_message = "The access to a bucket is read, write or read-write."
  }

  validation {
    condition     = alltrue([for bucket in var.buckets : can(regex("^arn:[a-z-]+:s3:::[^/*]+$", bucket.arn))])
    error_message = "The ARN of a bucket is such as arn:aws:s3:::uploads, without a key or a wildcard."
  }

  validation {
    condition     = alltrue([for bucket in var.buckets : bucket.prefix == "" || endswith(bucket.prefix, "/")])
    error_message = "A prefix ends with a slash, such as uploads/: otherwise it would also match uploads-of-others/."
  }
}

variable "inline_policies" {
  description = "Additional inline policies of the role as JSON, keyed by name."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "managed_policy_arns" {
  description = "ARNs of the managed policies of the role. If null, the module ignores attached policies."
  type        = set(string)
  default     = null
}

variable "tags" {
  description = "Tags of all objects. They override the provider's default_tags."
  type        = map(string)
  default     = {}
  nullable    = false
}
