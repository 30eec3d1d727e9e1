# The team's account: an instance in its own VPC. Users connect with Session Manager, so no inbound port is open.

provider "aws" {
  alias               = "workload"
  profile             = "workload"
  region              = "ap-south-1"
  allowed_account_ids = ["185863138492"]
}

resource "aws_vpc" "team" {
  provider             = aws.workload
  cidr_block           = "10.30.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = "team" }
}

resource "aws_subnet" "team" {
  provider                = aws.workload
  vpc_id                  = aws_vpc.team.id
  availability_zone       = "ap-south-1a"
  cidr_block              = "10.30.0.0/24"
  map_public_ip_on_launch = true
  tags                    = { Name = "team" }
}

resource "aws_internet_gateway" "team" {
  provider = aws.workload
  vpc_id   = aws_vpc.team.id
}

# No `route` blocks in the table: the aws provider would remove the routes of the peering connection.
resource "aws_route_table" "team" {
  provider = aws.workload
  vpc_id   = aws_vpc.team.id
}

# For STS, Session Manager and the download of kubectl.
resource "aws_route" "internet" {
  provider               = aws.workload
  route_table_id         = aws_route_table.team.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.team.id
}

resource "aws_route_table_association" "team" {
  provider       = aws.workload
  subnet_id      = aws_subnet.team.id
  route_table_id = aws_route_table.team.id
}

resource "aws_security_group" "instance" {
  provider = aws.workload
  name     = "kubectl"
  vpc_id   = aws_vpc.team.id

  egress {
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = ["0.0.0.0/0"]
  }
}

data "aws_ssm_parameter" "image" {
  provider = aws.workload
  name     = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"
}

resource "aws_instance" "kubectl" {
  provider                    = aws.workload
  ami                         = data.aws_ssm_parameter.image.insecure_value
  instance_type               = "t3.small"
  subnet_id                   = aws_subnet.team.id
  vpc_security_group_ids      = [aws_security_group.instance.id]
  iam_instance_profile        = local.instance_profile
  user_data                   = local.user_data
  user_data_replace_on_change = true
  tags                        = { Name = "kubectl" }

  metadata_options {
    http_tokens = "required"
  }
}

locals {
  workload_vpc_id = aws_vpc.team.id
  # Set explicitly: the default would miss a table that this apply creates.
  workload_route_table_ids = [aws_route_table.team.id]

  # The source of the instance's requests.
  source = {
    vpc_id             = aws_vpc.team.id
    subnet_id          = aws_subnet.team.id
    security_group_ids = [aws_security_group.instance.id]
  }
}
