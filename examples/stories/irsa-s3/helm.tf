# The app, in the cluster.

provider "helm" {
  kubernetes = {
    host                   = data.xeks_cluster.this.endpoint
    cluster_ca_certificate = base64decode(data.xeks_cluster.this.certificate_authority)
    exec = {
      api_version = "client.authentication.k8s.io/v1beta1"
      command     = "aws"
      args        = ["--region", "ap-south-1", "--profile", "platform", "eks", "get-token", "--cluster-name", data.xeks_cluster.this.name]
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
