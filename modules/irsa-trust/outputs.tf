output "role_arn" {
  description = "ARN of the role in the workload account."
  value       = xeks_irsa_trust.this.role_arn
}

output "pod_role_arn" {
  description = "ARN of the role in the cluster's account; null without one."
  value       = xeks_irsa_trust.this.pod_role_arn
}

output "service_account_annotations" {
  description = "Annotations of the service accounts, for Helm values; empty with a pod role."
  value       = xeks_irsa_trust.this.service_account_annotations
}

output "service_account_manifests" {
  description = "The service accounts as YAML for kubectl apply; with a pod role also the ConfigMap and what the pods' template needs."
  value       = xeks_irsa_trust.this.service_account_manifests
}

output "aws_config" {
  description = "With a pod role: the file for AWS_CONFIG_FILE of the pods; null without one."
  value       = xeks_irsa_trust.this.aws_config
}
