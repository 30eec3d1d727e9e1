# Can the instance's role access the cluster and deploy there? Reads documents on both sides and changes nothing.
data "xeks_access_path" "ec2" {
  cluster_name  = "prac-eks-abhi"
  principal_arn = "arn:aws:iam::185863138492:role/EC2-EKS-CrossAccount-Role"
  via_role_arns = ["arn:aws:iam::183295435445:role/EKS-CrossAccount-Access-Role"]

  namespaces = ["prod"]
  verbs      = ["create", "get"]
  resource   = "deployments.apps"

  # live = true tests it: assumes the role and asks the API server, with the credentials of live_as.
}

# A warning at each plan and apply that shows every hop, and the fix of the broken one. The data source is outside the check:
# inside, Terraform would plan to read it at each apply, and no plan would be empty.
check "the_instance_gets_in" {
  assert {
    condition     = data.xeks_access_path.ec2.allowed
    error_message = data.xeks_access_path.ec2.text
  }
}

# For a Markdown page, in a code block of the language "mermaid".
output "chain" {
  value = data.xeks_access_path.ec2.mermaid
}
