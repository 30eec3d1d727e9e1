variable "workload_vpc_id" {
  description = "VPC of the team's account, such as aws_vpc.team.id."
  type        = string
}

# Peering requested and accepted, routes in both VPCs, HTTPS on the cluster security group. Once per pair of VPCs, however many
# roles use it.
resource "xeks_cluster_peering" "team" {
  cluster_name    = "prac-eks-abhi"
  workload_vpc_id = var.workload_vpc_id

  tags = { team = "payments" }
}
