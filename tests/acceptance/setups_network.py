"""Set-ups for xeks_access_path with a source: from an instance's subnet over the network to a cluster's API server."""

import time
from collections.abc import Callable
from typing import Any

from accounts import CLUSTER_ACCOUNT, Accounts
from manual_access import ManualAccess
from setups import Asked, Setup

HTTPS = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
EVERYWHERE = "0.0.0.0/0"
EPHEMERAL = {"From": 1024, "To": 65535}


class Site:
    """A VPC of one account with subnets and a route table each; `tables` go with `subnets`."""

    def __init__(self, ec2, block: str, subnets: int):
        self.ec2, self.block = ec2, block
        self.vpc = ec2.create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
        self.subnets, self.tables, self.associations = [], [], []
        for number in range(subnets):
            self.add_subnet(number, zone="ab"[number % 2])

    def subnet_block(self, number: int) -> str:
        return self.block.replace(".0.0/16", f".{number}.0/24")

    def add_subnet(self, number: int, zone: str = "a") -> str:
        place = {"VpcId": self.vpc, "AvailabilityZone": f"ap-south-1{zone}"}
        subnet = self.ec2.create_subnet(CidrBlock=self.subnet_block(number), **place)["Subnet"]["SubnetId"]
        table = self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"]
        made = self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        self.subnets.append(subnet)
        self.tables.append(table)
        self.associations.append(made["AssociationId"])
        return subnet

    def route(self, destination: str, table: int = 0, **target: str) -> None:
        self.ec2.create_route(RouteTableId=self.tables[table], DestinationCidrBlock=destination, **target)

    def unroute(self, destination: str, table: int = 0) -> None:
        self.ec2.delete_route(RouteTableId=self.tables[table], DestinationCidrBlock=destination)

    def internet_gateway(self) -> str:
        gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc)
        return gateway

    def acl(self) -> str:
        """The network ACL of the subnets."""
        filters = [{"Name": "vpc-id", "Values": [self.vpc]}]
        return self.ec2.describe_network_acls(Filters=filters)["NetworkAcls"][0]["NetworkAclId"]

    def deny(self, egress: bool, block: str, ports: dict) -> None:
        """Puts a rule before those of the network ACL."""
        entry = {"RuleNumber": 50, "RuleAction": "deny", "Protocol": "6", "CidrBlock": block, "PortRange": ports}
        self.ec2.create_network_acl_entry(NetworkAclId=self.acl(), Egress=egress, **entry)


