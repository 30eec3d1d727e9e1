# Story 2: pods of an EKS cluster use a role, and so the buckets, of another account.
#
# The cluster prac-eks-abhi stands in account 183295435445, role and bucket in 185863138492. Pods that run as the service
# account nodejs-sa of the namespace nodejs get the role; no other does.

terraform {
  required_providers {
    xeks = { source = "xeks/xeks" }
  }
}

provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1", allowed_account_ids = ["183295435445"] }
  workload_account = { profile = "workload", region = "ap-south-1", allowed_account_ids = ["185863138492"] }
}

resource "xeks_irsa_trust" "app" {
  cluster_name     = "prac-eks-abhi"
  service_accounts = [{ namespace = "nodejs", name = "nodejs-sa" }]

  role = {
    name = "nodejs-app"
    inline_policies = {
      bucket = jsonencode({
        Version = "2012-10-17"
        Statement = [{
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject"]
          Resource = "arn:aws:s3:::nodejs-app-uploads/*"
        }]
      })
    }
  }
}

# For kubectl apply: the service account with the annotation that names the role.
output "service_account" {
  value = xeks_irsa_trust.app.service_account_manifests
}
