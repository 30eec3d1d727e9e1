"""Objects of others that stand where a resource would have its own: refused by the plan, with what they are, their tags, and how to adopt
or import them."""

import json

import pytest
from cross_account_access import ACCESS, ACCESS_ARN, WORKLOAD, access
from every_object import THEIRS, access_of_all, peering_of_all, trust_of_all
from faults import writes
from irsa_trust import POD, ROLE, trust
from network import Network
from world import CLUSTER, TRUSTS_EC2, World

DOCUMENT = json.dumps(TRUSTS_EC2)


def role(account: str, name: str):
    return lambda world, network: world.iam(account).create_role(
        RoleName=name, AssumeRolePolicyDocument=DOCUMENT, Tags=THEIRS
    )["Role"]["Arn"]


def profile(world, network) -> str:
    made = world.iam("workload").create_instance_profile(InstanceProfileName=WORKLOAD, Tags=THEIRS)
    return made["InstanceProfile"]["Arn"]


def entry(world, network) -> str:
    role("cluster", ACCESS)(world, network)
    made = world.eks.create_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN, tags={"whose": "theirs"})
    return made["accessEntry"]["accessEntryArn"]


def connection(world, network) -> str:
    made = network.connect()
    network.ec2("workload").create_tags(Resources=[made], Tags=THEIRS)
    return made


EXISTING = access(f'name = "{ACCESS}", existing = true')
CASES = {
    "access role": (lambda aws: access_of_all(), role("cluster", ACCESS), ["adopt", "existing", "import"]),
    "workload role": (lambda aws: access_of_all(), role("workload", WORKLOAD), ["adopt", "existing", "import"]),
    "instance profile": (lambda aws: access_of_all(), profile, ["adopt", "import"]),
    "access entry": (lambda aws: EXISTING, entry, ["adopt", "import", ACCESS_ARN]),
    "role of a trust": (lambda aws: trust_of_all(), role("workload", ROLE), ["adopt", "existing", "import"]),
    "pod role": (lambda aws: trust_of_all(), role("cluster", POD), ["adopt", "existing", "import"]),
    "peering connection": (lambda aws: peering_of_all(aws), connection, ["peering_connection_id", "import"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_strangers_object_is_refused_with_its_tags_and_what_to_do(workspace, aws, case):
    hcl, make, words = CASES[case]
    arn = make(World(aws), Network(aws))
    aws.clear_calls()

    workspace(hcl(aws)).try_plan().must_fail(arn, 'Its tags: whose = "theirs".', *words)

    assert writes(aws) == []


def test_a_route_of_others_is_refused_with_where_it_leads_and_how_to_delete_it(workspace, aws):
    table = Network(aws).route_to_internet_gateway("cluster", "10.30.0.0/16")
    workspace(peering_of_all(aws)).try_plan().must_fail(
        table, "leads to igw-", "never overwritten", "aws ec2 delete-route"
    )


@pytest.mark.parametrize("account, name", [("cluster", ACCESS), ("workload", WORKLOAD), ("workload", ROLE)])
def test_a_strangers_role_that_no_plan_looked_for_is_refused_by_the_apply(workspace, aws, account, name):
    role(account, name)(World(aws), None)
    theirs = World(aws).role(account, name)
    root = workspace(trust() if name == ROLE else access(), in_provider="  skip_preflight = true\n")

    root.try_apply().must_fail(f"role/{name}", 'Its tags: whose = "theirs".', "adopt", "existing", "import")

    root.destroy()
    assert World(aws).role(account, name) == theirs
