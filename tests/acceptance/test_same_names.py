"""Two resources of one configuration with the same names: refused by the plan of the second, whichever types they have, with the way to
destroy past it. What one creates and another calls `existing` is no conflict."""

import pytest
from accounts import CLUSTER, Accounts
from cluster_peering import peering
from cross_account_access import ACCESS, WORKLOAD, access
from irsa_trust import CHAINED, POD, ROLE, trust
from network import Network

PAST = "terraform destroy -refresh=false"


def profile(name: str, instance_profile: str) -> str:
    return f'name = "{name}", instance_profile = true, instance_profile_name = "{instance_profile}"'


#: Two resources, the role or profile that both create, and the attribute that names it in one of them.
TWICE = {
    "the same access role": (access(), access(workload_role='name = "other"', name="other"), f"IAM role {ACCESS}"),
    "the same workload role": (access(), access('name = "other"', name="other"), f"IAM role {WORKLOAD}"),
    "the same workload role, direct": (access(), access(None, more='mode = "direct"', name="other"), f"IAM role {WORKLOAD}"),
    "a workload role and a role for pods": (access(), trust(f'name = "{WORKLOAD}"'), f"IAM role {WORKLOAD}"),
    "an access role and a pod role": (access(), trust(more=f'mode = "chained"\npod_role = {{ name = "{ACCESS}" }}'), f"IAM role {ACCESS}"),
    "the same role for pods": (trust(), trust(more=CHAINED, name="other"), f"IAM role {ROLE}"),
    "the same pod role": (trust(more=CHAINED), trust('name = "other"', more=CHAINED, name="other"), f"IAM role {POD}"),
    "the same instance profile": (
        access(workload_role=profile(WORKLOAD, "shared")),
        access('name = "other"', profile("other", "shared"), name="other"),
        "instance profile shared",
    ),
    "a profile named as another's default": (
        access(workload_role=f'name = "{WORKLOAD}", instance_profile = true'),
        access('name = "other"', profile("other", WORKLOAD), name="other"),
        f"instance profile {WORKLOAD}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TWICE)
def test_what_two_resources_create_is_refused_by_the_plan(workspace, aws, case):
    one, other, what = TWICE[case]
    before = aws.dump()
    run = workspace(one + other).try_plan()
    run.must_fail(
        f"Another resource of this configuration creates the {what}", "both create", "Choose another name", PAST
    )
    assert aws.dump() == before


CASES = {
    "access roles": (
        access('name = "Deployer"'),
        access('name = "deployer"', 'name = "other"', name="other"),
        "deployer",
    ),
    "workload role and role for pods": (access(workload_role='name = "App"'), trust('name = "app"'), "app"),
    "instance profiles": (
        access(workload_role=profile(WORKLOAD, "Nodes")),
        access('name = "other"', profile("other", "nodes"), name="other"),
        "nodes",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_names_that_differ_in_case_only_are_one_name(workspace, case):
    one, other, name = CASES[case]
    words = ["IAM does not distinguish names by case", name, name.capitalize(), PAST]
    root = workspace(one + other)
    root.try_plan().must_fail(*words)

    root.write(one)
    root.apply()
    root.write(one + other)
    root.try_plan().must_fail(*words)
    root.destroy("-refresh=false")


SAME = {
    "access": (access(), access(name="other"), "Another xeks_cross_account_access"),
    "direct": (access(None, more='mode = "direct"'), access(None, more='mode = "direct"', name="other"), "Another xeks_cross_account_access"),
    "trust": (trust(), trust(name="other"), "Another xeks_irsa_trust"),
    "chained": (trust(more=CHAINED), trust(more=CHAINED, name="other"), "Another xeks_irsa_trust"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
@pytest.mark.parametrize("existing", [False, True], ids=["both new", "one exists"])
def test_two_resources_with_all_the_same_names_are_refused(workspace, case, existing):
    one, other, words = SAME[case]
    root = workspace(one)
    if existing:
        root.apply()
    root.write(one + other)
    root.try_plan().must_fail(f"{words} of this configuration manages the same objects", "Keep one of them", PAST)
    root.write(one)
    root.destroy()


def test_two_peerings_of_one_pair_say_how_to_destroy_past_it(workspace, aws):
    network = Network(aws)
    both = peering(network.workload_vpc) + peering(network.workload_vpc, name="other")
    workspace(both).try_plan().must_fail("Another xeks_cluster_peering", PAST)


@pytest.mark.parametrize("existing", ["", ", existing = true"], ids=["both created", "one existing"])
def test_one_resource_can_not_use_one_name_for_two_roles_of_one_account(workspace, aws, existing):
    one_account = """
terraform {
  required_providers { xeks = { source = "xeks/xeks" } }
}

provider "xeks" {
  cluster_account    = { profile = "platform", region = "ap-south-1" }
  workload_account   = { profile = "platform", region = "ap-south-1" }
  allow_same_account = true
}
"""
    if existing:
        Accounts(aws).make_foreign_role("cluster", "same")
    root = workspace(access(f'name = "same"{existing}', 'name = "Same"'), provider=one_account)
    root.try_plan().must_fail("is named twice", "access_role.name", "workload_role.name", "Choose another name", PAST)
    root.write(access('name = "one"', 'name = "another"'))
    root.apply()
    root.assert_empty_plan()


def test_a_role_that_a_sibling_created_can_be_existing_in_others(workspace, aws):
    root = workspace(access() + trust())
    root.apply()
    root.write(
        access()
        + trust()
        + access('name = "second"', f'name = "{WORKLOAD}", existing = true', name="second")
        + access('name = "third"', f'name = "{ROLE}", existing = true', name="third")
        + trust(f'name = "{WORKLOAD}", existing = true', name="on_workload")
    )
    root.apply()


def test_the_same_names_in_two_accounts_or_for_two_clusters_are_no_conflict(workspace, aws):
    Accounts(aws).make_cluster("green", "API")
    green = access('name = "green-access"', 'name = "green-workload"', name="green").replace(CLUSTER, "green")
    both_sides = access('name = "alike"', 'name = "alike"', name="alike")
    workspace(access() + green + both_sides).apply()


def test_a_resource_that_is_replaced_or_planned_again_is_not_its_own_sibling(workspace):
    root = workspace(access() + trust())
    root.apply()
    root.apply("-replace=xeks_cross_account_access.ec2", "-replace=xeks_irsa_trust.app")
    root.run("taint", "xeks_cross_account_access.ec2").must_work()
    root.apply()
    root.assert_empty_plan()
