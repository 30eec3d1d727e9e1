# Both stories for several teams: each has its own account, and all use one cluster.
#
# To add a team, add its account to the provider and an entry to local.teams. for_each can't select provider aliases; here the
# account is an attribute.

terraform {
  required_version = ">= 1.5"
  required_providers {
    xeks = { source = "xeks/xeks", version = ">= 0.1.0" }
  }
}

provider "xeks" {
  cluster_account = { profile = "platform", region = "ap-south-1" }
  workload_accounts = {
    payments = { profile = "payments", region = "ap-south-1" }
    search   = { profile = "search", region = "ap-south-1" }
  }
}

variable "vpc_ids" {
  description = "The VPC of each team's account. Their address ranges must not overlap with the cluster's, nor with one another."
  type        = map(string)
}

locals {
  teams = {
    payments = { namespaces = ["payments", "payments-*"], service_account = "payments-api" }
    search   = { namespaces = ["search"], service_account = "indexer" }
  }
}

# The team's instances can edit the team's namespaces.
module "access" {
  source   = "../../../modules/cross-account-access"
  for_each = local.teams

  cluster_name       = "prac-eks-abhi"
  workload_account   = each.key
  access_role_name   = "team-${each.key}-access"
  workload_role_name = "team-${each.key}-kubectl"
  policies           = { AmazonEKSEditPolicy = { namespaces = each.value.namespaces } }
  network            = { vpc_id = var.vpc_ids[each.key] }
}

# The team's pods can use the team's bucket.
module "pods" {
  source   = "../../../modules/irsa-trust"
  for_each = local.teams

  cluster_names    = ["prac-eks-abhi"]
  workload_account = each.key
  service_accounts = [{ namespace = each.key, name = each.value.service_account }]
  role_name        = "team-${each.key}-pods"
  buckets          = { uploads = { arn = "arn:aws:s3:::team-${each.key}-uploads", access = "read-write" } }
}

output "kubeconfigs" {
  value = { for team, access in module.access : team => access.kubeconfig }
}

output "service_account_annotations" {
  value = { for team, pods in module.pods : team => pods.service_account_annotations }
}
