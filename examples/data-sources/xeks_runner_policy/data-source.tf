# Works before you have access: with the account IDs set, the data source makes no call.
data "xeks_runner_policy" "pipeline" {
  cluster_account_id  = "183295435445"
  workload_account_id = "185863138492"
  region              = "ap-south-1"

  cross_account_access = [{
    cluster_name  = "prac-eks-abhi"
    access_role   = { name = "eks-access-*", permissions_boundary = "arn:aws:iam::183295435445:policy/team" }
    workload_role = { name = "team-*", path = "/teams/", instance_profile = true, permissions_boundary = "arn:aws:iam::185863138492:policy/team" }
    kubernetes    = { policies = { AmazonEKSEditPolicy = { scope = "namespace", namespaces = ["team-*"] } } }
  }]

  irsa_trust = [{
    cluster_name = "prac-eks-abhi"
    role         = { name = "app-*", path = "/irsa/", permissions_boundary = "arn:aws:iam::185863138492:policy/team" }
  }]

  cluster_peering = [{
    cluster_name    = "prac-eks-abhi"
    workload_vpc_id = "vpc-0123456789abcdef0"
  }]

  data_sources = ["xeks_access_path"]
}

output "policy_in_the_cluster_account" {
  value = data.xeks_runner_policy.pipeline.cluster_policy
}

output "policy_in_the_workload_account" {
  value = data.xeks_runner_policy.pipeline.workload_policy
}
