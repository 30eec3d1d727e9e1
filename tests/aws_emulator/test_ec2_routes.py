"""VPCs' blocks, route tables and routes. "API reference" is the EC2 API reference."""

import time

import pytest
from refusals import refused

CLUSTER = "183295435445"


@pytest.fixture
def table(ec2, vpc):
    return ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]


@pytest.fixture
def other_vpc(aws):
    return aws.client("cluster", "ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture
def peering(ec2, vpc, other_vpc):
    """Pending: it is accepted only by a test."""
    answer = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other_vpc, PeerOwnerId=CLUSTER)
    return answer["VpcPeeringConnection"]["VpcPeeringConnectionId"]


def settle():
    time.sleep(0.2)


def routes(ec2, table):
    answer = ec2.describe_route_tables(RouteTableIds=[table])
    found = answer["RouteTables"][0]["Routes"]
    return {route.get("DestinationCidrBlock") or route["DestinationIpv6CidrBlock"]: route for route in found}


def test_a_vpc_shows_all_its_blocks_and_every_table_has_local_routes_to_them(ec2, vpc, table):
    """API reference, Vpc (cidrBlockAssociationSet, ipv6CidrBlockAssociationSet); VPC user guide, Route tables."""
    ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="100.64.0.0/16")
    ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)
    shown = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]
    assert [each["CidrBlock"] for each in shown["CidrBlockAssociationSet"]] == ["10.2.0.0/16", "100.64.0.0/16"]
    assert {each["CidrBlockState"]["State"] for each in shown["CidrBlockAssociationSet"]} == {"associated"}
    ipv6 = shown["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    assert ipv6.endswith("/56")
    assert {block for block, route in routes(ec2, table).items() if route["GatewayId"] == "local"} == {
        "10.2.0.0/16",
        "100.64.0.0/16",
        ipv6,
    }
    with refused("InvalidVpc.Range"):
        ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.2.128.0/24")
    ec2.disassociate_vpc_cidr_block(AssociationId=shown["CidrBlockAssociationSet"][1]["AssociationId"])
    assert "100.64.0.0/16" not in routes(ec2, table)


def test_a_missing_object_is_named(ec2, vpc):
    """EC2 error codes: InvalidVpcID.NotFound, InvalidRouteTableID.NotFound, InvalidVpcPeeringConnectionID.NotFound."""
    with refused("InvalidVpcID.NotFound", "vpc-0123456789abcdef0", 400):
        ec2.describe_vpcs(VpcIds=["vpc-0123456789abcdef0"])
    with refused("InvalidRouteTableID.NotFound", "rtb-0123456789abcdef0", 400):
        ec2.describe_route_tables(RouteTableIds=["rtb-0123456789abcdef0"])
    with refused("InvalidVpcPeeringConnectionID.NotFound", "pcx-0123456789abcdef0", 400):
        ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=["pcx-0123456789abcdef0"])


def test_a_route_over_a_peering_is_a_blackhole_until_it_is_active_and_after_it_is_deleted(aws, ec2, table, peering):
    """VPC peering guide, Update your route tables: a route may be made while the connection is pending; its state is
    blackhole until the connection is active. Deleting the connection leaves blackhole routes behind."""
    settle()
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering)
    route = routes(ec2, table)["10.1.0.0/16"]
    assert route["VpcPeeringConnectionId"] == peering and "GatewayId" not in route
    assert (route["State"], route["Origin"]) == ("blackhole", "CreateRoute")
    aws.client("cluster", "ec2").accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    settle()
    assert routes(ec2, table)["10.1.0.0/16"]["State"] == "active"
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    settle()
    assert routes(ec2, table)["10.1.0.0/16"]["State"] == "blackhole"
    with refused("InvalidVpcPeeringConnectionID.NotFound", peering):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.9.0.0/16", VpcPeeringConnectionId=peering)


def test_an_existing_route_is_not_overwritten(ec2, vpc, table, peering):
    """EC2 error codes: RouteAlreadyExists. The very same route again is no error."""
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", GatewayId=gateway)
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", GatewayId=gateway)
    with refused("RouteAlreadyExists", "The route identified by 10.1.0.0/16 already exists.", 400):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering)
    assert routes(ec2, table)["10.1.0.0/16"]["GatewayId"] == gateway


def test_replacing_a_route_changes_its_target(ec2, table, peering):
    """API reference, ReplaceRoute; for a route that is not there InvalidParameterValue, "Use CreateRoute instead"."""
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", GatewayId=gateway)
    ec2.replace_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering)
    route = routes(ec2, table)["10.1.0.0/16"]
    assert route["VpcPeeringConnectionId"] == peering and "GatewayId" not in route
    with refused("InvalidParameterValue", "Use CreateRoute instead", 400):
        ec2.replace_route(RouteTableId=table, DestinationCidrBlock="10.8.0.0/16", VpcPeeringConnectionId=peering)


