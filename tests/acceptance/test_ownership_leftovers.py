"""What a killed provider left behind, with our tags and in no state: taken over by the resource of the same account, region,
cluster and names, and refused to every other one as a stranger's is."""

import pytest
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
from world import CLUSTER, World, traces

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
CASES = {
    "access": (
        lambda aws: access_of_all(),
        Call("cluster", "eks", "AssociateAccessPolicy"),
        lambda aws: elsewhere(access()) + access(access_role='name = "other"', name="access-role") + access(workload_role='name = "other"', name="workload-role"),
        {"cluster": WORKLOAD, "region": WORKLOAD, "access-role": WORKLOAD, "workload-role": ACCESS},
    ),
    "trust": (
        lambda aws: federated_of_all(),
        Call("workload", "iam", "AttachRolePolicy"),
        lambda aws: elsewhere(trust()) + trust(more=CHAINED.format("other"), name="pod-role"),
        {"cluster": ROLE, "region": ROLE, "pod-role": ROLE},
    ),
    "chained trust": (
        lambda aws: chained_of_all(),
        Call("cluster", "iam", "PutRolePolicy"),
        lambda aws: elsewhere(chained_of_all()) + trust('name = "other"', more=CHAINED.format(POD), name="role"),
        {"cluster": POD, "region": POD, "role": POD},
    ),
    "peering": (
        lambda aws: peering_of_all(aws),
        Call("cluster", "ec2", "CreateRoute"),
        lambda aws: under("cluster", peering_of_all(aws).replace(f'"{CLUSTER}"', f'"{GREEN}"')),
        {"cluster": "pcx-"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_leftover_is_refused_to_every_other_resource_and_taken_over_by_its_own(workspace, aws, case):
    world, network = World(aws), Network(aws)
    hcl, call, others, refused = CASES[case]
    world.make_cluster(GREEN, "API")
    cluster_of(aws, "cluster", ABROAD)
    before = network.left()
    root = workspace(hcl(aws))
    killed_at(root, aws, call)
    assert root.resources() == {}, "no state tells of it"
    ids = identities(world, network)
    assert ids
    aws.clear_calls()

    run = workspace(others(aws)).try_plan()
    for name, object in refused.items():
        told = "\n".join(str(error) for error in run.errors if error.address.endswith(f".{name}"))
        assert object in told and f"xeks:resource says {chr(34)}xeks_" in told and "import" in told, (
            f"{name}: {run.text}"
        )
    assert writes(aws) == []

    root.apply()
    assert ids <= identities(world, network), "taken over, not made anew"
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def trust_by_others_provider(aws) -> str:
    World(aws).make_oidc_provider("other")
    return trust()


def peering_over_others_connection(aws) -> str:
    network = Network(aws)
    return peering(
        network.workload_vpc, f'peering_connection_id = "{network.connect()}"', "dns_resolution = true", name="team"
    )


@pytest.mark.parametrize(
    "write,call",
    [
        (trust_by_others_provider, Call("workload", "iam", "TagOpenIDConnectProvider")),
        (trust_by_others_provider, Call("workload", "iam", "AddClientIDToOpenIDConnectProvider")),
        (peering_over_others_connection, Call("cluster", "ec2", "CreateTags")),
        (peering_over_others_connection, Call("workload", "ec2", "CreateRoute")),
        (peering_over_others_connection, Call("cluster", "ec2", "ModifyVpcPeeringConnectionOptions")),
    ],
)
def test_what_a_killed_run_put_on_something_of_others_is_known_again_and_taken_out(workspace, aws, write, call):
    hcl = write(aws)
    before = Network(aws).left()
    root = workspace(hcl)
    killed_at(root, aws, call)
    assert root.resources() == {}, "no state tells of it"
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert Network(aws).left() == before


def test_a_leftover_is_refused_to_the_same_names_with_a_cluster_of_another_account(workspace, aws):
    """The workload role is where both would have it; whose cluster it is for differs."""
    left = access(more='mode = "direct"', access_role=None)
    killed_at(workspace(left), aws, Call("workload", "iam", "CreateRole"))
    cluster_of(aws, "search", "ap-south-1")

    other = PROVIDER.replace('profile = "platform"', 'profile = "search"') % ""
    root = workspace(left, provider=other)
    write_profiles(aws, root.directory / "aws", search=aws.accounts["search"].root)
    root.try_plan().must_fail(WORKLOAD, "xeks:resource says", "183295435445")


def cluster_of(aws, account: str, region: str) -> None:
    """A cluster of the same name elsewhere, in subnets of its own."""
    ec2 = aws.client(account, "ec2", region=region)
    vpc = ec2.create_vpc(CidrBlock="10.90.0.0/16")["Vpc"]["VpcId"]
    zones = [(f"10.90.{n}.0/24", f"{region}{zone}") for n, zone in enumerate("ab")]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone)["Subnet"] for block, zone in zones]
    aws.client(account, "eks", region=region).create_cluster(
        name=CLUSTER,
        roleArn=World(aws).eks.describe_cluster(name=CLUSTER)["cluster"]["roleArn"],
        resourcesVpcConfig={"subnetIds": [subnet["SubnetId"] for subnet in subnets]},
        accessConfig={"authenticationMode": "API"},
    )
