"""Peering connections that are foreign or shared: reused, never deleted, and never removed while they carry the traffic of others."""

import time

import pytest
from accounts import CLUSTER, WORKLOAD_ACCOUNT, Accounts
from cluster_peering import ADDRESS, peering
from network import Network
from runner_policies import give, policies, rendered

OTHER = "xeks_cluster_peering.other"
GREEN = "green"


@pytest.fixture
def network(aws) -> Network:
    return Network(aws)


def reuse(network: Network, *lines: str, connection: str, cluster: str = CLUSTER, name: str = "other") -> str:
    """A resource that uses a connection; `connection` is an expression."""
    return peering(network.workload_vpc, f"peering_connection_id = {connection}", *lines, name=name, cluster=cluster)


def traffic(network: Network) -> tuple:
    routes = network.routes("cluster"), network.routes("workload")
    return *routes, sorted(network.rules()), [each["VpcPeeringConnectionId"] for each in network.connections()]


@pytest.mark.parametrize("make", [Network.connect, Network.request], ids=["active", "still pending"])
def test_an_existing_connection_is_used_and_kept(workspace, network, make):
    made = make(network)
    before = network.left()
    root = workspace(reuse(network, "dns_resolution = true", connection=f'"{made}"', name="team"))
    root.apply()

    assert [each["VpcPeeringConnectionId"] for each in network.connections()] == [made]
    assert network.seen("workload", made)["Status"]["Code"] == "active"
    assert set(network.routes("cluster").values()) == set(network.routes("workload").values()) == {made}
    assert network.dns(made) == {"cluster": True, "workload": True}
    # Nothing but the usage tags of this resource.
    instance = root.state("xeks_cluster_peering.team")["instance"]
    assert network.seen("workload", made).get("Tags", []) == []
    noted = [tag["Key"] for tag in network.seen("cluster", made)["Tags"]]
    assert sorted(noted) == [f"xeks:routes:{instance}:0", f"xeks:use:{instance}"]
    root.assert_empty_plan()

    root.destroy()
    assert network.seen("cluster", made).get("Tags", []) == []
    assert network.dns(made) == {"cluster": False, "workload": False}
    if make is Network.connect:
        assert network.left() == before
    assert network.routes("cluster") == network.routes("workload") == network.rules() == {}


def test_a_connection_requested_by_the_cluster_account_is_accepted_and_used(workspace, aws, network):
    """With what `xeks_runner_policy` renders for a connection that is named, and nothing else."""
    asked = network.ec2("cluster").create_vpc_peering_connection(
        VpcId=network.cluster_vpc, PeerVpcId=network.workload_vpc, PeerOwnerId=WORKLOAD_ACCOUNT
    )
    made = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    while network.seen("cluster", made)["Status"]["Code"] != "pending-acceptance":
        time.sleep(0.03)
    named = f'cluster_name = "{CLUSTER}", workload_vpc_id = "{network.workload_vpc}", peering_connection_id = "{made}"'
    give(Accounts(aws), rendered(workspace(policies(f"cluster_peering = [{{ {named}, dns_resolution = true }}]"))))
    root = workspace(reuse(network, "dns_resolution = true", connection=f'"{made}"', name="team"))
    root.apply()

    assert network.seen("workload", made)["Status"]["Code"] == "active"
    assert network.dns(made) == {"cluster": True, "workload": True}
    root.assert_empty_plan()
    root.destroy()
    assert network.seen("workload", made)["Status"]["Code"] == "active"
    assert network.dns(made) == {"cluster": False, "workload": False}


