"""Two `xeks_cluster_peering` that want the same block in the same route table, to different VPCs: a hub with several
clusters whose pods use one block, or several teams' VPCs with one block at one cluster."""

import pytest
from accounts import CLUSTER, WORKLOAD_ACCOUNT, Accounts
from cluster_peering import ADDRESS, peering
from network import Network, vpc

GREEN = "green"
PODS = "100.64.0.0/16"
PAST = "terraform destroy -refresh=false"


@pytest.fixture
def network(aws) -> Network:
    """The story's network, with the pods' block in the cluster's VPC."""
    network = Network(aws)
    network.add_block("cluster", PODS)
    return network


@pytest.fixture
def green(aws, network) -> Network:
    """The same workload VPC, and the VPC of another cluster, which has the pods' block too."""
    return peered_cluster(aws, GREEN, "10.50.0.0/16", PODS)


def peered_cluster(aws, name: str, *blocks: str) -> Network:
    accounts, other = Accounts(aws), Network(aws)
    other.cluster_vpc = vpc(aws, "cluster", blocks[0])
    for block in blocks[1:]:
        other.add_block("cluster", block)
    prefix = blocks[0].removesuffix(".0.0/16")
    made = [
        other.ec2("cluster").create_subnet(
            VpcId=other.cluster_vpc, CidrBlock=f"{prefix}.{n}.0/24", AvailabilityZone=f"ap-south-1{zone}"
        )
        for n, zone in enumerate("ab")
    ]
    subnets = [each["Subnet"]["SubnetId"] for each in made]
    role = accounts.eks.describe_cluster(name=CLUSTER)["cluster"]["roleArn"]
    accounts.eks.create_cluster(
        name=name, roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, accessConfig={"authenticationMode": "API"}
    )
    return other


def hub(network: Network, *lines: str) -> str:
    """Both clusters from one workload VPC; `lines` are added to both."""
    blue = peering(network.workload_vpc, *lines, cluster=CLUSTER)
    return blue + peering(network.workload_vpc, *lines, name="other", cluster=GREEN)


def named(cluster: str, workload_vpc: str) -> str:
    """As the tag of its connection names it."""
    return f"{cluster}:{WORKLOAD_ACCOUNT}/{workload_vpc}"


def test_two_clusters_with_one_pod_block_are_refused_by_the_plan(workspace, network, green):
    before = network.left()
    root = workspace(hub(network))
    run = root.try_plan().must_fail(f"Two resources of this configuration route {PODS}", "cluster_cidrs", PAST)
    assert any(f"ap-south-1/{named(name, network.workload_vpc)} routes {PODS}" in run.text for name in (CLUSTER, GREEN))
    assert "delete-route" not in run.text
    assert network.left() == before

    blue = peering(network.workload_vpc, 'cluster_cidrs = ["10.20.0.0/16"]')
    root.write(blue + peering(network.workload_vpc, 'cluster_cidrs = ["10.50.0.0/16"]', name="other", cluster=GREEN))
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert network.left() == before


def test_the_second_cluster_is_refused_with_the_first_resource_named_and_no_advice_to_delete_its_route(
    workspace, network, green
):
    root = workspace(peering(network.workload_vpc))
    root.apply()
    root.write(hub(network))
    run = root.try_plan().must_fail(
        PODS,
        f"a route of xeks_cluster_peering:183295435445/ap-south-1/{named(CLUSTER, network.workload_vpc)}",
        "cluster_cidrs",
        PAST,
    )
    assert "delete-route" not in run.text
    root.destroy("-refresh=false")
    assert network.routes("workload") == {}


def test_without_preflight_checks_the_apply_names_the_first_resource(workspace, network, green):
    root = workspace(peering(network.workload_vpc), in_provider="  skip_preflight = true\n")
    root.apply()
    root.write(hub(network))
    run = root.try_apply().must_fail(
        PODS,
        f"a route of xeks_cluster_peering:183295435445/ap-south-1/{named(CLUSTER, network.workload_vpc)}",
        "cluster_cidrs",
    )
    assert "delete-route" not in run.text
    # Half of the second exists now: its plan says why, although the state names the route that was refused.
    checked = workspace("")
    (checked.directory / "terraform.tfstate").write_text((root.directory / "terraform.tfstate").read_text())
    checked.write(hub(network))
    run = checked.try_plan().must_fail(PODS, "a route of xeks_cluster_peering", PAST)
    assert "delete-route" not in run.text
    checked.destroy("-refresh=false")
    assert network.routes("workload") == network.routes("cluster") == {}