class NetworkedAccess(ManualAccess):
    """Manual access from an instance in a VPC of its own to a cluster in another one."""

    def __init__(self, accounts: Accounts, key: str, *, public: bool = False, peered: bool = True):
        self.here = Site(accounts.client("workload", "ec2"), "10.40.0.0/16", 1)
        self.there = Site(accounts.client("cluster", "ec2"), "10.41.0.0/16", 2)
        self.make_cluster(accounts, key, public)
        super().__init__(accounts, key, cluster=f"net-{key}")
        ec2 = self.here.ec2
        self.group = ec2.create_security_group(GroupName="app", Description="app", VpcId=self.here.vpc)["GroupId"]
        if peered:
            self.peering = self.peer()
            self.here.route(self.there.block, VpcPeeringConnectionId=self.peering)
            for table in (0, 1):
                self.there.route(self.here.block, table, VpcPeeringConnectionId=self.peering)
            self.admit({"IpRanges": [{"CidrIp": self.here.block}]})

    def make_cluster(self, accounts: Accounts, key: str, public: bool) -> None:
        access = {"endpointPublicAccess": public, "endpointPrivateAccess": not public}
        made = accounts.eks.create_cluster(
            name=f"net-{key}",
            roleArn=f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/prac-eks-abhi-cluster",
            resourcesVpcConfig={"subnetIds": self.there.subnets} | access,
            accessConfig={"authenticationMode": "API"},
        )
        self.cluster_group = made["cluster"]["resourcesVpcConfig"]["clusterSecurityGroupId"]

    def ask_for_peering(self, other_vpc: str | None = None) -> str:
        asked = self.here.ec2.create_vpc_peering_connection(
            VpcId=self.here.vpc, PeerVpcId=other_vpc or self.there.vpc, PeerOwnerId=CLUSTER_ACCOUNT
        )
        made = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self.wait(made, "pending-acceptance")
        return made

    def peer(self, other_vpc: str | None = None) -> str:
        made = self.ask_for_peering(other_vpc)
        self.there.ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=made)
        self.wait(made, "active")
        return made

    def unpeer(self) -> None:
        self.here.ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=self.peering)
        self.wait(self.peering, "deleted")

    def wait(self, peering: str, status: str) -> None:
        deadline = time.monotonic() + 5
        describe = self.here.ec2.describe_vpc_peering_connections
        while describe(VpcPeeringConnectionIds=[peering])["VpcPeeringConnections"][0]["Status"]["Code"] != status:
            assert time.monotonic() < deadline, f"{peering} never becomes {status}"
            time.sleep(0.03)

    def admit(self, source: dict, **permission: Any) -> None:
        """The cluster's security group lets it in."""
        self.there.ec2.authorize_security_group_ingress(
            GroupId=self.cluster_group, IpPermissions=[HTTPS | source | permission]
        )

    def shut_out(self) -> None:
        everyone = [HTTPS | {"IpRanges": [{"CidrIp": self.here.block}]}]
        self.there.ec2.revoke_security_group_ingress(GroupId=self.cluster_group, IpPermissions=everyone)

    def let_out(self, *permissions: dict) -> None:
        """The instance's security group lets out just this."""
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": EVERYWHERE}]}]
        self.here.ec2.revoke_security_group_egress(GroupId=self.group, IpPermissions=everything)
        if permissions:
            self.here.ec2.authorize_security_group_egress(GroupId=self.group, IpPermissions=list(permissions))

    def by_nat(self) -> str:
        """A NAT gateway in a subnet of its own; returns its public address."""
        ec2, here = self.here.ec2, self.here
        public = here.add_subnet(9)
        here.route(EVERYWHERE, table=1, GatewayId=here.internet_gateway())
        address = ec2.allocate_address(Domain="vpc")
        self.nat = ec2.create_nat_gateway(SubnetId=public, AllocationId=address["AllocationId"])["NatGateway"][
            "NatGatewayId"
        ]
        here.route(EVERYWHERE, NatGatewayId=self.nat)
        return address["PublicIp"]

    def admits(self, *blocks: str) -> None:
        """publicAccessCidrs of the cluster."""
        self.accounts.eks.update_cluster_config(
            name=self.cluster, resourcesVpcConfig={"publicAccessCidrs": list(blocks), "endpointPublicAccess": True}
        )
        self.accounts.aws.finish_eks_updates()

    def asks(self) -> dict[str, Any]:
        source = {"vpc_id": self.here.vpc, "subnet_id": self.here.subnets[0], "security_group_ids": [self.group]}
        return super().asks() | {"source": source | self.arguments.pop("source", {})}


def sound(name: str, prepares: Callable = lambda n: None, **more) -> Setup:
    return Setup(
        name,
        lambda accounts, key: NetworkedAccess(accounts, key, **more),
        lambda n: Asked("xeks_access_path", n.asks()),
        prepares,
    )


def broken(
    name: str, *, hop: str, reason: str, breaks: Callable, fix: str = "", status: str = "broken", **more
) -> Setup:
    made = sound(name, breaks, **more)
    return Setup(name, made.make, made.ask, breaks, hop, status, reason, fix)


def by_main_table(n: NetworkedAccess) -> None:
    """The subnet loses its association, the main table gets the route."""
    n.here.ec2.disassociate_route_table(AssociationId=n.here.associations[0])
    filters = [{"Name": "vpc-id", "Values": [n.here.vpc]}, {"Name": "association.main", "Values": ["true"]}]
    n.here.tables[0] = n.here.ec2.describe_route_tables(Filters=filters)["RouteTables"][0]["RouteTableId"]
    n.here.route(n.there.block, VpcPeeringConnectionId=n.peering)


