# Access to an EKS cluster for EC2 instances, or other users of a role, in another account: the roles on both sides, the
# access entry and, optionally, the network.

resource "xeks_cross_account_access" "this" {
  cluster_name     = var.cluster_name
  cluster_region   = var.cluster_region
  workload_account = var.workload_account

  access_role = {
    name                 = var.access_role_name
    external_id          = var.external_id
    permissions_boundary = var.permissions_boundaries.access_role
  }

  workload_role = {
    name                 = var.workload_role_name
    existing             = var.existing_workload_role
    permissions_boundary = var.permissions_boundaries.workload_role
    instance_profile     = var.instance_profile
    managed_policy_arns  = var.managed_policy_arns
  }

  kubernetes = {
    groups = var.groups
    policies = {
      for name, policy in var.policies : name => {
        scope      = policy.namespaces == null ? "cluster" : "namespace"
        namespaces = policy.namespaces
      }
    }
  }

  tags = var.tags
}

resource "xeks_cluster_peering" "this" {
  count = var.network == null ? 0 : 1

  cluster_name             = var.cluster_name
  cluster_region           = var.cluster_region
  workload_account         = var.workload_account
  workload_vpc_id          = var.network.vpc_id
  workload_region          = var.network.region
  cluster_route_table_ids  = var.network.cluster_route_table_ids
  workload_route_table_ids = var.network.workload_route_table_ids
  https_source_cidrs       = var.network.https_source_cidrs
  tags                     = var.tags
}
