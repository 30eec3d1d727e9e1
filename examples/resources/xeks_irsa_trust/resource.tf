# Pods of one service account use a role in the workload account: an OIDC provider for the cluster there, and the role with
# its trust policy and permissions.
resource "xeks_irsa_trust" "app" {
  cluster_name     = "prac-eks-abhi"
  service_accounts = [{ namespace = "nodejs", name = "nodejs-sa" }]

  role = {
    name = "nodejs-app"
    inline_policies = {
      bucket = jsonencode({
        Version = "2012-10-17"
        Statement = [{
          Effect   = "Allow"
          Action   = ["s3:GetObject", "s3:PutObject"]
          Resource = "arn:aws:s3:::nodejs-app-uploads/*"
        }]
      })
    }
  }
}

# The annotations for the service account, for example as values of a Helm chart.
output "service_account_annotations" {
  value = xeks_irsa_trust.app.service_account_annotations
}

# Without an OIDC provider in the workload account: pods use a role in the cluster account, which assumes the target role.
resource "xeks_irsa_trust" "reports" {
  cluster_name     = "prac-eks-abhi"
  mode             = "chained"
  service_accounts = [{ namespace = "reports", name = "writer" }]
  pod_role         = { name = "reports-pod" }
  role             = { name = "reports-writer", managed_policy_arns = ["arn:aws:iam::aws:policy/AmazonS3FullAccess"] }
}

# A second role for the same pods. Its profile has a name of its own, so that the files of both trusts can be joined, and its ConfigMap is
# named after the role. The pods pass an external ID, and may pass session tags.
resource "xeks_irsa_trust" "archive" {
  cluster_name     = "prac-eks-abhi"
  mode             = "chained"
  service_accounts = [{ namespace = "reports", name = "writer" }]
  pod_role         = { name = "reports-archive-pod" }
  role             = { name = "reports-archive", managed_policy_arns = ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"] }
  external_id      = "reports"
  session_tags     = true
  client           = { profile_name = "archive" }
}

output "aws_config" {
  value = join("\n", [xeks_irsa_trust.reports.aws_config, xeks_irsa_trust.archive.aws_config])
}

# By issuer URL, if the cluster account can't be accessed.
resource "xeks_irsa_trust" "backup" {
  issuer_urls      = ["https://oidc.eks.ap-south-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"]
  service_accounts = [{ namespace = "velero", name = "velero" }]
  role             = { name = "backup" }
}