def test_existing_routes_and_rules_survive_a_destroy(workspace, network):
    made = network.connect()
    table = network.tables("workload")[0]["RouteTableId"]
    network.ec2("workload").create_route(
        RouteTableId=table, DestinationCidrBlock="10.20.0.0/16", VpcPeeringConnectionId=made
    )
    https = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.30.0.0/16"}]}
    network.ec2("cluster").authorize_security_group_ingress(GroupId=network.group, IpPermissions=[https])
    ends = {
        "VpcPeeringConnectionId": made,
        "RequesterPeeringConnectionOptions": {"AllowDnsResolutionFromRemoteVpc": True},
    }
    network.ec2("workload").modify_vpc_peering_connection_options(**ends)
    before = network.left()
    root = workspace(reuse(network, "dns_resolution = true", connection=f'"{made}"', name="team"))
    # Terraform plans once more in the apply.
    warned = {str(warning) for warning in root.apply().warnings if "did not create some routes" in str(warning)}
    assert [f"these routes already use {made}: {table} to 10.20.0.0/16. " in one for one in warned] == [True]
    root.assert_empty_plan()
    objects = root.state(ADDRESS)["objects"]
    assert objects[f"workload/ec2_route/{table}/10.20.0.0/16"]["origin"] == "adopted"
    assert objects[f"cluster/ec2_security_group_rule/{network.group}/443/10.30.0.0/16"]["origin"] == "adopted"

    root.destroy()
    assert network.left() == before


def test_adopt_finds_the_connection_of_the_two_vpcs(workspace, network):
    made = network.connect()
    before = network.left()
    root = workspace(peering(network.workload_vpc, 'adopt = "if_exists"'))
    root.apply()
    assert root.state(ADDRESS)["peering_connection_id"] == made
    root.assert_empty_plan()
    root.destroy()
    assert network.left() == before


def test_a_second_cluster_in_the_vpc_reuses_the_connection_without_touching_the_traffic_of_the_first(
    workspace, aws, network
):
    Accounts(aws).make_cluster(GREEN, "API")
    root = workspace(peering(network.workload_vpc))
    root.apply()
    before, left = traffic(network), network.left()

    second = reuse(network, connection=f"{ADDRESS}.peering_connection_id", cluster=GREEN)
    root.write(peering(network.workload_vpc) + second)
    root.apply()
    root.assert_empty_plan()
    assert traffic(network) == before
    assert root.state(OTHER)["peering_connection_id"] == root.state(ADDRESS)["peering_connection_id"]

    root.write(peering(network.workload_vpc))
    root.apply()
    assert traffic(network) == before
    assert network.left() == left
    root.assert_empty_plan()


def test_a_shared_route_survives_until_its_last_user_is_destroyed(workspace, aws, network):
    """The second creates a route, the first starts to use it too, the second is destroyed; and the other way round."""
    tables = [table["RouteTableId"] for table in network.tables("workload")]
    narrow, wide = (
        f'workload_route_table_ids = ["{tables[0]}"]',
        f'workload_route_table_ids = ["{tables[0]}", "{tables[1]}"]',
    )
    Accounts(aws).make_cluster(GREEN, "API")
    before = network.left()
    shared = f"{ADDRESS}.peering_connection_id"
    root = workspace(peering(network.workload_vpc, narrow) + reuse(network, wide, connection=shared, cluster=GREEN))
    root.apply()
    root.write(peering(network.workload_vpc, wide) + reuse(network, wide, connection=shared, cluster=GREEN))
    root.apply()
    root.assert_empty_plan()
    both = network.routes("workload")
    assert len(both) == 2

    root.write(peering(network.workload_vpc, narrow) + reuse(network, wide, connection=shared, cluster=GREEN))
    root.apply()
    assert network.routes("workload") == both, "the second still wants it"
    root.assert_empty_plan()

    root.write(peering(network.workload_vpc, wide) + reuse(network, wide, connection=shared, cluster=GREEN))
    root.apply()
    root.write(peering(network.workload_vpc, wide))
    root.apply()
    assert network.routes("workload") == both, "the first still wants it"
    root.assert_empty_plan()

    root.destroy()
    assert network.left() == before


