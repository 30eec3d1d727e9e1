# The demo's question about story 1: how an instance of the team accesses the cluster, from its role to the API server.

terraform {
  required_providers {
    xeks = { source = "xeks/xeks" }
  }
}

provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1" }
  workload_account = { profile = "workload", region = "ap-south-1" }
  # The instance itself: the role's session from its metadata service.
  workload_accounts = { instance = { profile = "instance", region = "ap-south-1" } }
}

variable "workload" {
  description = "The network of the instance."
  type        = object({ vpc_id = string, subnet_id = string, security_group_ids = set(string) })
}

variable "live" {
  description = "Whether to walk the chain with the instance's credentials, instead of reading what it is made of."
  type        = bool
}

data "xeks_access_path" "instance" {
  cluster_name  = "prac-eks-abhi"
  principal_arn = "arn:aws:iam::185863138492:role/EC2-EKS-CrossAccount-Role"
  via_role_arns = ["arn:aws:iam::183295435445:role/EKS-CrossAccount-Access-Role"]
  verbs         = ["create"]
  resource      = "deployments.apps"
  source        = var.workload
  live          = var.live
  live_as       = var.live ? "instance" : null
}

output "chain" {
  value = { for name in ["allowed", "broken", "hops", "text"] : name => data.xeks_access_path.instance[name] }
}
