"""Network ACLs, NAT gateways and prefix lists. "API reference" is the EC2 API reference."""

import pytest
from refusals import refused


@pytest.fixture
def subnet(ec2, vpc):
    return ec2.create_subnet(VpcId=vpc, CidrBlock="10.2.0.0/24")["Subnet"]["SubnetId"]


def acl_of(ec2, subnet):
    found = ec2.describe_network_acls(Filters=[{"Name": "association.subnet-id", "Values": [subnet]}])["NetworkAcls"]
    assert len(found) == 1
    return found[0]


def entry(acl, number, **more):
    given = {"NetworkAclId": acl, "RuleNumber": number, "Protocol": "6", "RuleAction": "deny", "Egress": True}
    return given | {"CidrBlock": "0.0.0.0/0", "PortRange": {"From": 443, "To": 443}} | more


def test_a_subnet_begins_with_the_default_acl_which_allows_all(ec2, vpc, subnet):
    """VPC user guide, Default network ACL."""
    acl = acl_of(ec2, subnet)
    assert acl["IsDefault"] and acl["VpcId"] == vpc
    rules = [(each["Egress"], each["RuleNumber"], each["RuleAction"]) for each in acl["Entries"]]
    assert sorted(rules) == [
        (egress, number, action) for egress in (False, True) for number, action in ((100, "allow"), (32767, "deny"))
    ]


def test_a_subnet_is_moved_to_another_acl_and_back(ec2, vpc, subnet):
    """API reference, ReplaceNetworkAclAssociation."""
    first = acl_of(ec2, subnet)
    own = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]
    assert [each["RuleAction"] for each in own["Entries"]] == ["deny", "deny"]
    moved = ec2.replace_network_acl_association(
        AssociationId=first["Associations"][0]["NetworkAclAssociationId"], NetworkAclId=own["NetworkAclId"]
    )
    assert acl_of(ec2, subnet)["NetworkAclId"] == own["NetworkAclId"]
    with refused("DependencyViolation"):
        ec2.delete_network_acl(NetworkAclId=own["NetworkAclId"])
    ec2.replace_network_acl_association(AssociationId=moved["NewAssociationId"], NetworkAclId=first["NetworkAclId"])
    assert acl_of(ec2, subnet)["NetworkAclId"] == first["NetworkAclId"]
    ec2.delete_network_acl(NetworkAclId=own["NetworkAclId"])
    with refused("InvalidAssociationID.NotFound"):
        ec2.replace_network_acl_association(AssociationId="aclassoc-0", NetworkAclId=first["NetworkAclId"])


def test_entries_are_described_with_their_ports(ec2, subnet):
    """API reference, CreateNetworkAclEntry, ReplaceNetworkAclEntry, DeleteNetworkAclEntry."""
    acl = acl_of(ec2, subnet)["NetworkAclId"]
    ec2.create_network_acl_entry(**entry(acl, 50))
    found = next(each for each in acl_of(ec2, subnet)["Entries"] if each["RuleNumber"] == 50)
    assert found == {
        "RuleNumber": 50,
        "Protocol": "6",
        "RuleAction": "deny",
        "Egress": True,
        "CidrBlock": "0.0.0.0/0",
        "PortRange": {"From": 443, "To": 443},
    }
    with refused("NetworkAclEntryAlreadyExists"):
        ec2.create_network_acl_entry(**entry(acl, 50))
    ec2.replace_network_acl_entry(**entry(acl, 50, RuleAction="allow"))
    assert acl_of(ec2, subnet)["Entries"][-1]["RuleAction"] == "allow"
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=50, Egress=True)
    with refused("InvalidNetworkAclEntry.NotFound"):
        ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=50, Egress=True)
    with refused("MissingParameter"):
        ec2.create_network_acl_entry(
            NetworkAclId=acl, RuleNumber=51, Protocol="6", RuleAction="deny", Egress=True, CidrBlock="0.0.0.0/0"
        )


def test_a_nat_gateway_has_its_public_address_and_leaves_a_blackhole(ec2, vpc, subnet):
    """API reference, NatGatewayAddress; VPC user guide, Delete a NAT gateway."""
    address = ec2.allocate_address(Domain="vpc")
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address["AllocationId"])["NatGateway"]
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=made["NatGatewayId"])

    found = ec2.describe_nat_gateways(Filters=[{"Name": "nat-gateway-id", "Values": [made["NatGatewayId"]]}])
    assert found["NatGateways"][0]["NatGatewayAddresses"][0]["PublicIp"] == address["PublicIp"]

    def state():
        routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return next(route["State"] for route in routes if "NatGatewayId" in route)

    assert state() == "active"
    ec2.delete_nat_gateway(NatGatewayId=made["NatGatewayId"])
    assert state() == "blackhole"
    with refused("MissingParameter"):
        ec2.create_nat_gateway(SubnetId=subnet)


def test_a_prefix_list_is_read_by_a_permission_on_it(aws, ec2):
    """Service Authorization Reference, Amazon EC2: GetManagedPrefixListEntries takes prefix-list."""
    made = ec2.create_managed_prefix_list(
        PrefixListName="own", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": "10.9.0.0/16"}]
    )["PrefixList"]["PrefixListId"]
    entries = aws.client("workload", "ec2", "runner").get_managed_prefix_list_entries(PrefixListId=made)["Entries"]
    assert [each["Cidr"] for each in entries] == ["10.9.0.0/16"]
