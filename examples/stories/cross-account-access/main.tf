# Story 1: an EC2 instance of one account runs kubectl against an EKS cluster of another.
#
# Account 183295435445 owns the cluster prac-eks-abhi, account 185863138492 the instances. One resource makes, in both,
# all that stands between them: roles, trust, policies, the instance profile, the access entry.

terraform {
  required_providers {
    xeks = { source = "xeks/xeks" }
  }
}

provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1", allowed_account_ids = ["183295435445"] }
  workload_account = { profile = "workload", region = "ap-south-1", allowed_account_ids = ["185863138492"] }
}

resource "xeks_cross_account_access" "ec2" {
  cluster_name  = "prac-eks-abhi"
  access_role   = { name = "EKS-CrossAccount-Access-Role" }
  workload_role = { name = "EC2-EKS-CrossAccount-Role", instance_profile = true }
  kubernetes    = { policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } } }
}

# For ~/.kube/config and ~/.aws/config on the instance. Neither holds a secret.
output "kubeconfig" {
  value = xeks_cross_account_access.ec2.kubeconfig
}

output "aws_config" {
  value = xeks_cross_account_access.ec2.aws_config
}
