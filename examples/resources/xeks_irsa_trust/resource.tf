# Pods of one service account get a role of the workload account: the cluster's OIDC provider there, and the role with
# its trust and policies.
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

# The annotations to set on the service account, for example in the values of a Helm chart.
output "service_account_annotations" {
  value = xeks_irsa_trust.app.service_account_annotations
}

# Without an OIDC provider in the workload account: pods get a role of the cluster's account, which assumes the target.
resource "xeks_irsa_trust" "reports" {
  cluster_name     = "prac-eks-abhi"
  mode             = "chained"
  service_accounts = [{ namespace = "reports", name = "writer" }]
  pod_role         = { name = "reports-pod" }
  role             = { name = "reports-writer", managed_policy_arns = ["arn:aws:iam::aws:policy/AmazonS3FullAccess"] }
}

# By its issuer, where the cluster's account is out of reach.
resource "xeks_irsa_trust" "backup" {
  issuer_urls      = ["https://oidc.eks.ap-south-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"]
  service_accounts = [{ namespace = "velero", name = "velero" }]
  role             = { name = "backup" }
}