def by_group(n: NetworkedAccess) -> None:
    n.shut_out()
    n.admit({"UserIdGroupPairs": [{"GroupId": n.group, "UserId": "185863138492"}]})


def by_prefix_list(n: NetworkedAccess) -> None:
    made = n.here.ec2.create_managed_prefix_list(
        PrefixListName="clusters", MaxEntries=2, AddressFamily="IPv4", Entries=[{"Cidr": n.there.block}]
    )
    n.let_out(HTTPS | {"PrefixListIds": [{"PrefixListId": made["PrefixList"]["PrefixListId"]}]})


def inside(n: NetworkedAccess) -> None:
    """An instance in the cluster's own VPC, in another subnet."""
    subnet = n.there.add_subnet(7)
    group = n.there.ec2.create_security_group(GroupName="app", Description="app", VpcId=n.there.vpc)["GroupId"]
    n.admit({"IpRanges": [{"CidrIp": n.there.block}]})
    n.arguments["source"] = {"vpc_id": n.there.vpc, "subnet_id": subnet, "security_group_ids": [group]}


def elsewhere(n: NetworkedAccess) -> None:
    """The route leads over a connection to a third VPC."""
    third = n.there.ec2.create_vpc(CidrBlock="172.20.0.0/16")["Vpc"]["VpcId"]
    n.here.unroute(n.there.block)
    n.here.route(n.there.block, VpcPeeringConnectionId=n.peer(third))


def waiting(n: NetworkedAccess) -> None:
    """The connection was deleted, and another one requested, which is not accepted."""
    n.unpeer()
    n.here.unroute(n.there.block)
    made = n.ask_for_peering()
    n.here.route(n.there.block, VpcPeeringConnectionId=made)
    for table in (0, 1):
        n.there.unroute(n.here.block, table)
        n.there.route(n.here.block, table, VpcPeeringConnectionId=made)


def another_vpcs_group(n: NetworkedAccess) -> None:
    other = n.here.ec2.create_vpc(CidrBlock="172.21.0.0/16")["Vpc"]["VpcId"]
    group = n.here.ec2.create_security_group(GroupName="app", Description="app", VpcId=other)["GroupId"]
    n.arguments["source"] = {"security_group_ids": [group]}


def one_subnet_only(n: NetworkedAccess) -> None:
    n.here.unroute(n.there.block)
    n.here.route(n.there.subnet_block(0), VpcPeeringConnectionId=n.peering)


def without_nat(n: NetworkedAccess) -> None:
    n.by_nat()
    n.here.ec2.delete_nat_gateway(NatGatewayId=n.nat)


def nat_of_another_address(n: NetworkedAccess) -> None:
    n.by_nat()
    n.admits("203.0.113.0/24")


