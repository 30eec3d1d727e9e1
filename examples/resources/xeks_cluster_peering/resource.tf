variable "workload_vpc_id" {
  description = "VPC of the team's account, such as aws_vpc.team.id."
  type        = string
}

# Requests and accepts the peering connection, adds routes in both VPCs, and allows HTTPS on the cluster security group. Use it
# once per pair of VPCs, for any number of roles.
resource "xeks_cluster_peering" "team" {
  cluster_name    = "prac-eks-abhi"
  workload_vpc_id = var.workload_vpc_id

  tags = { team = "payments" }
}
