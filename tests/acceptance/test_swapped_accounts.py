"""Accounts, roles and VPCs that are swapped: what is missing on one side and exists on the other is named with both
accounts and what to exchange. The other side is asked only after a failure."""

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts
from cluster_peering import peering
from cross_account_access import ACCESS, WORKLOAD, access
from irsa_trust import CHAINED, POD, ROLE, trust
from network import Network, vpc

BOTH = (
    CLUSTER_ACCOUNT,
    WORKLOAD_ACCOUNT,
    "look swapped",
    "xchange the provider's cluster_account and workload_account",
)
SWAPPED = """
terraform {
  required_providers { xeks = { source = "xeks/xeks" } }
}

provider "xeks" {
  cluster_account  = { profile = "workload", region = "ap-south-1" }
  workload_account = { profile = "platform", region = "ap-south-1" }
%s}
"""
VPC = "vpc-0123456789abcdef0"
CONFIGURATIONS = {
    "access": access(),
    "direct": access(None, more='mode = "direct"'),
    "trust": trust(),
    "chained": trust(more=CHAINED),
    "several clusters": trust(clusters=f'cluster_names = ["{CLUSTER}"]'),
    "peering": peering(VPC),
}


def runner(aws, account: str):
    """The account's runner, whose policies do not reach clusters of the workload account: DescribeCluster is denied."""
    return aws.accounts[account]


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_a_cluster_of_the_workload_account_is_named_by_the_plan(workspace, aws, case):
    root = workspace(CONFIGURATIONS[case], provider=SWAPPED % "")
    run = root.try_plan().must_fail(
        *BOTH, "eks:DescribeCluster", f"has a cluster {CLUSTER}", "cluster_account is the account of the cluster"
    )
    assert not [warning for warning in run.warnings if "checks were skipped" in warning.summary]


@pytest.mark.parametrize("case", ["access", "trust", "peering"])
def test_it_is_named_by_the_apply_and_by_an_import_as_well(workspace, aws, case):
    root = workspace(CONFIGURATIONS[case], provider=SWAPPED % "  skip_preflight = true\n")
    before = aws.dump()
    root.try_apply().must_fail(*BOTH, "failed before anything was changed")
    address = {
        "access": "xeks_cross_account_access.ec2",
        "trust": "xeks_irsa_trust.app",
        "peering": "xeks_cluster_peering.team",
    }
    ids = {"access": f"{CLUSTER}/a/b", "trust": f"{CLUSTER}/b", "peering": f"{CLUSTER}/pcx-0123456789abcdef0"}
    imported = root.import_(address[case], ids[case])
    assert imported.code == 1 and "look swapped" in " ".join(imported.output.split())
    assert aws.dump() == before


@pytest.mark.parametrize("denied", [True, False], ids=["denied", "absent"])
def test_a_cluster_that_is_denied_or_absent_is_looked_for_once_more_only_after_the_failure(workspace, aws, denied):
    root = workspace(access(), provider=SWAPPED % "")
    if denied:
        aws.faults.add("deny", service="eks", action="DescribeCluster", account="workload", times=9)
    aws.clear_calls()
    root.try_plan().must_fail(*BOTH)
    described = [call["account"] for call in aws.calls() if call["action"] == "DescribeCluster"]
    assert described[0] == WORKLOAD_ACCOUNT and described[-1] == CLUSTER_ACCOUNT

    right = workspace(access())
    aws.clear_calls()
    right.plan()
    assert {call["account"] for call in aws.calls() if call["action"] == "DescribeCluster"} == {CLUSTER_ACCOUNT}


def test_a_cluster_that_exists_nowhere_is_reported_as_before(workspace):
    root = workspace(access().replace(CLUSTER, "nowhere"))
    run = root.try_plan().must_work()
    assert "cluster nowhere does not exist" in run.text and "swapped" not in run.text
    assert "swapped" not in root.try_apply().must_fail("cluster nowhere does not exist").text


def test_a_denied_call_alone_stays_a_warning(workspace, aws):
    aws.faults.add("deny", service="eks", action="DescribeCluster", account="cluster", times=9)
    run = workspace(access()).try_plan().must_work()
    assert "swapped" not in run.text and "eks:DescribeCluster" in run.text


def test_a_vpc_of_the_cluster_account_is_named(workspace, aws):
    other = vpc(aws, "cluster", "10.70.0.0/16")
    run = workspace(peering(other)).try_plan()
    run.must_fail(*BOTH, f"{other} is a VPC of {CLUSTER_ACCOUNT}", "set workload_vpc_id to a VPC of")
    network = Network(aws)
    run = workspace(peering(network.cluster_vpc)).try_plan()
    run.must_fail(*BOTH, f"{network.cluster_vpc} is a VPC of {CLUSTER_ACCOUNT}")


EXISTING = {
    "access role": (access(f'name = "{WORKLOAD}", existing = true', f'name = "{ACCESS}"'), "workload", WORKLOAD, "access_role"),
    "workload role": (access('name = "a"', f'name = "{ACCESS}", existing = true'), "cluster", ACCESS, "workload_role"),
    "workload role, direct": (access(None, f'name = "{ACCESS}", existing = true', more='mode = "direct"'), "cluster", ACCESS, "workload_role"),
    "role": (trust(f'name = "{POD}", existing = true'), "cluster", POD, "role"),
    "pod role": (trust('name = "r"', more=f'mode = "chained"\npod_role = {{ name = "{ROLE}", existing = true }}'), "workload", ROLE, "pod_role"),
}  # fmt: skip


@pytest.mark.parametrize("case", EXISTING)
def test_an_existing_role_of_the_other_account_is_named(workspace, aws, case):
    hcl, account, name, attribute = EXISTING[case]
    Accounts(aws).make_foreign_role(account, name)
    run = workspace(hcl).try_plan()
    run.must_fail(*BOTH, f"role/{name} exists in", f"correct {attribute}.name", "exchange the names of the two roles")


def test_the_data_sources_say_it_too(workspace, aws):
    role = Accounts(aws).make_foreign_role("workload", "app")
    cluster = f'data "xeks_cluster" "it" {{ name = "{CLUSTER}" }}\n'
    workspace(cluster, provider=SWAPPED % "").try_plan().must_fail(*BOTH)
    path = f'data "xeks_access_path" "it" {{\n  cluster_name = "{CLUSTER}"\n  principal_arn = "{role}"\n}}\n'
    irsa = f'data "xeks_irsa_path" "it" {{\n  cluster_name = "{CLUSTER}"\n  role_arn = "{role}"\n  namespace = "n"\n  service_account = "s"\n}}\n'
    outputs = 'output "path" { value = data.xeks_access_path.it.text }\noutput "irsa" { value = data.xeks_irsa_path.it.text }\n'
    root = workspace(path + irsa + outputs, provider=SWAPPED % "")
    root.apply()
    assert "look swapped" in root.output("path") and "look swapped" in root.output("irsa")
