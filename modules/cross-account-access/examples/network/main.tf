# A team's instances: two namespaces, by a role that demands an external id, over a peering of the VPCs.

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

variable "vpc_id" {
  description = "The team's VPC."
  type        = string
}

module "access" {
  source = "../.."

  cluster_name       = "prac-eks-abhi"
  access_role_name   = "team-payments-access"
  workload_role_name = "team-payments-kubectl"
  external_id        = "payments"
  policies           = { AmazonEKSEditPolicy = { namespaces = ["payments", "payments-*"] } }
  network            = { vpc_id = var.vpc_id }
}

output "kubeconfig" {
  value = module.access.kubeconfig
}
