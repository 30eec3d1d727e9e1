# Without an OIDC provider in the workload account: pods use a role in the cluster account first.

terraform {
  required_version = ">= 1.5"
  required_providers {
    xeks = { source = "xeks/xeks", version = ">= 0.1.0" }
  }
}

provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1" }
  workload_account = { profile = "workload", region = "ap-south-1" }
}

module "uploads" {
  source = "../.."

  cluster_names    = ["prac-eks-abhi"]
  service_accounts = [{ namespace = "nodejs", name = "nodejs-sa" }]
  pod_role_name    = "nodejs-pod"
  role_name        = "nodejs-app"
  buckets          = { uploads = { arn = "arn:aws:s3:::nodejs-app-uploads", prefix = "uploads/", access = "read-write" } }
}

output "service_account_manifests" {
  value = module.uploads.service_account_manifests
}
