# Story 2: pods of an EKS cluster use a role, and through it a bucket, in another account.
#
# The cluster prac-eks-abhi is in account 183295435445, role and bucket are in 185863138492. Only pods that run as the service
# account nodejs-sa in the namespace nodejs can use the role. With it, they sign URLs for the bucket's objects.

provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1", allowed_account_ids = ["183295435445"] }
  workload_account = { profile = "workload", region = "ap-south-1", allowed_account_ids = ["185863138492"] }
}

data "xeks_cluster" "this" {
  name = "prac-eks-abhi"
}

locals {
  namespace       = "nodejs"
  service_account = "nodejs-sa"
  prefix          = "uploads/"
}

resource "xeks_irsa_trust" "app" {
  cluster_name     = data.xeks_cluster.this.name
  service_accounts = [{ namespace = local.namespace, name = local.service_account }]

  # In mode chained, the workload account needs no OIDC provider: pods use a role in the cluster account whose only
  # permission is to assume the other role.
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

# Checks at each plan and apply whether the pods can access the bucket's objects. If not, a warning shows every hop, and which one is
# broken. The data source is outside the check: inside, Terraform would plan to read it again each time, and no plan would be empty.
data "xeks_irsa_path" "app" {
  cluster_name    = data.xeks_cluster.this.name
  namespace       = local.namespace
  service_account = local.service_account
  pod_role_arn    = xeks_irsa_trust.app.pod_role_arn
  role_arn        = xeks_irsa_trust.app.role_arn
  actions         = ["s3:GetObject", "s3:PutObject"]
  resources       = ["${local.bucket.arn}/${local.prefix}example"]

  # The ARNs are known before the roles exist.
  depends_on = [xeks_irsa_trust.app]
}

check "pods_reach_the_bucket" {
  assert {
    condition     = data.xeks_irsa_path.app.allowed
    error_message = data.xeks_irsa_path.app.text
  }
}

# Values of the chart. Either annotations or config is empty: in mode federated, EKS injects the role of the annotation into the pods;
# in mode chained, the pods read the config from a file.
locals {
  chart_values = yamlencode({
    image          = var.image
    serviceAccount = { name = local.service_account, annotations = xeks_irsa_trust.app.service_account_annotations }
    aws            = { config = var.mode == "chained" ? xeks_irsa_trust.app.aws_config : "" }
    bucket         = { name = local.bucket.name, region = local.bucket.region, prefix = local.prefix }
  })
}
