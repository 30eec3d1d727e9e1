"""Accounts of two AWS partitions: a federated trust works across them, what needs one partition says so."""

import pytest
from accounts import CLUSTER, WORKLOAD_ACCOUNT, Accounts, role_arn, traces
from cluster_peering import peering
from cross_account_access import access
from irsa_trust import ADDRESS, CHAINED, ROLE, trust
from network import Network
from profiles import administrators, write_profiles
from workspaces import HEAD

GOV, CHINA = "us-gov-west-1", "cn-north-1"


@pytest.fixture
def abroad(workspace, aws):
    """`abroad(hcl)`: the cluster's account is in GovCloud, with a cluster there; the workload account is not."""

    def make(hcl: str, cluster_region: str = GOV, workload: str = 'region = "us-east-1"', **more: str):
        make_cluster(aws, cluster_region)
        provider = (
            f'{HEAD}provider "xeks" {{\n  cluster_account  = {{ profile = "platform-admin", region = "{cluster_region}" }}\n'
            f'  workload_account = {{ profile = "workload-admin", {workload} }}\n}}\n'
        )
        root = workspace(hcl, provider=provider)
        root.environment |= write_profiles(aws, root.directory / "aws", **administrators(aws)) | more
        return root

    return make


def make_cluster(aws, region: str) -> None:
    ec2 = aws.client("cluster", "ec2", region=region)
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.20.{number}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    aws.client("cluster", "eks", region=region).create_cluster(
        name=CLUSTER,
        roleArn=Accounts(aws).eks.describe_cluster(name=CLUSTER)["cluster"]["roleArn"],
        resourcesVpcConfig={"subnetIds": subnets},
        accessConfig={"authenticationMode": "API"},
    )


@pytest.mark.parametrize("region", [GOV, CHINA])
def test_a_federated_trust_crosses_partitions(abroad, aws, region):
    accounts = Accounts(aws)
    root = abroad(trust(), region)
    before = aws.dump()

    root.validate().must_work()
    assert "Set AWS_REGION of the pods to a region of the role's partition" in " ".join(map(str, root.plan().warnings))
    root.apply()

    state = root.state(ADDRESS)
    (issuer,) = state["issuers"]
    assert f"oidc.eks.{region}." in issuer
    assert state["role_arn"] == role_arn(WORKLOAD_ACCOUNT, ROLE)
    provider = f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer.removeprefix('https://')}"
    assert state["oidc_provider_arns"] == {issuer: provider}
    assert accounts.trust("workload", ROLE)["Statement"][0]["Principal"] == {"Federated": provider}
    root.assert_empty_plan()
    assert not root.plan().warnings
    root.forget(ADDRESS)
    root.import_(ADDRESS, state["id"]).must_work()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def test_a_cluster_of_the_commercial_partition_is_trusted_in_another_one(workspace, aws):
    """The other way round: the role's ARN and its policies are of the workload account's partition."""
    provider = (
        f'{HEAD}provider "xeks" {{\n  cluster_account  = {{ profile = "platform-admin", region = "ap-south-1" }}\n'
        f'  workload_account = {{ profile = "workload-admin", region = "{GOV}" }}\n}}\n'
    )
    read_only = "arn:aws-us-gov:iam::aws:policy/AmazonS3ReadOnlyAccess"
    root = workspace(trust(f'name = "{ROLE}", managed_policy_arns = ["{read_only}"]'), provider=provider)
    root.environment |= write_profiles(aws, root.directory / "aws", **administrators(aws))

    plan = root.plan()

    planned = plan.changes[ADDRESS]["after"]
    assert planned["role_arn"] == f"arn:aws-us-gov:iam::{WORKLOAD_ACCOUNT}:role/{ROLE}"
    root.write(trust(f'name = "{ROLE}", managed_policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]'))
    root.validate().must_fail("role.managed_policy_arns", "arn:aws-us-gov:")


