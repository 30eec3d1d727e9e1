# Story 1: an EC2 instance of one account runs kubectl against an EKS cluster of another.
#
# Account 183295435445 owns the cluster prac-eks-abhi (cluster.tf), account 185863138492 the instance (instance.tf). Two
# resources make, in both, all that stands between them: who may (roles, trust, policies, the instance profile, the access
# entry), and how to get there (peering, routes, the cluster's security group).

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

# At each plan and apply: does the instance get in? If not, a warning shows every hop, and where the chain breaks. The data source
# stands beside the check: inside, Terraform would plan to read it again each time, and no plan would be empty.
data "xeks_access_path" "ec2" {
  cluster_name  = local.cluster_name
  principal_arn = xeks_cross_account_access.ec2.workload_role_arn
  via_role_arns = [xeks_cross_account_access.ec2.access_role_arn]
  source        = local.source

  # The ARNs are known before what they name is there.
  depends_on = [xeks_cross_account_access.ec2, xeks_cluster_peering.team]
}

check "the_instance_gets_in" {
  assert {
    condition     = data.xeks_access_path.ec2.allowed
    error_message = data.xeks_access_path.ec2.text
  }
}
