"""What EC2's calls need. "Reference" is the Service Authorization Reference, its page on Amazon EC2; "guide" is the VPC
peering guide, Identity and access management for VPC peering."""

import pytest
from permitted import allow, limited_to
from refusals import refused

CLUSTER, WORKLOAD, REGION = "183295435445", "185863138492", "ap-south-1"


@pytest.fixture
def root(aws):
    return aws.client("workload", "ec2")


@pytest.fixture
def limited(aws):
    return limited_to(aws, "ec2")


def arn(kind, name, account=WORKLOAD):
    return f"arn:aws:ec2:{REGION}:{account}:{kind}/{name}"


def test_asking_for_a_peering_takes_ones_own_vpc_and_the_connection(aws, root, limited):
    """Guide, example: create a VPC peering connection; conditions ec2:RequesterVpc and ec2:AccepterVpc."""
    mine = root.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    theirs = aws.client("cluster", "ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    on_vpc = allow("ec2:CreateVpcPeeringConnection", arn("vpc", mine))
    peers = {"ec2:AccepterVpc": arn("vpc", theirs, CLUSTER)}
    on_peering = allow("ec2:CreateVpcPeeringConnection", arn("vpc-peering-connection", "*"), ArnEquals=peers)
    tags = {"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "a", "Value": "b"}]}
    request = {"VpcId": mine, "PeerVpcId": theirs, "PeerOwnerId": CLUSTER}
    with refused("UnauthorizedOperation", "ec2:CreateVpcPeeringConnection", 403):
        limited(on_vpc).create_vpc_peering_connection(**request)
    with refused("UnauthorizedOperation", f"ec2:CreateVpcPeeringConnection on resource: {arn('vpc', mine)}", 403):
        limited(on_peering).create_vpc_peering_connection(**request)
    ec2 = limited(on_vpc, on_peering)
    with refused("UnauthorizedOperation", "ec2:CreateTags", 403):
        ec2.create_vpc_peering_connection(**request, TagSpecifications=[tags])
    with refused("UnauthorizedOperation"):
        ec2.create_vpc_peering_connection(**request | {"PeerVpcId": "vpc-0123456789abcdef0"})
    made = ec2.create_vpc_peering_connection(**request)
    assert made["VpcPeeringConnection"]["RequesterVpcInfo"]["VpcId"] == mine


def test_tags_on_create_know_the_creating_call(aws, root, limited):
    """EC2 user guide, Grant permission to tag resources during creation: ec2:CreateAction."""
    mine = root.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    theirs = aws.client("cluster", "ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ec2 = limited(
        allow("ec2:CreateVpcPeeringConnection"),
        allow("ec2:CreateTags", StringEquals={"ec2:CreateAction": "CreateVpcPeeringConnection"}),
    )
    tags = {"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "a", "Value": "b"}]}
    made = ec2.create_vpc_peering_connection(
        VpcId=mine, PeerVpcId=theirs, PeerOwnerId=CLUSTER, TagSpecifications=[tags]
    )
    with refused("UnauthorizedOperation", "ec2:CreateTags"):
        ec2.create_tags(
            Resources=[made["VpcPeeringConnection"]["VpcPeeringConnectionId"]], Tags=[{"Key": "a", "Value": "c"}]
        )


def test_routes_take_the_table_and_rules_the_group(root, limited):
    """Reference: CreateRoute takes route-table, AuthorizeSecurityGroupIngress security-group, each with aws:ResourceTag
    and ec2:Vpc."""
    vpc = root.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    table = root.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    group = root.create_security_group(GroupName="own", Description="own", VpcId=vpc)["GroupId"]
    gateway = root.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "10.9.0.0/16", "GatewayId": gateway}
    rule = {"GroupId": group, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "10.9.0.0/16"}
    tagged = {"StringEquals": {"aws:ResourceTag/a": "b"}}
    ec2 = limited(
        allow("ec2:CreateRoute", arn("route-table", "*"), **tagged),
        allow(
            "ec2:AuthorizeSecurityGroupIngress", arn("security-group", group), ArnEquals={"ec2:Vpc": arn("vpc", vpc)}
        ),
    )
    with refused("UnauthorizedOperation", f"ec2:CreateRoute on resource: {arn('route-table', table)}"):
        ec2.create_route(**route)
    root.create_tags(Resources=[table], Tags=[{"Key": "a", "Value": "b"}])
    ec2.create_route(**route)
    ec2.authorize_security_group_ingress(**rule)
    with refused("UnauthorizedOperation", "ec2:RevokeSecurityGroupIngress"):
        ec2.revoke_security_group_ingress(**rule)


def test_describing_takes_no_resource(limited):
    """Reference: Describe actions have no resource types, so the policy must say `*`."""
    with refused("UnauthorizedOperation", "ec2:DescribeVpcs"):
        limited(allow("ec2:DescribeVpcs", arn("vpc", "*"))).describe_vpcs()
    limited(allow("ec2:DescribeVpcs")).describe_vpcs()


@pytest.fixture
def peering(aws, root):
    """A peering connection of the workload account's VPC with the cluster account's, and both VPCs' ARNs as keys."""
    mine = root.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    theirs = aws.client("cluster", "ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    made = root.create_vpc_peering_connection(VpcId=mine, PeerVpcId=theirs, PeerOwnerId=CLUSTER)
    ends = {"ec2:RequesterVpc": arn("vpc", mine), "ec2:AccepterVpc": arn("vpc", theirs, CLUSTER)}
    return made["VpcPeeringConnection"]["VpcPeeringConnectionId"], ends


def test_removing_tags_of_a_peering_does_not_carry_its_vpcs(limited, peering):
    """Reference, CreateTags on vpc-peering-connection: ec2:AccepterVpc and ec2:RequesterVpc; DeleteTags: neither, so a
    condition on them is never met."""
    identified, ends = peering
    both = ["ec2:CreateTags", "ec2:DeleteTags"]
    ec2 = limited(allow(both, arn("vpc-peering-connection", "*"), ArnLike=ends))
    ec2.create_tags(Resources=[identified], Tags=[{"Key": "a", "Value": "b"}])
    on_peering = f"ec2:DeleteTags on resource: {arn('vpc-peering-connection', identified)}"
    with refused("UnauthorizedOperation", on_peering, 403):
        ec2.delete_tags(Resources=[identified], Tags=[{"Key": "a"}])
    tagged = {"StringEquals": {"aws:ResourceTag/a": "b"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}
    limited(allow(both, arn("vpc-peering-connection", "*"), **tagged)).delete_tags(
        Resources=[identified], Tags=[{"Key": "a"}]
    )


def test_a_rule_that_is_made_with_tags_is_authorized_too(limited, root, vpc):
    """Reference, AuthorizeSecurityGroupIngress: "Policies using the security-group-rule resource-level permission are
    only enforced when the API request includes TagSpecifications"; of that type it carries aws:RequestTag and
    aws:TagKeys, not ec2:Vpc."""
    group = root.create_security_group(GroupName="own", Description="own", VpcId=vpc)["GroupId"]
    in_vpc, action = {"ArnEquals": {"ec2:Vpc": arn("vpc", vpc)}}, "ec2:AuthorizeSecurityGroupIngress"
    on_group = allow(action, arn("security-group", group), **in_vpc)
    tagging = allow("ec2:CreateTags", arn("security-group-rule", "*"))
    rule = {"GroupId": group, "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    tags = [{"ResourceType": "security-group-rule", "Tags": [{"Key": "a", "Value": "b"}]}]
    limited(on_group).authorize_security_group_ingress(**rule, CidrIp="10.1.0.0/16")
    tagged = {**rule, "CidrIp": "10.2.0.0/16", "TagSpecifications": tags}
    on_rule = arn("security-group-rule", "*")
    for more in ([], [allow(action, on_rule, **in_vpc)]):
        with refused("UnauthorizedOperation", f"{action} on resource: {on_rule}", 403):
            limited(on_group, tagging, *more).authorize_security_group_ingress(**tagged)
    requested = {"StringEquals": {"aws:RequestTag/a": "b"}, "ForAllValues:StringEquals": {"aws:TagKeys": ["a"]}}
    limited(on_group, tagging, allow(action, on_rule, **requested)).authorize_security_group_ingress(**tagged)


def test_what_is_made_is_authorized_by_its_own_type(limited, root):
    """Reference: CreateSubnet takes the subnet, which carries aws:RequestTag, and the VPC, which carries ec2:VpcID."""
    vpc = root.create_vpc(CidrBlock="10.3.0.0/16")["Vpc"]["VpcId"]
    subnet = {"VpcId": vpc, "CidrBlock": "10.3.0.0/24"}
    on_vpc = allow("ec2:CreateSubnet", arn("vpc", "*"), StringEquals={"ec2:VpcID": vpc})
    with refused("UnauthorizedOperation", f"ec2:CreateSubnet on resource: {arn('subnet', '*')}", 403):
        limited(on_vpc).create_subnet(**subnet)
    limited(on_vpc, allow("ec2:CreateSubnet", arn("subnet", "*"))).create_subnet(**subnet)
