# A role in the workload account for pods of one or more EKS clusters in another account, with least permissions on buckets.

locals {
  actions = {
    read       = ["s3:GetObject"]
    write      = ["s3:PutObject"]
    read-write = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
  }

  # Read access includes listing below the prefix. For a missing object, GetObject still answers 403: S3 answers 404 only to callers
  # that can list the whole bucket.
  bucket_policies = {
    for name, bucket in var.buckets : "bucket-${name}" => jsonencode({
      Version = "2012-10-17"
      Statement = concat(
        [{ Effect = "Allow", Action = local.actions[bucket.access], Resource = "${bucket.arn}/${bucket.prefix}*" }],
        [for access in [bucket.access] : {
          Effect    = "Allow"
          Action    = ["s3:ListBucket"]
          Resource  = bucket.arn
          Condition = { StringLike = { "s3:prefix" = ["${bucket.prefix}*"] } }
        } if access != "write"],
      )
    })
  }
}

resource "xeks_irsa_trust" "this" {
  cluster_names    = var.cluster_names
  cluster_region   = var.cluster_region
  workload_account = var.workload_account
  service_accounts = var.service_accounts

  mode = var.pod_role_name == null ? "federated" : "chained"
  pod_role = var.pod_role_name == null ? null : {
    name                 = var.pod_role_name
    permissions_boundary = var.permissions_boundaries.pod_role
  }

  role = {
    name                 = var.role_name
    permissions_boundary = var.permissions_boundaries.role
    max_session_duration = var.max_session_duration
    inline_policies      = merge(local.bucket_policies, var.inline_policies)
    managed_policy_arns  = var.managed_policy_arns
  }

  tags = var.tags
}
