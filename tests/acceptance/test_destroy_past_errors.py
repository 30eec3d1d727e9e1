"""Terraform begins a destroy with a plan of the whole configuration: each error of a plan of what does not exist yet says how to
destroy all the same, and that works."""

from collections.abc import Callable

import pytest
from accounts import CLUSTER, TRUSTS_EC2, Accounts, traces
from cluster_peering import peering
from cross_account_access import WORKLOAD, access
from irsa_trust import CHAINED, trust
from network import Network
from workspaces import HEAD

ADVICE = "run terraform destroy -refresh=false"
MANY = ", ".join(f'{{ namespace = "a-long-namespace-{n}", name = "a-long-name-{n}" }}' for n in range(60))


def of(cluster: str, hcl: str) -> str:
    return hcl.replace(f'cluster_name = "{CLUSTER}"', f'cluster_name = "{cluster}"')


def taken(accounts: Accounts) -> None:
    accounts.make_role("workload", "second", TRUSTS_EC2)


#: What can't be created, added beside what exists: the configuration, and what has to be there for it to fail.
IN_THE_WAY: dict[str, tuple[str, Callable[[Accounts], None]]] = {
    "a cluster on CONFIG_MAP": (of("old", access('name = "a2"', 'name = "w2"', name="second")), lambda accounts: accounts.make_cluster("old", "CONFIG_MAP")),
    "a role that exists": (access('name = "a2"', 'name = "second"', name="second"), taken),
    "no such access policy": (access('name = "a2"', 'name = "w2"', 'policies = { AmazonEKSNothing = { scope = "cluster" } }', name="second"), lambda accounts: None),
    "an unknown account": (access('name = "a2"', 'name = "w2"', more='workload_account = "nowhere"', name="second"), lambda accounts: None),
    "an account that can't be used": (access('name = "a2"', 'name = "w2"', more='workload_account = "broken"', name="second"), lambda accounts: None),
    "the same account on both sides": (access('name = "a2"', 'name = "w2"', more='workload_account = "same"', name="second"), lambda accounts: None),
    "a trust of a role that exists": (trust('name = "second"', name="second"), taken),
    "a trust policy that is too long": (trust('name = "second"', service_accounts=MANY, name="second"), lambda accounts: None),
    "a chained trust without an account": (trust('name = "second"', more=CHAINED + '\nworkload_account = "nowhere"', name="second"), lambda accounts: None),
}  # fmt: skip

PROVIDER = f"""{HEAD}provider "xeks" {{
  cluster_account   = {{ profile = "platform", region = "ap-south-1" }}
  workload_account  = {{ profile = "workload", region = "ap-south-1" }}
  workload_accounts = {{
    broken = {{ profile = "nowhere", region = "ap-south-1" }}
    same   = {{ profile = "platform", region = "ap-south-1" }}
  }}
}}
"""


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_what_can_not_be_created_says_how_to_destroy_past_it(workspace, aws, case):
    hcl, prepare = IN_THE_WAY[case]
    prepare(Accounts(aws))
    before = aws.dump()
    root = workspace(access(), provider=PROVIDER)
    root.apply()

    root.write(access() + hcl)
    run = root.try_plan().must_fail(ADVICE)
    assert all(ADVICE in error.detail for error in run.errors), run.text
    root.try_destroy().must_fail(ADVICE)

    root.destroy("-refresh=false")
    assert root.resources() == {}
    assert not traces(aws, before)


def test_what_exists_and_can_not_be_changed_says_so_too(workspace, aws):
    root = workspace(trust())
    root.apply()
    root.write(trust(service_accounts=MANY))
    run = root.try_plan().must_fail(ADVICE)
    assert all(ADVICE in error.detail for error in run.errors), run.text
    root.destroy("-refresh=false")


def test_a_route_in_the_way_of_a_second_peering_says_so(workspace, aws):
    network = Network(aws)
    before = network.left()
    root = workspace(access())
    root.apply()
    network.route_to_internet_gateway("cluster", "10.30.0.0/16")
    root.write(access() + peering(network.workload_vpc))
    root.try_plan().must_fail("with the target igw-", ADVICE)
    root.destroy("-refresh=false")
    assert network.left() != before, "the route is still there"


def test_an_account_that_a_resource_has_objects_in_is_needed_for_its_destroy(workspace, aws):
    """There is no way past that: no advice that would not help."""
    root = workspace(access())
    root.apply()
    root.write(PROVIDER.replace('profile = "workload"', 'profile = "nowhere"'), "provider.tf")
    run = root.try_plan().must_fail("workload_account can't be used")
    assert ADVICE not in run.text
    assert Accounts(aws).role("workload", WORKLOAD)
