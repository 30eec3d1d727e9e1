output "kubeconfig" {
  description = "Contents of ~/.kube/config for the client. Contains no secret."
  value       = xeks_cross_account_access.this.kubeconfig
}

output "aws_config" {
  description = "Contents of ~/.aws/config for the client: the profile that the kubeconfig uses."
  value       = xeks_cross_account_access.this.aws_config
}

output "exec" {
  description = "api_version, command, args and env for the exec block of the kubernetes and helm providers."
  value       = xeks_cross_account_access.this.exec
}

output "cluster" {
  description = "ARN, endpoint, certificate authority and more of the cluster."
  value       = xeks_cross_account_access.this.cluster
}

output "access_role_arn" {
  description = "ARN of the role in the cluster account."
  value       = xeks_cross_account_access.this.access_role_arn
}

output "workload_role_arn" {
  description = "ARN of the role in the workload account."
  value       = xeks_cross_account_access.this.workload_role_arn
}

output "instance_profile_arn" {
  description = "ARN of the instance profile; null without one."
  value       = xeks_cross_account_access.this.instance_profile_arn
}

output "peering_connection_id" {
  description = "ID of the peering connection; null without network."
  value       = one(xeks_cluster_peering.this[*].peering_connection_id)
}
