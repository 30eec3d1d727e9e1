# What the instance starts with.
output "user_data" {
  value = local.user_data
}

# For ~/.kube/config and ~/.aws/config on instances that are there already. Neither holds a secret.
output "kubeconfig" {
  value = xeks_cross_account_access.ec2.kubeconfig
}

output "aws_config" {
  value = xeks_cross_account_access.ec2.aws_config
}
