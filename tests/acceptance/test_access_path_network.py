"""The network hops of xeks_access_path without some permissions, and which calls of EC2 they make.

What they say of each broken network is in `setups_network.py`.
"""

import pytest
from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, traces
from network import vpc
from setups import read
from setups_network import NetworkedAccess, sound


@pytest.fixture
def look(cli, aws, tmp_path):
    """`look(network)`: the data source's state, after which nothing has changed in AWS."""

    def read_it(network: NetworkedAccess) -> dict:
        before = aws.dump()
        aws.clear_calls()
        state = read(cli, aws, tmp_path, {"it": sound("it").ask(network)})["it"]
        assert not traces(aws, before)
        return state

    return read_it


def hops(state: dict, status: str) -> dict[str, dict]:
    return {hop["name"]: hop for hop in state["hops"] if hop["status"] == status}


def asked_of_ec2(aws) -> set[tuple[str, str]]:
    return {(call["account"], call["action"]) for call in aws.calls() if call["service"] == "ec2"}


@pytest.mark.parametrize(
    ("account", "action", "hop"),
    [
        ("workload", "DescribeSecurityGroupRules", "egress"),
        ("workload", "DescribeNetworkAcls", "network_acl"),
        ("cluster", "DescribeRouteTables", "route"),
        ("cluster", "DescribeSecurityGroups", "security_group"),
    ],
)
def test_a_missing_permission_makes_its_hop_unknown_and_is_named(look, aws, account, action, hop):
    network = NetworkedAccess(Accounts(aws), "1")
    aws.faults.add("deny", service="ec2", action=action, account=account)

    state = look(network)

    assert (state["allowed"], state["broken"]) == (False, hop)
    (unknown,) = hops(state, "unknown").values()
    assert unknown["name"] == hop and f"ec2:{action}" in unknown["reason"]
    assert unknown["fix"].startswith(f"Grant ec2:{action} to the provider's caller")


def test_hops_beyond_a_transit_gateway_are_external_and_do_not_deny_access(look, aws):
    network = NetworkedAccess(Accounts(aws), "1", peered=False)
    network.admit({"IpRanges": [{"CidrIp": network.here.block}]})
    network.here.route(network.there.block, TransitGatewayId="tgw-0123456789abcdef0")
    for table in (0, 1):
        network.there.route(network.here.block, table, TransitGatewayId="tgw-0123456789abcdef0")

    state = look(network)

    assert state["allowed"] is True
    assert set(hops(state, "external")) == {"route", "peering"}
    assert "tgw-0123456789abcdef0" in hops(state, "external")["peering"]["reason"]


@pytest.mark.parametrize("side", ["workload", "cluster"])
@pytest.mark.parametrize("tagged", [True, False], ids=["another resource's", "by hand"])
def test_a_route_over_a_foreign_connection_is_named_with_its_vpcs_and_its_resource(look, aws, side, tagged):
    network = NetworkedAccess(Accounts(aws), "1")
    site, block = (network.here, network.there.block) if side == "workload" else (network.there, network.here.block)
    other = vpc(aws, "cluster" if side == "workload" else "workload", "10.77.0.0/16")
    made, own = connect(aws, network, other, side), "xeks_cluster_peering:183295435445/ap-south-1/other"
    if tagged:
        site.ec2.create_tags(Resources=[made], Tags=[{"Key": "xeks:resource", "Value": own}])
    site.unroute(block)
    site.route(block, VpcPeeringConnectionId=made)

    state = look(network)

    (route,) = hops(state, "broken").values()
    assert route["name"] == "route" and f"{made} connects " in route["reason"] and other in route["reason"]
    assert f"{network.peering} is the connection between them" in route["reason"]
    attribute = "cluster_cidrs" if side == "workload" else "workload_cidrs"
    if tagged:
        assert own in route["reason"] and route["fix"].startswith(f"Leave {block} out of the {attribute} of {own}")
    else:
        assert "belongs to" not in route["reason"] and network.peering in route["fix"]


def connect(aws, network: NetworkedAccess, other: str, side: str) -> str:
    """A connection of that side's VPC and another one of the other account."""
    here, there = (network.here.vpc, other) if side == "workload" else (other, network.there.vpc)
    asked = network.here.ec2.create_vpc_peering_connection(VpcId=here, PeerVpcId=there, PeerOwnerId=CLUSTER_ACCOUNT)
    made = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    network.wait(made, "pending-acceptance")
    network.there.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made)
    network.wait(made, "active")
    return made


def test_a_public_endpoint_needs_no_reads_in_the_cluster_vpc(look, aws):
    network = NetworkedAccess(Accounts(aws), "1", public=True, peered=False)
    network.by_nat()

    state = look(network)

    assert state["allowed"] is True
    assert asked_of_ec2(aws) == {
        (WORKLOAD_ACCOUNT, action)
        for action in (
            "DescribeSubnets",
            "DescribeRouteTables",
            "DescribeNetworkAcls",
            "DescribeSecurityGroups",
            "DescribeSecurityGroupRules",
            "DescribeNatGateways",
        )
    }