def test_a_route_is_deleted_once_and_the_local_one_never(ec2, table, peering):
    """EC2 error codes: InvalidRoute.NotFound; VPC user guide, Route tables: the local route stays."""
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering)
    ec2.delete_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16")
    with refused("InvalidRoute.NotFound", "no route with destination-cidr-block 10.1.0.0/16", 400):
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16")
    with refused("InvalidParameterValue", "cannot remove local route"):
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock="10.2.0.0/16")


def test_ipv6_routes_and_canonical_blocks(ec2, table, peering):
    """API reference, CreateRoute: "if you specify 100.68.0.18/18, we modify it to 100.68.0.0/18"."""
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.2.3/16", VpcPeeringConnectionId=peering)
    ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="2001:DB8:0::/56", VpcPeeringConnectionId=peering)
    assert {"10.1.0.0/16", "2001:db8::/56"} <= set(routes(ec2, table))
    ec2.delete_route(RouteTableId=table, DestinationIpv6CidrBlock="2001:db8::/56")
    assert "2001:db8::/56" not in routes(ec2, table)
    with refused("InvalidParameterValue", "is not a valid CIDR block"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0", VpcPeeringConnectionId=peering)


def test_a_route_into_the_block_of_the_vpc_or_over_a_foreign_peering_is_refused(aws, ec2, table, peering):
    """The refusals that users meet: "equal to or more specific than one of this VPC's CIDR blocks" and "belong to
    different networks"."""
    with refused("InvalidParameterValue", "equal to or more specific than one of this VPC's CIDR blocks"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.2.1.0/24", VpcPeeringConnectionId=peering)
    foreign = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    theirs = ec2.create_route_table(VpcId=foreign)["RouteTable"]["RouteTableId"]
    with refused("InvalidParameterValue", "belong to different networks"):
        ec2.create_route(RouteTableId=theirs, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering)


def test_a_subnet_without_an_association_is_served_by_the_main_table(ec2, vpc, table):
    """VPC user guide, Route tables: "If you don't explicitly associate a subnet with a route table, the subnet is
    implicitly associated with the main route table", which a filter by association.subnet-id misses."""
    place = {"VpcId": vpc, "AvailabilityZone": "ap-south-1a"}
    explicit = ec2.create_subnet(CidrBlock="10.2.0.0/24", **place)["Subnet"]["SubnetId"]
    implicit = ec2.create_subnet(CidrBlock="10.2.1.0/24", **place)["Subnet"]["SubnetId"]
    ec2.associate_route_table(RouteTableId=table, SubnetId=explicit)

    def tables(name, value):
        answer = ec2.describe_route_tables(
            Filters=[{"Name": name, "Values": [value]}, {"Name": "vpc-id", "Values": [vpc]}]
        )
        return [found["RouteTableId"] for found in answer["RouteTables"]]

    assert tables("association.subnet-id", explicit) == [table]
    assert tables("association.subnet-id", implicit) == []
    main = tables("association.main", "true")
    assert len(main) == 1 and main != [table]
    for identified in (table, main[0]):
        with refused("DependencyViolation", identified, 400):
            ec2.delete_route_table(RouteTableId=identified)
    with refused("Resource.AlreadyAssociated"):
        ec2.associate_route_table(RouteTableId=main[0], SubnetId=explicit)


def test_routes_are_found_by_peering_and_in_pages(ec2, vpc, table, peering):
    """API reference, DescribeRouteTables: Filters, MaxResults, NextToken."""
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering)
    by_peering = [{"Name": "route.vpc-peering-connection-id", "Values": [peering]}]
    assert [found["RouteTableId"] for found in ec2.describe_route_tables(Filters=by_peering)["RouteTables"]] == [table]
    for _ in range(6):
        ec2.create_route_table(VpcId=vpc)
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    pages = ec2.get_paginator("describe_route_tables").paginate(Filters=of_vpc, PaginationConfig={"PageSize": 5})
    assert [len(page["RouteTables"]) for page in pages] == [5, 3]


def test_a_dry_run_changes_nothing(ec2, table, peering):
    """API reference, common parameter DryRun: DryRunOperation when the permissions suffice."""
    with refused("DryRunOperation", status=412):
        ec2.create_route(
            RouteTableId=table, DestinationCidrBlock="10.1.0.0/16", VpcPeeringConnectionId=peering, DryRun=True
        )
    assert "10.1.0.0/16" not in routes(ec2, table)
