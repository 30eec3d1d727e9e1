terraform {
  required_providers {
    xeks = { source = "xeks/xeks", version = ">= 0.1.0" }
  }
}

provider "xeks" {
  # The account that owns the EKS clusters.
  cluster_account = {
    profile             = "platform"
    region              = "ap-south-1"
    allowed_account_ids = ["183295435445"]
  }

  # The account that owns the EC2 instances, roles and buckets.
  workload_account = {
    profile             = "workload"
    region              = "ap-south-1"
    allowed_account_ids = ["185863138492"]
  }

  default_tags = { owner = "platform" }
}
