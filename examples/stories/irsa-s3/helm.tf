# The app, in the cluster.

data "aws_eks_cluster" "this" {
  provider = aws.platform
  name     = "prac-eks-abhi"
}

provider "aws" {
  alias               = "platform"
  profile             = "platform"
  region              = "ap-south-1"
  allowed_account_ids = ["183295435445"]
}

provider "helm" {
  kubernetes = {
    host                   = data.aws_eks_cluster.this.endpoint
    cluster_ca_certificate = base64decode(data.aws_eks_cluster.this.certificate_authority[0].data)
    exec = {
      api_version = "client.authentication.k8s.io/v1beta1"
      command     = "aws"
      args        = ["--region", "ap-south-1", "--profile", "platform", "eks", "get-token", "--cluster-name", data.aws_eks_cluster.this.name]
    }
  }
}

resource "helm_release" "app" {
  name             = "presigned-urls"
  namespace        = local.namespace
  create_namespace = true
  chart            = "${path.module}/chart"
  values           = [local.chart_values]
}
