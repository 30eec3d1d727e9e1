output "role_arn" {
  description = "ARN of the role in the workload account."
  value       = xeks_irsa_trust.this.role_arn
}

output "pod_role_arn" {
  description = "ARN of the role in the cluster account; null without one."
  value       = xeks_irsa_trust.this.pod_role_arn
}

output "service_account_annotations" {
  description = "Annotations for the service accounts, for use as Helm values; empty with a pod role."
  value       = xeks_irsa_trust.this.service_account_annotations
}

output "service_account_manifests" {
  description = "The service accounts as YAML for kubectl apply; with a pod role, also the ConfigMap and the settings for the pod template."
  value       = xeks_irsa_trust.this.service_account_manifests
}

output "aws_config" {
  description = "Contents of an AWS config file for AWS_CONFIG_FILE in the pods. Without a pod role, pods need it only to use several roles."
  value       = xeks_irsa_trust.this.aws_config
}
