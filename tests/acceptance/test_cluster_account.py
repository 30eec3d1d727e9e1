"""A trust whose clusters are in another account than before: a wrong profile, or an account that was given up.

The objects of mode federated are all in the workload account; the account of the clusters is kept beside the state.
"""

import json

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, traces
from irsa_trust import POLICY, ROLE, trust
from profiles import write_profiles
from workspaces import PROVIDER

OTHER_ACCOUNT = "444455556666"
TRUSTS_EKS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
OWN = trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}')
FOREIGN = trust(f'name = "{ROLE}", existing = true')


def use_other_account(aws, root, with_cluster: bool) -> None:
    """As the provider's cluster_account, with a cluster of the same name or without."""
    other = type(aws.accounts["workload"].root)(OTHER_ACCOUNT, "test")
    if with_cluster:
        iam, eks, ec2 = (aws.client("workload", service, other) for service in ("iam", "eks", "ec2"))
        role = iam.create_role(RoleName="cluster", AssumeRolePolicyDocument=json.dumps(TRUSTS_EKS))["Role"]["Arn"]
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{at}.0/24", AvailabilityZone=f"ap-south-1{zone}")["Subnet"]
            for at, zone in enumerate("ab")
        ]
        eks.create_cluster(
            name=CLUSTER, roleArn=role, resourcesVpcConfig={"subnetIds": [each["SubnetId"] for each in subnets]}
        )
    write_profiles(aws, root.directory / "aws", platform=other)


@pytest.mark.parametrize("with_cluster", [False, True], ids=["no cluster", "a cluster of that name"])
def test_a_cluster_account_that_is_another_one_is_an_error_and_changes_nothing(workspace, aws, with_cluster):
    root = workspace(OWN)
    root.apply()
    use_other_account(aws, root, with_cluster)
    before, state = aws.dump(), root.resources()

    for run in (root.try_plan, root.try_apply, root.try_destroy):
        run().must_fail("cluster_account", CLUSTER_ACCOUNT, OTHER_ACCOUNT, "terraform destroy -refresh=false")

    assert root.resources() == state
    assert not traces(aws, before)


@pytest.mark.parametrize("hcl", [OWN, FOREIGN], ids=["own role", "existing role"])
@pytest.mark.parametrize("account", ["another", "none"])
def test_a_trust_is_destroyed_without_its_cluster_account(workspace, aws, hcl, account):
    if hcl == FOREIGN:
        Accounts(aws).make_foreign_role("workload", ROLE)
    before = aws.dump()
    root = workspace(hcl)
    root.apply()
    if account == "another":
        use_other_account(aws, root, with_cluster=False)
    else:
        root.write((PROVIDER % "").replace('"platform"', '"nowhere"'), "provider.tf")
    aws.clear_calls()

    root.try_destroy("-refresh=false").must_work()

    assert {call["account"] for call in aws.calls()} == {WORKLOAD_ACCOUNT}
    assert root.resources() == {} and not traces(aws, before)


def test_a_destroy_asks_the_cluster_account_only_while_it_refreshes(workspace, aws):
    root = workspace(OWN)
    root.apply()
    aws.clear_calls()

    root.destroy()

    asked = sorted(call["action"] for call in aws.calls() if call["account"] == CLUSTER_ACCOUNT)
    assert asked == ["DescribeCluster", "GetCallerIdentity"]
