data "xeks_cluster" "prac" {
  name = "prac-eks-abhi"
}

# For the kubernetes and helm providers, together with an exec block.
output "api_server" {
  value = {
    host                   = data.xeks_cluster.prac.endpoint
    cluster_ca_certificate = base64decode(data.xeks_cluster.prac.certificate_authority)
  }
}

# Principals with cluster-wide administrator access.
output "administrators" {
  value = [
    for principal, entry in data.xeks_cluster.prac.access_entries : principal
    if anytrue([for arn, policy in entry.policies : endswith(arn, "/AmazonEKSClusterAdminPolicy") && policy.scope == "cluster"])
  ]
}

# Warns if the cluster does not support access entries.
check "takes_access_entries" {
  assert {
    condition     = data.xeks_cluster.prac.authentication_mode != "CONFIG_MAP"
    error_message = "Set the authentication mode of ${data.xeks_cluster.prac.name} to API_AND_CONFIG_MAP."
  }
}
