# EC2 instances of the workload account administer the cluster: instance profile and role there, an access role and
# an access entry in the cluster's account, with trust and permission on both sides.
resource "xeks_cross_account_access" "ec2" {
  cluster_name  = "prac-eks-abhi"
  access_role   = { name = "EKS-CrossAccount-Access-Role" }
  workload_role = { name = "EC2-EKS-CrossAccount-Role", instance_profile = true }

  kubernetes = {
    policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }
  }
}

# Without an access role in between: the workload role itself is known to the cluster, and may edit two namespaces.
resource "xeks_cross_account_access" "deployer" {
  cluster_name  = "prac-eks-abhi"
  mode          = "direct"
  workload_role = { name = "payments-deployer" }

  kubernetes = {
    groups   = ["deployers"]
    policies = { AmazonEKSEditPolicy = { scope = "namespace", namespaces = ["payments", "payments-*"] } }
  }
}
