# EC2 instances of the workload account administer the cluster: instance profile and role in the workload account, access role
# and access entry in the cluster account, with trust policy and permissions on both sides.
resource "xeks_cross_account_access" "ec2" {
  cluster_name  = "prac-eks-abhi"
  access_role   = { name = "EKS-CrossAccount-Access-Role" }
  workload_role = { name = "EC2-EKS-CrossAccount-Role", instance_profile = true }

  kubernetes = {
    policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }
  }
}

# Without an access role: the access entry names the workload role itself, which can edit two namespaces.
resource "xeks_cross_account_access" "deployer" {
  cluster_name  = "prac-eks-abhi"
  mode          = "direct"
  workload_role = { name = "payments-deployer" }

  kubernetes = {
    groups   = ["deployers"]
    policies = { AmazonEKSEditPolicy = { scope = "namespace", namespaces = ["payments", "payments-*"] } }
  }
}
