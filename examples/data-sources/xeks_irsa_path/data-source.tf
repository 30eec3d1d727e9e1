data "xeks_irsa_path" "app" {
  cluster_name    = "prac-eks-abhi"
  namespace       = "nodejs"
  service_account = "nodejs-sa"
  role_arn        = "arn:aws:iam::185863138492:role/nodejs-app"
  actions         = ["s3:GetObject", "s3:PutObject"]
  resources       = ["arn:aws:s3:::nodejs-app-uploads/uploads/photo.jpg"]
}

# A warning with the broken hop at each plan and apply, not an error.
check "pods_reach_the_bucket" {
  assert {
    condition     = data.xeks_irsa_path.app.allowed
    error_message = data.xeks_irsa_path.app.text
  }
}
