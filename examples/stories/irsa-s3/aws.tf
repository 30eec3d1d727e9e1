# The bucket, in the workload account.

provider "aws" {
  alias               = "workload"
  profile             = "workload"
  region              = "ap-south-1"
  allowed_account_ids = ["185863138492"]
}

resource "aws_s3_bucket" "uploads" {
  provider      = aws.workload
  bucket_prefix = "nodejs-app-uploads-"
}

resource "aws_s3_bucket_public_access_block" "uploads" {
  provider                = aws.workload
  bucket                  = aws_s3_bucket.uploads.bucket
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Browsers upload to and download from the presigned URLs themselves.
resource "aws_s3_bucket_cors_configuration" "uploads" {
  provider = aws.workload
  bucket   = aws_s3_bucket.uploads.bucket

  cors_rule {
    allowed_methods = ["GET", "PUT"]
    allowed_origins = ["https://www.example.com"]
    allowed_headers = ["content-type"]
  }
}

locals {
  bucket = {
    name   = aws_s3_bucket.uploads.bucket
    arn    = aws_s3_bucket.uploads.arn
    region = aws_s3_bucket.uploads.bucket_region
  }
}
