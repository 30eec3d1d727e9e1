# An administrator's instance: the whole cluster.

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

module "access" {
  source = "../.."

  cluster_name       = "prac-eks-abhi"
  access_role_name   = "EKS-CrossAccount-Access-Role"
  workload_role_name = "EC2-EKS-CrossAccount-Role"
  policies           = { AmazonEKSClusterAdminPolicy = {} }
}

output "kubeconfig" {
  value = module.access.kubeconfig
}
