# Story 1: an EC2 instance in one account runs kubectl against an EKS cluster in another.
#
# Account 183295435445 owns the cluster prac-eks-abhi (cluster.tf), account 185863138492 the instance (instance.tf). Two
# resources create everything in between, in both accounts: permissions (roles, trust policies, policies, instance profile, access
# entry) and network (peering connection, routes, rule on the cluster security group).

provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1", allowed_account_ids = ["183295435445"] }
  workload_account = { profile = "workload", region = "ap-south-1", allowed_account_ids = ["185863138492"] }
}

locals {
  instance_profile = "EC2-EKS-CrossAccount-Role"
}

resource "xeks_cross_account_access" "ec2" {
  cluster_name = local.cluster_name
  access_role  = { name = "EKS-CrossAccount-Access-Role" }
  workload_role = {
    name             = local.instance_profile
    instance_profile = true
    # Session Manager, instead of SSH.
    managed_policy_arns = ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]
  }
  kubernetes = { policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } } }
}

resource "xeks_cluster_peering" "team" {
  cluster_name             = local.cluster_name
  workload_vpc_id          = local.workload_vpc_id
  workload_route_table_ids = local.workload_route_table_ids
}

locals {
  user_data = templatefile("${path.module}/user-data.yaml.tftpl", {
    kubeconfig      = xeks_cross_account_access.ec2.kubeconfig
    aws_config      = xeks_cross_account_access.ec2.aws_config
    kubectl_version = "v1.34.1"
  })
}

# Checks at each plan and apply whether the instance can access the cluster. If not, a warning shows every hop, and which one is broken.
# The data source is outside the check: inside, Terraform would plan to read it again each time, and no plan would be empty.
data "xeks_access_path" "ec2" {
  cluster_name  = local.cluster_name
  principal_arn = xeks_cross_account_access.ec2.workload_role_arn
  via_role_arns = [xeks_cross_account_access.ec2.access_role_arn]
  source        = local.source

  # The ARNs are known before the roles exist.
  depends_on = [xeks_cross_account_access.ec2, xeks_cluster_peering.team]
}

check "the_instance_gets_in" {
  assert {
    condition     = data.xeks_access_path.ec2.allowed
    error_message = data.xeks_access_path.ec2.text
  }
}