def test_half_made_siblings_are_refused_by_the_plan_and_destroyed_past_it(workspace, network, green):
    root = workspace(hub(network), in_provider="  skip_preflight = true\n")
    root.try_apply().must_fail(PODS)
    checked = workspace("")
    (checked.directory / "terraform.tfstate").write_text((root.directory / "terraform.tfstate").read_text())
    checked.write(hub(network))
    run = checked.try_plan().must_fail(PODS, PAST)
    assert "delete-route" not in run.text
    checked.destroy("-refresh=false")
    assert network.routes("workload") == network.routes("cluster") == {}
    assert network.connections() == []


def test_two_workload_vpcs_with_one_block_are_refused_at_one_cluster(workspace, aws, network):
    twin = Network(aws, vpc(aws, "workload", "10.30.0.0/16"))
    root = workspace(peering(network.workload_vpc) + peering(twin.workload_vpc, name="other"))
    run = root.try_plan().must_fail("Two resources of this configuration route 10.30.0.0/16", "workload_cidrs", PAST)
    assert any(named(CLUSTER, each) in run.text for each in (network.workload_vpc, twin.workload_vpc))

    root.write(peering(network.workload_vpc))
    root.apply()
    root.write(peering(network.workload_vpc) + peering(twin.workload_vpc, name="other"))
    run = root.try_plan().must_fail("10.30.0.0/16", f"/{named(CLUSTER, network.workload_vpc)}", "workload_cidrs", PAST)
    assert "delete-route" not in run.text


def test_another_table_is_no_conflict(workspace, network, green):
    tables = [table["RouteTableId"] for table in network.tables("workload")]
    blue = peering(network.workload_vpc, f'workload_route_table_ids = ["{tables[0]}"]')
    other = peering(network.workload_vpc, f'workload_route_table_ids = ["{tables[1]}"]', name="other", cluster=GREEN)
    root = workspace(blue + other)
    root.apply()
    root.assert_empty_plan()


def test_a_narrower_block_is_no_conflict(workspace, network, green):
    blue = peering(network.workload_vpc, 'cluster_cidrs = ["10.20.0.0/16", "100.64.0.0/17"]')
    root = workspace(blue + peering(network.workload_vpc, name="other", cluster=GREEN))
    root.apply()
    root.assert_empty_plan()


def test_resources_that_share_a_connection_share_its_routes(workspace, aws, network):
    Accounts(aws).make_cluster("red", "API")
    shared = peering(
        network.workload_vpc, f"peering_connection_id = {ADDRESS}.peering_connection_id", name="other", cluster="red"
    )
    root = workspace(peering(network.workload_vpc) + shared)
    root.apply()
    root.assert_empty_plan()


def test_a_route_over_a_connection_of_no_resource_may_be_deleted(workspace, aws, network):
    """A connection that others made, without a tag of this provider: then, and only then, deleting its route is advised."""
    hand = peered_cluster(aws, "hand", "10.60.0.0/16", PODS)
    made = hand.connect()
    table = network.tables("workload")[0]["RouteTableId"]
    network.ec2("workload").create_route(RouteTableId=table, DestinationCidrBlock=PODS, VpcPeeringConnectionId=made)
    root = workspace(peering(network.workload_vpc))
    run = root.try_plan().must_fail(
        f"the target {made}", "cluster_cidrs or workload_route_table_ids", "aws ec2 delete-route"
    )
    assert "a route of xeks" not in run.text


def test_a_route_that_another_resource_noted_on_a_foreign_connection_is_its_own(workspace, aws, network, green):
    """The connection has no tag of this provider, but the note of the resource that uses it."""
    made = green.connect()
    user = workspace(peering(network.workload_vpc, f'peering_connection_id = "{made}"', cluster=GREEN))
    user.apply()
    root = workspace(peering(network.workload_vpc))
    run = root.try_plan().must_fail(
        PODS, f"a route of xeks_cluster_peering:183295435445/ap-south-1/{named(GREEN, network.workload_vpc)}"
    )
    assert "delete-route" not in run.text
