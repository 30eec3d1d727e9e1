"""Several connections on one access role that existed before: each adds its statement and its policy, and removes only those."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from accounts import CLUSTER, WORKLOAD_ACCOUNT, Accounts, traces
from harness import Workspace

pytestmark = pytest.mark.one_cli

HUB = "hub"
TRUSTS_OPS = {
    "Version": "2012-10-17",
    "Statement": [
        {"Sid": "Ops", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
#: Seconds until IAM's readers see a write.
LAG = 15


def connections(keys: list[int], external_id: str = "one") -> str:
    return f"""
resource "xeks_cross_account_access" "c" {{
  for_each      = toset({[str(key) for key in keys]})
  cluster_name  = "{CLUSTER}"
  access_role   = {{ name = "{HUB}", existing = true, external_id = "{external_id}" }}
  workload_role = {{ name = "team-${{each.key}}" }}
  kubernetes    = {{ policies = {{ AmazonEKSViewPolicy = {{ scope = "cluster" }} }} }}
  adopt         = "if_exists"
}}
""".replace("'", '"')


POLICY = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


def prepare(aws, associated: bool = False) -> Accounts:
    """The role with its access entry, as another team made them; `associated`: the entry's policy too."""
    accounts = Accounts(aws)
    # Ten statements with an external id need more than AWS's default of 2,048 characters.
    aws.set_quotas("cluster", AssumeRolePolicySizeQuota=4096)
    accounts.make_role("cluster", HUB, TRUSTS_OPS)
    entry = {"clusterName": CLUSTER, "principalArn": accounts.role("cluster", HUB)["Arn"]}
    accounts.eks.create_access_entry(**entry)
    if associated:
        accounts.eks.associate_access_policy(**entry, policyArn=POLICY, accessScope={"type": "cluster"})
    return accounts


def trusted(accounts: Accounts) -> list[str]:
    """The workload roles that the hub trusts."""
    statements = accounts.trust("cluster", HUB)["Statement"]
    arns = [statement["Principal"].get("AWS") for statement in statements]
    return sorted(arn for arn in arns if arn)


def associated(accounts: Accounts) -> list[str]:
    """The access policies of the hub's entry."""
    entry = {"clusterName": CLUSTER, "principalArn": accounts.role("cluster", HUB)["Arn"]}
    policies = accounts.eks.list_associated_access_policies(**entry)["associatedAccessPolicies"]
    return [policy["policyArn"] for policy in policies]


def arns(keys) -> list[str]:
    return sorted(f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/team-{key}" for key in keys)


@contextmanager
def lagging(workspace, aws, keys: list[int], seconds: int = LAG) -> Iterator[Workspace]:
    """A root module with these connections, while IAM's readers are late by that time. At the end, both accounts are as they were."""
    before = aws.dump()
    root = workspace(connections(keys))
    root.timeout = 900
    aws.delay(seconds)
    try:
        yield root
    finally:
        aws.delay(0)
    assert not traces(aws, before)


@pytest.mark.parametrize(
    "count", [3, pytest.param(5, marks=pytest.mark.long), pytest.param(10, marks=pytest.mark.long)]
)
def test_connections_are_created_changed_and_destroyed_together(workspace, aws, count):
    accounts = prepare(aws)
    keys = list(range(count))
    with lagging(workspace, aws, keys) as root:
        root.apply()
        assert trusted(accounts) == arns(keys)
        assert len(accounts.inline_policies("cluster", HUB)) == count
        root.assert_empty_plan()

        root.write(connections(keys, external_id="two"))
        root.apply()
        statements = accounts.trust("cluster", HUB)["Statement"]
        assert [s["Condition"]["StringEquals"]["sts:ExternalId"] for s in statements if "Condition" in s] == [
            "two"
        ] * count
        root.assert_empty_plan()

        root.destroy()
    assert accounts.trust("cluster", HUB) == TRUSTS_OPS


@pytest.mark.parametrize(
    ("count", "seconds"), [(2, 0), *(pytest.param(count, LAG, marks=pytest.mark.long) for count in (3, 5, 10))]
)
@pytest.mark.parametrize("before", [False, True], ids=["associated-by-the-first", "associated-before"])
def test_connections_are_removed_one_by_one(workspace, aws, count, seconds, before):
    accounts = prepare(aws, associated=before)
    keys = list(range(count))
    with lagging(workspace, aws, keys, seconds) as root:
        root.apply()
        while keys:
            keys.pop(0)
            root.write(connections(keys))
            root.apply()
            assert trusted(accounts) == arns(keys)
            assert associated(accounts) == ([POLICY] if keys or before else [])
            root.assert_empty_plan()


def test_a_policy_that_others_use_keeps_its_scope(workspace, aws):
    accounts = prepare(aws)
    namespace = f"""
resource "xeks_cross_account_access" "other" {{
  cluster_name  = "{CLUSTER}"
  access_role   = {{ name = "{HUB}", existing = true }}
  workload_role = {{ name = "other" }}
  kubernetes    = {{ policies = {{ AmazonEKSViewPolicy = {{ scope = "namespace", namespaces = ["a"] }} }} }}
  adopt         = "if_exists"
}}
"""
    root = workspace(connections([0, 1]))
    root.apply()

    root.write(connections([0, 1]) + namespace)
    root.try_apply().must_fail("already exists with other contents than configured")
    root.write(connections([0, 1]))
    root.apply()

    changed = connections([0, 1]).replace(
        '"cluster" }', 'each.key == "0" ? "namespace" : "cluster", namespaces = each.key == "0" ? ["a"] : null }'
    )
    root.write(changed)
    root.try_apply().must_fail("another xeks resource uses it")
    root.write(connections([0, 1]))
    root.apply()
    root.assert_empty_plan()
    assert associated(accounts) == [POLICY]
    root.destroy()
    assert associated(accounts) == []


def test_a_policy_on_an_entry_that_another_connection_created_is_not_its_drift(workspace, aws):
    accounts = Accounts(aws)
    before = aws.dump()
    owner = f"""
resource "xeks_cross_account_access" "owner" {{
  cluster_name  = "{CLUSTER}"
  access_role   = {{ name = "{HUB}", trusted_principal_arns = ["arn:aws:iam::{WORKLOAD_ACCOUNT}:root"] }}
  workload_role = {{ name = "owner" }}
  kubernetes    = {{ policies = {{ AmazonEKSEditPolicy = {{ scope = "cluster" }} }} }}
}}
"""
    root = workspace(owner)
    root.apply()
    guest = workspace(connections([0]))
    guest.apply()
    assert len(associated(accounts)) == 2
    guest.assert_empty_plan()
    guest.destroy()
    assert [arn.rsplit("/")[-1] for arn in associated(accounts)] == ["AmazonEKSEditPolicy"]
    root.apply()
    root.destroy()
    assert not traces(aws, before)
