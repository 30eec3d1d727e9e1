# The demo's question about story 2: how pods of nodejs/nodejs-sa use the role that reads and writes the bucket.

terraform {
  required_providers {
    xeks = { source = "xeks/xeks" }
  }
}

provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1" }
  workload_account = { profile = "workload", region = "ap-south-1" }
}

data "xeks_irsa_path" "app" {
  cluster_name    = "prac-eks-abhi"
  role_arn        = "arn:aws:iam::185863138492:role/nodejs-app"
  namespace       = "nodejs"
  service_account = "nodejs-sa"
  actions         = ["s3:GetObject", "s3:PutObject"]
  resources       = ["arn:aws:s3:::nodejs-app-uploads/uploads/photo.jpg"]
}

output "chain" {
  value = { for name in ["allowed", "broken", "hops", "text"] : name => data.xeks_irsa_path.app[name] }
}
