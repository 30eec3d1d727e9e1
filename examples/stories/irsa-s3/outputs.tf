# For `helm install presigned-urls chart --namespace nodejs --values -`, where Terraform does not install the chart.
output "chart_values" {
  value = local.chart_values
}

# For `kubectl apply`, where there is no chart.
output "service_account_manifests" {
  value = xeks_irsa_trust.app.service_account_manifests
}

# Every hop from the pods to the role, and whether it holds.
output "chain" {
  value = data.xeks_irsa_path.app.text
}

output "role_arn" {
  value = xeks_irsa_trust.app.role_arn
}
