"""Foreign objects under the names that a resource would create: the plan refuses them with their ARN, their tags, and how to adopt or
import them."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from accounts import CLUSTER, Accounts
from aws_emulator.client import Aws
from cross_account_access import ACCESS, ACCESS_ARN, WORKLOAD, access
from every_object import THEIRS, access_of_all, peering_of_all, trust_of_all
from faults import writes
from irsa_trust import POD, ROLE, trust
from network import Network


def role(account: str, name: str) -> Callable[[Accounts, Network], str]:
    return lambda accounts, network: accounts.make_foreign_role(account, name)


def instance_profile(accounts: Accounts, network: Network) -> str:
    made = accounts.iam("workload").create_instance_profile(InstanceProfileName=WORKLOAD, Tags=THEIRS)
    return made["InstanceProfile"]["Arn"]


def access_entry(accounts: Accounts, network: Network) -> str:
    accounts.make_foreign_role("cluster", ACCESS)
    made = accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN, tags={"whose": "theirs"})
    return made["accessEntry"]["accessEntryArn"]


def connection(accounts: Accounts, network: Network) -> str:
    made = network.connect()
    network.ec2("workload").create_tags(Resources=[made], Tags=THEIRS)
    return made


@dataclass(frozen=True)
class Foreign:
    """A foreign object in the place of one that the configuration creates."""

    hcl: Callable[[Aws], str]
    #: Creates the object, and returns the ARN or id that the error names.
    make: Callable[[Accounts, Network], str]
    #: What else the error says: how to go on.
    advice: list[str]


ROLE_ADVICE = ["adopt", "existing", "import"]
EXISTING = access(f'name = "{ACCESS}", existing = true')
CASES = {
    "access role": Foreign(lambda aws: access_of_all(), role("cluster", ACCESS), ROLE_ADVICE),
    "workload role": Foreign(lambda aws: access_of_all(), role("workload", WORKLOAD), ROLE_ADVICE),
    "instance profile": Foreign(lambda aws: access_of_all(), instance_profile, ["adopt", "import"]),
    "access entry": Foreign(lambda aws: EXISTING, access_entry, ["adopt", "import", ACCESS_ARN]),
    "role of a trust": Foreign(lambda aws: trust_of_all(), role("workload", ROLE), ROLE_ADVICE),
    "pod role": Foreign(lambda aws: trust_of_all(), role("cluster", POD), ROLE_ADVICE),
    "peering connection": Foreign(peering_of_all, connection, ["peering_connection_id", "import"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_foreign_object_is_refused_with_its_tags_and_advice(workspace, aws, case):
    foreign = CASES[case]
    arn = foreign.make(Accounts(aws), Network(aws))
    aws.clear_calls()

    workspace(foreign.hcl(aws)).try_plan().must_fail(arn, 'Its tags: whose = "theirs".', *foreign.advice)

    assert writes(aws) == []


def test_a_foreign_route_is_refused_with_its_target_and_the_command_that_deletes_it(workspace, aws):
    table = Network(aws).route_to_internet_gateway("cluster", "10.30.0.0/16")
    workspace(peering_of_all(aws)).try_plan().must_fail(
        table, "with the target igw-", "never overwrites a route", "aws ec2 delete-route"
    )


@pytest.mark.parametrize("account, name", [("cluster", ACCESS), ("workload", WORKLOAD), ("workload", ROLE)])
def test_a_foreign_role_is_refused_by_the_apply_when_preflight_checks_are_off(workspace, aws, account, name):
    Accounts(aws).make_foreign_role(account, name)
    before = Accounts(aws).role(account, name)
    root = workspace(trust() if name == ROLE else access(), in_provider="  skip_preflight = true\n")

    root.try_apply().must_fail(f"role/{name}", 'Its tags: whose = "theirs".', "adopt", "existing", "import")

    root.destroy()
    assert Accounts(aws).role(account, name) == before