BROKEN = [
    broken(
        "The instance's security group lets out port 80 only",
        hop="egress",
        reason="No outbound rule of sg-",
        breaks=lambda n: n.let_out(HTTPS | {"FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": EVERYWHERE}]}),
        fix="Add an outbound rule for TCP 443",
    ),
    broken(
        "The instance's security group lets out HTTPS to its own VPC only",
        hop="egress",
        reason="No outbound rule of sg-",
        breaks=lambda n: n.let_out(HTTPS | {"IpRanges": [{"CidrIp": n.here.block}]}),
    ),
    broken("The security group is one of another VPC", hop="egress", reason="not to vpc-", breaks=another_vpcs_group),
    broken(
        "The subnet does not exist",
        hop="network_acl",
        reason="No subnet subnet-",
        breaks=lambda n: n.arguments.update(source={"subnet_id": "subnet-0123456789abcdef0"}),
        fix="source.subnet_id",
    ),
    broken(
        "The source's network ACL denies HTTPS out",
        hop="network_acl",
        reason="denies outbound TCP 443",
        breaks=lambda n: n.here.deny(True, n.there.block, {"From": 443, "To": 443}),
        fix="with a number below 50",
    ),
    broken(
        "The source's network ACL lets no answers in",
        hop="network_acl",
        reason="denies inbound TCP 1024-65535",
        breaks=lambda n: n.here.deny(False, EVERYWHERE, EPHEMERAL),
    ),
    broken(
        "The cluster's network ACL denies HTTPS in",
        hop="network_acl",
        reason="denies inbound TCP 443",
        breaks=lambda n: n.there.deny(False, n.here.block, {"From": 443, "To": 443}),
    ),
    broken(
        "The cluster's network ACL lets no answers out",
        hop="network_acl",
        reason="denies outbound TCP 1024-65535",
        breaks=lambda n: n.there.deny(True, n.here.block, EPHEMERAL),
    ),
    broken(
        "The cluster's network ACL lets only some answers out",
        hop="network_acl",
        reason="allows only a part of outbound TCP 1024-65535",
        breaks=lambda n: n.there.deny(True, n.here.block, {"From": 1024, "To": 32767}),
        status="unknown",
    ),
    broken(
        "The source's table has no route to the cluster's VPC",
        hop="route",
        reason="does not route to",
        breaks=lambda n: n.here.unroute(n.there.block),
        fix="xeks_cluster_peering",
    ),
    broken(
        "The source's table leads to one of the cluster's subnets only",
        hop="route",
        reason="it has no matching route",
        breaks=one_subnet_only,
    ),
    broken(
        "One table of the cluster has no way back",
        hop="route",
        reason="does not route to",
        breaks=lambda n: n.there.unroute(n.here.block, table=1),
    ),
    broken(
        "A more specific route leads to the internet",
        hop="route",
        reason="has the target igw-",
        breaks=lambda n: n.here.route(n.there.subnet_block(1), GatewayId=n.here.internet_gateway()),
        fix="to pcx-",
    ),
    broken(
        "The route leads over another peering connection",
        hop="route",
        reason="which is not a peering connection between",
        breaks=elsewhere,
    ),
    broken(
        "The peering connection is not accepted",
        hop="peering",
        reason="is pending-acceptance",
        breaks=waiting,
        fix="Accept pcx-",
    ),
    broken(
        "The peering connection is deleted, its routes are left",
        hop="peering",
        reason="is deleted",
        breaks=lambda n: n.unpeer(),
    ),
    broken(
        "The VPCs were never joined",
        hop="route",
        reason="it has no matching route",
        breaks=lambda n: n.admit({"IpRanges": [{"CidrIp": n.here.block}]}),
        fix="Connect the two VPCs",
        peered=False,
    ),
    broken(
        "The cluster's security group allows no traffic from the source",
        hop="security_group",
        reason="No inbound rule of sg-",
        breaks=lambda n: n.shut_out(),
        fix="Add an inbound rule for TCP 443",
    ),
    broken(
        "The cluster's security group lets in one address of the source's subnet",
        hop="security_group",
        reason="only from a part of",
        breaks=lambda n: (
            n.shut_out(),
            n.admit({"IpRanges": [{"CidrIp": n.here.block.replace(".0.0/16", ".0.7/32")}]}),
        ),
        status="unknown",
    ),
    broken(
        "The endpoint is public, and the subnet has no way to the internet",
        hop="route",
        reason="does not route to the internet",
        breaks=lambda n: None,
        fix="private only",
        public=True,
    ),
    broken(
        "The endpoint is public, and the NAT gateway is deleted",
        hop="route",
        reason="is a blackhole",
        breaks=without_nat,
        public=True,
    ),
    broken(
        "publicAccessCidrs leaves the NAT gateway's address out",
        hop="endpoint",
        reason="does not allow",
        breaks=nat_of_another_address,
        fix="publicAccessCidrs",
        public=True,
    ),
]

SOUND = [
    sound("Peered VPCs, the endpoint private only"),
    sound("Peered VPCs, the source's subnet on the main route table", by_main_table),
    sound("Peered VPCs, the cluster's security group names the instance's", by_group),
    sound("Peered VPCs, the way out by a prefix list", by_prefix_list),
    sound("Inside the cluster's VPC", inside),
    sound("A public endpoint behind a NAT gateway", lambda n: n.by_nat(), public=True),
    sound(
        "A public endpoint that admits the NAT gateway's address", lambda n: n.admits(f"{n.by_nat()}/32"), public=True
    ),
]
