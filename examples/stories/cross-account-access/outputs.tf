# The files that the instance starts with.
output "user_data" {
  value = local.user_data
}

# Every hop from the instance to the API server, and its status.
output "chain" {
  value = data.xeks_access_path.ec2.text
}

# For ~/.kube/config and ~/.aws/config on existing instances. Neither contains a secret.
output "kubeconfig" {
  value = xeks_cross_account_access.ec2.kubeconfig
}

output "aws_config" {
  value = xeks_cross_account_access.ec2.aws_config
}
