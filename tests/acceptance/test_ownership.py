"""What a resource does with its objects once others have changed them: foreign objects in their place are changes and deletes neither,
and objects without their ownership tags are not lost."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from accounts import CLUSTER, Accounts, traces
from aws_emulator.client import Aws
from cross_account_access import ACCESS, ACCESS_ARN, STORY, WORKLOAD
from every_object import (
    access_of_all,
    peering_of_all,
    recreate_access,
    recreate_peering,
    recreate_trust,
    trust_of_all,
)
from irsa_trust import POD, ROLE
from network import Network


@dataclass(frozen=True)
class Supplanted:
    """A resource whose objects are deleted and recreated by someone else, under the same names and with the same
    contents."""

    hcl: Callable[[Aws], str]
    recreate: Callable[[Accounts, Network], None]
    #: What the plan's warnings name, the first of them in the error of an apply too.
    named: list[str]
    #: Account and name of the one role that is not recreated, and so is still the resource's.
    own_role: tuple[str, str] | None = None

    def is_of_own_role(self, path: str) -> bool:
        return self.own_role is not None and self.own_role[1] in path


SUPPLANTED = {
    "access": Supplanted(
        lambda aws: access_of_all(),
        lambda accounts, network: recreate_access(accounts),
        [f"role/{WORKLOAD}", f"profile/{WORKLOAD}", f"/{ACCESS}/"],
        own_role=("cluster", ACCESS),
    ),
    "trust": Supplanted(
        lambda aws: trust_of_all(),
        lambda accounts, network: recreate_trust(accounts),
        [f"role/{ROLE}", f"role/{POD}"],
        own_role=("workload", "chained-t"),
    ),
    "peering": Supplanted(peering_of_all, lambda accounts, network: recreate_peering(network), ["pcx-"]),
}


@pytest.mark.parametrize("refresh", ["true", "false"], ids=["refreshed", "unrefreshed"])
@pytest.mark.parametrize("case", SUPPLANTED)
def test_foreign_objects_in_the_place_of_created_ones_are_neither_changed_nor_deleted(workspace, aws, case, refresh):
    accounts, network, supplanted = Accounts(aws), Network(aws), SUPPLANTED[case]
    root = workspace(supplanted.hcl(aws))
    root.apply()
    supplanted.recreate(accounts, network)
    foreign = network.left()

    def assert_unchanged() -> None:
        assert not {path for path in traces(aws, foreign) if not supplanted.is_of_own_role(path)}

    if refresh == "true":
        warnings = "\n".join(map(str, root.try_plan().warnings))
        words = [*supplanted.named, 'whose = "theirs"', "changes and deletes neither"]
        assert all(word in warnings for word in words), warnings
        root.try_apply().must_fail(supplanted.named[0], "import")
        assert_unchanged()

    root.destroy(f"-refresh={refresh}")

    assert_unchanged()
    assert root.resources() == {}
    assert supplanted.own_role is None or accounts.role(*supplanted.own_role) is None


@pytest.mark.parametrize("tag", ["xeks:instance", "xeks:resource"])
def test_an_object_without_its_ownership_tags_is_not_lost(workspace, aws, tag):
    accounts = Accounts(aws)
    before = aws.dump()
    root = workspace(STORY)
    root.apply()
    accounts.iam("cluster").untag_role(RoleName=ACCESS, TagKeys=[tag])
    accounts.eks.untag_resource(resourceArn=accounts.entry(ACCESS_ARN)["accessEntryArn"], tagKeys=[tag])

    root.apply()
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_the_late_call_of_a_killed_provider_is_no_drift_on_a_created_role(workspace, aws):
    """It writes the policy with the Sids of an earlier create, whose objects a later one has taken over."""
    accounts = Accounts(aws)
    before = aws.dump()
    root = workspace(STORY)
    root.apply()
    describe = accounts.own_policy("cluster", ACCESS, f"xeks-describe-{CLUSTER}")
    late = json.dumps(accounts.inline_policy("cluster", ACCESS, describe))
    instance = accounts.role_tags("cluster", ACCESS)["xeks:instance"]
    assert instance in late
    late = late.replace(instance, "0123456789abcdef")
    accounts.iam("cluster").put_role_policy(RoleName=ACCESS, PolicyName=describe, PolicyDocument=late)

    root.assert_empty_plan()

    root.destroy("-refresh=false")
    assert not traces(aws, before)
