"""Both VPCs of the story as they are: peering connections, routes, rules of the cluster security group, as root.

Knows EC2 of the emulated AWS. Knows nothing of the CLI's commands or the provider.
"""

import time

from accounts import CLUSTER_ACCOUNT, LIVE_PEERINGS, without_gone
from aws_emulator.client import Aws

HOME = "ap-south-1"


class Network:
    """The cluster's VPC and one of the workload account, the story's by default."""

    def __init__(self, aws: Aws, workload_vpc: str | None = None, region: str = HOME):
        self.aws, self.region = aws, region
        self.story = aws.story()
        self.cluster_vpc = self.story["cluster_vpc_id"]
        self.workload_vpc = workload_vpc or self.story["workload_vpc_id"]
        self.group = self.story["cluster_security_group_id"]

    def ec2(self, account: str):
        return self.aws.client(account, "ec2", region=self.region if account == "workload" else HOME)

    def vpc(self, account: str) -> str:
        return self.cluster_vpc if account == "cluster" else self.workload_vpc

    def tables(self, account: str) -> list[dict]:
        filters = [{"Name": "vpc-id", "Values": [self.vpc(account)]}]
        return self.ec2(account).describe_route_tables(Filters=filters)["RouteTables"]

    def routes(self, account: str) -> dict[str, str]:
        """TABLE/BLOCK → target, without local routes."""
        found = {}
        for table in self.tables(account):
            for route in table["Routes"]:
                block = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock")
                if route.get("GatewayId") != "local":
                    target = next(v for k, v in route.items() if k.endswith("Id"))
                    found[f"{table['RouteTableId']}/{block}"] = target
        return found

    def connections(self) -> list[dict]:
        """The live ones, as the workload account sees them."""
        listed = self.ec2("workload").describe_vpc_peering_connections()["VpcPeeringConnections"]
        return [each for each in listed if each["Status"]["Code"] in LIVE_PEERINGS]

    def rules(self) -> dict[str, dict]:
        """BLOCK → rule, of what the cluster security group lets in on 443."""
        filters = [{"Name": "group-id", "Values": [self.group]}]
        listed = self.ec2("cluster").describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
        return {
            rule.get("CidrIpv4") or rule.get("CidrIpv6"): rule
            for rule in listed
            if not rule["IsEgress"] and rule["FromPort"] == 443
        }

    def left(self) -> dict:
        """All objects of all accounts, without connections that are gone: AWS shows those for some hours."""
        for account in ("cluster", "workload"):
            # The emulator assigns ids to rules when they are first described.
            self.ec2(account).describe_security_group_rules()
        return without_gone(self.aws.dump())

    def request(self) -> str:
        """A foreign connection, requested by the workload account: without tags, pending acceptance."""
        asked = self.ec2("workload").create_vpc_peering_connection(
            VpcId=self.workload_vpc, PeerVpcId=self.cluster_vpc, PeerOwnerId=CLUSTER_ACCOUNT, PeerRegion=HOME
        )
        made = asked["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        self.wait(made, "pending-acceptance")
        return made

    def connect(self) -> str:
        """The same, accepted."""
        made = self.request()
        self.ec2("cluster").accept_vpc_peering_connection(VpcPeeringConnectionId=made)
        self.wait(made, "active")
        return made

    def delete(self, connection: str) -> None:
        self.ec2("workload").delete_vpc_peering_connection(VpcPeeringConnectionId=connection)
        self.wait(connection, "deleted")

    def seen(self, account: str, connection: str) -> dict:
        describe = self.ec2(account).describe_vpc_peering_connections
        return describe(VpcPeeringConnectionIds=[connection])["VpcPeeringConnections"][0]

    def wait(self, connection: str, status: str) -> None:
        deadline = time.monotonic() + 5
        while self.seen("workload", connection)["Status"]["Code"] != status:
            assert time.monotonic() < deadline, self.seen("workload", connection)["Status"]
            time.sleep(0.03)

    def dns(self, connection: str) -> dict[str, bool]:
        """Account → whether its VPC's host names resolve to private addresses from the other one."""
        found = {}
        for account in ("cluster", "workload"):
            seen = self.seen(account, connection)
            sides = (seen["RequesterVpcInfo"], seen["AccepterVpcInfo"])
            own = next(side for side in sides if side["VpcId"] == self.vpc(account))
            found[account] = own["PeeringOptions"]["AllowDnsResolutionFromRemoteVpc"]
        return found

    def make_table(self, account: str) -> str:
        return self.ec2(account).create_route_table(VpcId=self.vpc(account))["RouteTable"]["RouteTableId"]

    def add_block(self, account: str, block: str | None = None) -> str:
        """Adds an IPv4 block to the VPC, or the IPv6 one that AWS assigns; returns the id of its association."""
        how = {"CidrBlock": block} if block else {"AmazonProvidedIpv6CidrBlock": True}
        answer = self.ec2(account).associate_vpc_cidr_block(VpcId=self.vpc(account), **how)
        return (answer.get("CidrBlockAssociation") or answer["Ipv6CidrBlockAssociation"])["AssociationId"]

    def route_to_internet_gateway(self, account: str, block: str) -> str:
        """Routes a block of the other VPC to an internet gateway; returns the id of the route table."""
        ec2 = self.ec2(account)
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=self.vpc(account))
        tables = [t for t in self.tables(account) if any("SubnetId" in each for each in t["Associations"])]
        table = tables[0]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock=block, GatewayId=gateway)
        return table

    def blocks(self, account: str) -> list[str]:
        vpc = self.ec2(account).describe_vpcs(VpcIds=[self.vpc(account)])["Vpcs"][0]
        return [each["CidrBlock"] for each in vpc["CidrBlockAssociationSet"]] + [
            each["Ipv6CidrBlock"] for each in vpc.get("Ipv6CidrBlockAssociationSet", [])
        ]


def vpc(aws: Aws, account: str, block: str, region: str = HOME) -> str:
    return aws.client(account, "ec2", region=region).create_vpc(CidrBlock=block)["Vpc"]["VpcId"]
