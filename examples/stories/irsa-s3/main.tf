# Story 2: pods of an EKS cluster use a role, and so a bucket, of another account.
#
# The cluster prac-eks-abhi stands in account 183295435445, role and bucket in 185863138492. Pods that run as the service
# account nodejs-sa of the namespace nodejs get the role; no other does. With it they sign URLs for the bucket's objects.

provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1", allowed_account_ids = ["183295435445"] }
  workload_account = { profile = "workload", region = "ap-south-1", allowed_account_ids = ["185863138492"] }
}

locals {
  namespace       = "nodejs"
  service_account = "nodejs-sa"
  prefix          = "uploads/"
}

resource "xeks_irsa_trust" "app" {
  cluster_name     = "prac-eks-abhi"
  service_accounts = [{ namespace = local.namespace, name = local.service_account }]

  # In mode chained no OIDC provider is needed in the workload account: pods get a role of the cluster's account, which
  # may do nothing but assume the other.
  mode     = var.mode
  pod_role = var.mode == "chained" ? { name = "nodejs-pod" } : null

  role = {
    name = "nodejs-app"
    inline_policies = {
      bucket = jsonencode({
        Version = "2012-10-17"
        Statement = [{
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject"]
          Resource = "${local.bucket.arn}/${local.prefix}*"
        }]
      })
    }
  }
}

# What the chart is told. One of annotations and config is empty: by the annotation EKS injects the role into the pods;
# in mode chained the pods find the config in a file instead.
locals {
  chart_values = yamlencode({
    image          = var.image
    serviceAccount = { name = local.service_account, annotations = xeks_irsa_trust.app.service_account_annotations }
    aws            = { config = xeks_irsa_trust.app.aws_config == null ? "" : xeks_irsa_trust.app.aws_config }
    bucket         = { name = local.bucket.name, region = local.bucket.region, prefix = local.prefix }
  })
}
