# Does the instance's role get into the cluster, and may it deploy there? Documents on both sides are read; nothing is changed.
data "xeks_access_path" "ec2" {
  cluster_name  = "prac-eks-abhi"
  principal_arn = "arn:aws:iam::185863138492:role/EC2-EKS-CrossAccount-Role"
  via_role_arns = ["arn:aws:iam::183295435445:role/EKS-CrossAccount-Access-Role"]

  namespaces = ["prod"]
  verbs      = ["create", "get"]
  resource   = "deployments.apps"

  # live = true tries it: assumes the role and asks the API server, with the credentials of live_as.
}

# A warning at each plan and apply that shows every hop, and what to change at the one that is broken. The data source stands
# beside the check: inside it would be read anew at each apply, and no plan would be empty.
check "the_instance_gets_in" {
  assert {
    condition     = data.xeks_access_path.ec2.allowed
    error_message = data.xeks_access_path.ec2.text
  }
}

# For a page in Markdown, in a block of the language "mermaid".
output "chain" {
  value = data.xeks_access_path.ec2.mermaid
}
