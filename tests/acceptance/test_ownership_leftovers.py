"""Objects that a killed provider left behind, with ownership tags and in no state: the resource of the same account, region,
cluster and names takes them over, and every other one is refused them as foreign objects are."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from accounts import CLUSTER, Accounts, traces
from aws_emulator.client import Aws
from cases import Call
from cluster_peering import peering
from cross_account_access import ACCESS, WORKLOAD, access
from every_object import access_of_all, chained_of_all, federated_of_all, identities, peering_of_all
from faults import writes
from irsa_trust import POD, ROLE, trust
from killed_provider import killed_at
from network import Network
from profiles import write_profiles
from workspaces import PROVIDER

ABROAD = "eu-west-1"
GREEN = "green"


def under(name: str, hcl: str) -> str:
    """The same resource under another name, so that several stand in one configuration."""
    kind = hcl.split('"')[1]
    return hcl.replace(f'"{kind}" "{hcl.split(chr(34))[3]}"', f'"{kind}" "{name}"', 1)


def elsewhere(hcl: str) -> str:
    """For the same names: another cluster, and the cluster of the same name in another region."""
    abroad = hcl.replace(f'cluster_name = "{CLUSTER}"', f'cluster_name = "{CLUSTER}"\n  cluster_region = "{ABROAD}"')
    return under("cluster", hcl.replace(f'"{CLUSTER}"', f'"{GREEN}"')) + under("region", abroad)


CHAINED = 'mode = "chained"\npod_role = {{ name = "{}" }}'


@dataclass(frozen=True)
class Leftover:
    """A create that is killed at a call, and resources that ask for the same objects."""

    hcl: Callable[[Aws], str]
    killed_at: Call
    others: Callable[[Aws], str]
    #: Name of each of these → the object that its error names.
    refused: dict[str, str]


LEFTOVERS = {
    "access": Leftover(
        lambda aws: access_of_all(),
        Call("cluster", "eks", "AssociateAccessPolicy"),
        lambda aws: elsewhere(access()) + access(access_role='name = "other"', name="access-role") + access(workload_role='name = "other"', name="workload-role"),
        {"cluster": WORKLOAD, "region": WORKLOAD, "access-role": WORKLOAD, "workload-role": ACCESS},
    ),
    "trust": Leftover(
        lambda aws: federated_of_all(),
        Call("workload", "iam", "AttachRolePolicy"),
        lambda aws: elsewhere(trust()) + trust(more=CHAINED.format("other"), name="pod-role"),
        {"cluster": ROLE, "region": ROLE, "pod-role": ROLE},
    ),
    "chained trust": Leftover(
        lambda aws: chained_of_all(),
        Call("cluster", "iam", "PutRolePolicy"),
        lambda aws: elsewhere(chained_of_all()) + trust('name = "other"', more=CHAINED.format(POD), name="role"),
        {"cluster": POD, "region": POD, "role": POD},
    ),
    "peering": Leftover(
        peering_of_all,
        Call("cluster", "ec2", "CreateRoute"),
        lambda aws: under("cluster", peering_of_all(aws).replace(f'"{CLUSTER}"', f'"{GREEN}"')),
        {"cluster": "pcx-"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LEFTOVERS)
def test_a_leftover_is_refused_to_other_resources_and_taken_over_by_its_own(workspace, aws, case):
    accounts, network = Accounts(aws), Network(aws)
    leftover = LEFTOVERS[case]
    accounts.make_cluster(GREEN, "API")
    cluster_of(aws, "cluster", ABROAD)
    before = network.left()
    root = workspace(leftover.hcl(aws))
    killed_at(root, aws, leftover.killed_at)
    assert root.resources() == {}, "no state names it"
    ids = identities(accounts, network)
    assert ids
    aws.clear_calls()

    run = workspace(leftover.others(aws)).try_plan()
    for name, object in leftover.refused.items():
        errors = "\n".join(str(error) for error in run.errors if error.address.endswith(f".{name}"))
        assert object in errors and 'xeks:resource tag is "xeks_' in errors and "import" in errors, (
            f"{name}: {run.text}"
        )
    assert writes(aws) == []

    root.apply()
    assert ids <= identities(accounts, network), "taken over, not recreated"
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def trust_on_a_foreign_provider(aws) -> str:
    Accounts(aws).make_oidc_provider("other")
    return trust()


def peering_over_a_foreign_connection(aws) -> str:
    network = Network(aws)
    return peering(
        network.workload_vpc, f'peering_connection_id = "{network.connect()}"', "dns_resolution = true", name="team"
    )


@pytest.mark.parametrize(
    "write, call",
    [
        (trust_on_a_foreign_provider, Call("workload", "iam", "TagOpenIDConnectProvider")),
        (trust_on_a_foreign_provider, Call("workload", "iam", "AddClientIDToOpenIDConnectProvider")),
        (peering_over_a_foreign_connection, Call("cluster", "ec2", "CreateTags")),
        (peering_over_a_foreign_connection, Call("workload", "ec2", "CreateRoute")),
        (peering_over_a_foreign_connection, Call("cluster", "ec2", "ModifyVpcPeeringConnectionOptions")),
    ],
)
def test_what_a_killed_run_added_to_a_foreign_object_is_recognised_and_removed(workspace, aws, write, call):
    hcl = write(aws)
    before = Network(aws).left()
    root = workspace(hcl)
    killed_at(root, aws, call)
    assert root.resources() == {}, "no state names it"
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert Network(aws).left() == before


def test_a_leftover_is_refused_to_the_same_names_with_a_cluster_of_another_account(workspace, aws):
    """Both configurations name the same workload role; the account of the cluster differs."""
    left = access(more='mode = "direct"', access_role=None)
    killed_at(workspace(left), aws, Call("workload", "iam", "CreateRole"))
    cluster_of(aws, "search", "ap-south-1")

    other = PROVIDER.replace('profile = "platform"', 'profile = "search"') % ""
    root = workspace(left, provider=other)
    write_profiles(aws, root.directory / "aws", search=aws.accounts["search"].root)
    root.try_plan().must_fail(WORKLOAD, "xeks:resource tag is", "183295435445")


def cluster_of(aws, account: str, region: str) -> None:
    """A cluster of the same name elsewhere, in subnets of its own."""
    ec2 = aws.client(account, "ec2", region=region)
    vpc = ec2.create_vpc(CidrBlock="10.90.0.0/16")["Vpc"]["VpcId"]
    zones = [(f"10.90.{n}.0/24", f"{region}{zone}") for n, zone in enumerate("ab")]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"] for block, zone in zones]
    aws.client(account, "eks", region=region).create_cluster(
        name=CLUSTER,
        roleArn=Accounts(aws).eks.describe_cluster(name=CLUSTER)["cluster"]["roleArn"],
        resourcesVpcConfig={"subnetIds": [subnet["SubnetId"] for subnet in subnets]},
        accessConfig={"authenticationMode": "API"},
    )