def test_shared_objects_on_a_foreign_connection_survive_until_their_last_user_is_destroyed(workspace, aws, network):
    Accounts(aws).make_cluster(GREEN, "API")
    made = network.connect()
    before = network.left()
    table = network.tables("workload")[0]["RouteTableId"]
    narrow = ("allow_https = false", "dns_resolution = true", f'workload_route_table_ids = ["{table}"]')
    first, second = (
        workspace(reuse(network, *narrow, connection=f'"{made}"', cluster=cluster)) for cluster in (CLUSTER, GREEN)
    )
    first.apply()
    assert not [one for one in second.apply().warnings if "did not create some routes" in str(one)]
    both = traffic(network), network.dns(made)
    for each in (first, second):
        each.assert_empty_plan()
    first.destroy()
    assert (traffic(network), network.dns(made)) == both
    second.assert_empty_plan()
    second.destroy()
    assert network.left() == before


def test_the_usage_tags_may_be_removed_by_the_owner_of_the_connection(workspace, network):
    """As the owner's own Terraform does: the tags are restored only with the next change."""
    made = network.connect()
    before = network.left()
    tables = [table["RouteTableId"] for table in network.tables("workload")]
    narrow, wide = (f"workload_route_table_ids = {some}".replace("'", '"') for some in (tables[:1], tables[:2]))
    root = workspace(reuse(network, narrow, connection=f'"{made}"'))
    root.apply()
    keys = [{"Key": tag["Key"]} for tag in network.seen("cluster", made)["Tags"]]
    network.ec2("cluster").delete_tags(Resources=[made], Tags=keys)
    root.assert_empty_plan()
    root.write(reuse(network, wide, connection=f'"{made}"'))
    root.apply()
    assert len(network.routes("workload")) == 2
    root.assert_empty_plan()
    root.destroy()
    assert network.left() == before


def test_two_new_resources_for_the_same_vpcs_are_refused_even_for_two_clusters(workspace, aws, network):
    Accounts(aws).make_cluster(GREEN, "API")
    before = network.left()
    first, second = peering(network.workload_vpc), peering(network.workload_vpc, name="other", cluster=GREEN)
    root = workspace(first + second)
    root.try_apply().must_fail("Another xeks_cluster_peering", "xeks_cluster_peering.FIRST.peering_connection_id")
    assert network.left() == before

    root.write(first + reuse(network, connection=f"{ADDRESS}.peering_connection_id", cluster=GREEN))
    root.apply()
    root.assert_empty_plan()


def test_a_connection_that_another_resource_uses_is_not_deleted(workspace, network):
    """In two configurations, so that Terraform does not know the order."""
    owner = workspace(peering(network.workload_vpc))
    owner.apply()
    made = owner.state(ADDRESS)["peering_connection_id"]
    table = network.make_table("cluster")
    user = workspace(
        reuse(network, f'cluster_route_table_ids = ["{table}"]', connection=f'"{made}"', name="team", cluster=CLUSTER)
    )
    user.apply()
    before = traffic(network)

    owner.try_destroy().must_fail(made, "still carries the traffic of xeks_cluster_peering", "delete-tags")
    assert traffic(network) == before

    user.destroy()
    owner.destroy()
    assert network.routes("cluster") == network.routes("workload") == network.rules() == {}
    assert network.connections() == []


def test_a_shared_rule_survives_until_its_last_user_is_destroyed(workspace, network):
    owner = workspace(peering(network.workload_vpc))
    owner.apply()
    made = owner.state(ADDRESS)["peering_connection_id"]
    user = workspace(reuse(network, connection=f'"{made}"', name="team"))
    user.apply()
    assert list(network.rules()) == ["10.30.0.0/16"]

    owner.write(peering(network.workload_vpc, "allow_https = false"))
    owner.apply()
    assert list(network.rules()) == ["10.30.0.0/16"], "the other resource still uses it"
    user.assert_empty_plan()
    user.destroy()
    assert network.rules() == {}
    owner.assert_empty_plan()