def test_the_path_of_a_trust_across_partitions_is_sound(abroad):
    data = f"""
data "xeks_irsa_path" "app" {{
  role_arn        = xeks_irsa_trust.app.role_arn
  cluster_name    = "{CLUSTER}"
  namespace       = "nodejs"
  service_account = "nodejs-sa"
}}
output "hops" {{
  value = {{ for hop in data.xeks_irsa_path.app.hops : hop.name => hop.status }}
}}
"""
    inline = 'inline_policies = { a = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:*", Resource = "*" }] }) }'
    root = abroad(trust(f'name = "{ROLE}", {inline}') + data)
    root.apply()
    assert root.output("hops") == {"issuer": "ok", "oidc_provider": "ok", "trust": "ok", "permissions": "ok"}


@pytest.mark.parametrize("issuer", ["oidc.eks.us-gov-west-1.amazonaws.com", "oidc.eks.cn-north-1.amazonaws.com.cn"])
def test_an_issuer_of_another_partition_is_trusted_with_the_same_warning(workspace, aws, issuer):
    root = workspace(trust(clusters=f'issuer_urls = ["https://{issuer}/id/0123456789ABCDEF0123456789ABCDEF"]'))
    root.environment |= write_profiles(aws, root.directory / "aws", workload=aws.accounts["workload"].root)
    assert "AWS_REGION" in " ".join(map(str, root.plan().warnings))
    root.apply()
    root.assert_empty_plan()
    root.destroy()


def test_the_policies_of_a_runner_are_each_of_their_own_partition(abroad, aws):
    data = f"""
data "xeks_runner_policy" "it" {{
  region     = "{CHINA}"
  irsa_trust = [{{ cluster_name = "{CLUSTER}", role = {{ name = "{ROLE}" }} }}]
}}
output "policy" {{
  value = data.xeks_runner_policy.it
}}
"""
    root = abroad(data, CHINA)
    root.apply()
    policy = root.output("policy")
    assert f"arn:aws-cn:eks:{CHINA}:" in policy["cluster_policy"] and "arn:aws:" not in policy["cluster_policy"]
    assert f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/{ROLE}" in policy["workload_policy"]
    assert (
        f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/oidc.eks.{CHINA}.amazonaws.com.cn/id/*"
        in policy["workload_policy"]
    )


def one_partition(aws) -> dict[str, str]:
    return {
        "access": access(),
        "access in mode direct": access(access_role=None, more='mode = "direct"'),
        "chained": trust(more=CHAINED),
        "chained, by issuers": trust(clusters='issuer_urls = ["https://oidc.example.com/x"]', more=CHAINED),
        "peering": peering(Network(aws).workload_vpc),
    }


CONNECTIONS = ["access", "access in mode direct", "chained", "chained, by issuers", "peering"]


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_what_needs_one_partition_is_refused_by_validate(abroad, aws, kind):
    root = abroad(one_partition(aws)[kind])
    aws.clear_calls()
    root.validate().must_fail("aws-us-gov", "partition aws.", "xeks_irsa_trust in mode federated")
    assert aws.calls() == []


@pytest.mark.parametrize("kind", CONNECTIONS)
def test_what_needs_one_partition_is_refused_by_the_plan_where_a_profile_has_the_region(abroad, aws, kind):
    root = abroad(one_partition(aws)[kind], workload='shared_credentials_files = ["/dev/null"]')
    before = aws.dump()
    root.validate().must_work()
    root.try_plan().must_fail("The accounts are in two partitions", "aws-us-gov", "terraform destroy -refresh=false")
    root.try_apply().must_fail("The accounts are in two partitions")
    assert not traces(aws, before)


def test_a_resource_picks_an_account_of_its_own_partition(workspace, aws):
    """Accounts of several partitions beside each other: each resource is judged by its own."""
    provider = f"""{HEAD}provider "xeks" {{
  cluster_account   = {{ profile = "platform", region = "ap-south-1" }}
  workload_accounts = {{
    here  = {{ profile = "workload", region = "ap-south-1" }}
    there = {{ profile = "workload", region = "{GOV}" }}
  }}
}}
"""
    root = workspace(access(more='workload_account = "here"'), provider=provider)
    root.validate().must_work()
    root.plan()
    root.write(access(more='workload_account = "there"'))
    root.validate().must_fail("cluster_name", "aws-us-gov")
    root.write(trust(more='workload_account = "there"'))
    root.validate().must_work()
