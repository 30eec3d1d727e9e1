# The platform team's account: a cluster in its own VPC. If your cluster already exists, remove this file and set
# local.cluster_name to its name.

provider "aws" {
  alias               = "platform"
  profile             = "platform"
  region              = "ap-south-1"
  allowed_account_ids = ["183295435445"]
}

resource "aws_vpc" "cluster" {
  provider             = aws.platform
  cidr_block           = "10.20.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "prac-eks-abhi" }
}

resource "aws_subnet" "cluster" {
  for_each          = { "ap-south-1a" = "10.20.0.0/24", "ap-south-1b" = "10.20.1.0/24" }
  provider          = aws.platform
  vpc_id            = aws_vpc.cluster.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "prac-eks-abhi-${each.key}" }
}

# No `route` blocks in the table: the aws provider would remove the routes of the peering connection.
resource "aws_route_table" "cluster" {
  for_each = aws_subnet.cluster
  provider = aws.platform
  vpc_id   = aws_vpc.cluster.id
}

resource "aws_route_table_association" "cluster" {
  for_each       = aws_subnet.cluster
  provider       = aws.platform
  subnet_id      = each.value.id
  route_table_id = aws_route_table.cluster[each.key].id
}

resource "aws_iam_role" "cluster" {
  provider = aws.platform
  name     = "prac-eks-abhi-cluster"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "eks.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy_attachment" "cluster" {
  provider   = aws.platform
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_eks_cluster" "this" {
  provider = aws.platform
  name     = "prac-eks-abhi"
  role_arn = aws_iam_role.cluster.arn

  access_config {
    authentication_mode = "API"
  }

  # Private only: its name resolves to addresses in this VPC from anywhere, so that traffic uses the peering connection.
  vpc_config {
    subnet_ids              = [for subnet in aws_subnet.cluster : subnet.id]
    endpoint_private_access = true
    endpoint_public_access  = false
  }

  depends_on = [aws_iam_role_policy_attachment.cluster, aws_route_table_association.cluster]
}

locals {
  # The id equals the name, but is known only once the cluster exists, so no plan looks for the cluster before that.
  cluster_name = aws_eks_cluster.this.id
}
