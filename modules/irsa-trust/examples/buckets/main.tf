# Pods that read one bucket and write to another.

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

module "reports" {
  source = "../.."

  cluster_names    = ["prac-eks-abhi"]
  service_accounts = [{ namespace = "reports", name = "writer" }]
  role_name        = "reports-writer"

  buckets = {
    source = { arn = "arn:aws:s3:::orders", prefix = "2026/" }
    target = { arn = "arn:aws:s3:::reports", access = "write" }
  }
}

output "service_account_annotations" {
  value = module.reports.service_account_annotations
}
