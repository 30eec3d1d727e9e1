# For `helm install presigned-urls chart --namespace nodejs --values -`, if Terraform does not install the chart.
output "chart_values" {
  value = local.chart_values
}

# For `kubectl apply`, without the chart.
output "service_account_manifests" {
  value = xeks_irsa_trust.app.service_account_manifests
}

# Every hop from the pods to the role, and its status.
output "chain" {
  value = data.xeks_irsa_path.app.text
}

output "role_arn" {
  value = xeks_irsa_trust.app.role_arn
}
