"""The two AWS accounts as their administrators see them, and what a run makes there before the provider runs.

Knows boto3. Knows nothing of the provider or the CLI.
"""

import ipaddress
import json
import secrets
import time
from collections.abc import Callable, Iterable

import boto3
from botocore.exceptions import ClientError

#: On every object of a run that can have tags; the value is the run's prefix.
TAG = "xeks-smoke"
#: What IAM, STS, EKS and EC2 answer while a role or its policy is not in effect yet.
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "InvalidClientTokenId"}


class Side:
    """One account, signed in to as its administrator."""

    def __init__(self, name: str, profile: str | None, region: str):
        self.name, self.profile, self.region = name, profile, region
        self._session = boto3.Session(profile_name=profile, region_name=region)
        identity = self._session.client("sts").get_caller_identity()
        self.id, self.caller = identity["Account"], identity["Arn"]
        self.partition = self.caller.split(":")[1]
        self.iam, self.ec2, self.eks, self.sts = map(self._session.client, ("iam", "ec2", "eks", "sts"))

    def as_role(self, service: str, role: dict[str, str]):
        """A client with a session of the role."""
        names = {"RoleArn": role["role_arn"], "ExternalId": role["external_id"], "RoleSessionName": TAG}
        key = self.sts.assume_role(**names)["Credentials"]
        secret = {"aws_secret_access_key": key["SecretAccessKey"], "aws_session_token": key["SessionToken"]}
        return self._session.client(service, aws_access_key_id=key["AccessKeyId"], **secret)

    def make_role(self, name: str, prefix: str, principal: dict, condition: dict | None = None) -> str:
        """Returns its ARN."""
        document = json.dumps(trusting(principal, condition))
        tags = [{"Key": TAG, "Value": prefix}]
        made = self.iam.create_role(RoleName=f"{prefix}-{name}", AssumeRolePolicyDocument=document, Tags=tags)
        return made["Role"]["Arn"]


class Sides:
    def __init__(self, cluster: Side, workload: Side, cluster_name: str):
        self.cluster, self.workload, self.cluster_name = cluster, workload, cluster_name
        self.both = (cluster, workload)
        self.described = cluster.eks.describe_cluster(name=cluster_name)["cluster"]
        self.cluster_vpc = self.described["resourcesVpcConfig"]["vpcId"]
        self.mode = self.described["accessConfig"]["authenticationMode"]

    def complaint(self) -> str | None:
        """What makes a run impossible."""
        if self.cluster.id == self.workload.id:
            return "Both profiles are of one account: give a profile of each."
        if self.mode == "CONFIG_MAP":
            return f"The authentication mode of {self.cluster_name} is CONFIG_MAP: it must be one with API."
        return None

    def make_vpc(self, prefix: str) -> str:
        """A VPC with one subnet in the workload account; returns its id."""
        block, ec2 = free_block(self.taken_blocks()), self.workload.ec2
        vpc = ec2.create_vpc(CidrBlock=block, TagSpecifications=tagged("vpc", prefix))["Vpc"]["VpcId"]
        ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
        ec2.create_subnet(VpcId=vpc, CidrBlock=block, TagSpecifications=tagged("subnet", prefix))
        return vpc

    def taken_blocks(self) -> set[str]:
        """IPv4 blocks that the cluster's VPC has, routes to, or gives to services."""
        (vpc,) = self.cluster.ec2.describe_vpcs(VpcIds=[self.cluster_vpc])["Vpcs"]
        own = {each["CidrBlock"] for each in vpc["CidrBlockAssociationSet"]}
        routes = (route for table in tables_of(self.cluster, [self.cluster_vpc]) for route in table["Routes"])
        routed = {route["DestinationCidrBlock"] for route in routes if "DestinationCidrBlock" in route}
        services = {self.described.get("kubernetesNetworkConfig", {}).get("serviceIpv4Cidr")}
        return (own | routed | services) - {None, "0.0.0.0/0"}

    def make_runners(self, prefix: str, policies: dict[str, str]) -> dict[str, dict[str, str]]:
        """A role in each account with the rendered policy; returns how to assume each."""
        assume = {}
        for side in self.both:
            external_id = secrets.token_hex(8)
            root = {"AWS": f"arn:{side.partition}:iam::{side.id}:root"}
            arn = side.make_role("runner", prefix, root, {"StringEquals": {"sts:ExternalId": external_id}})
            policy = {"PolicyName": "xeks-runner", "PolicyDocument": policies[side.name]}
            side.iam.put_role_policy(RoleName=f"{prefix}-runner", **policy)
            assume[side.name] = {"role_arn": arn, "external_id": external_id, "session_name": TAG}
        return assume

    def wait_for(self, runners: dict[str, dict[str, str]], seconds: float) -> None:
        """IAM is eventually consistent: waits until both roles can be assumed, and may do what their policies say."""
        cluster, workload = runners["cluster"], runners["workload"]
        until_allowed(lambda: self.cluster.as_role("eks", cluster).describe_cluster(name=self.cluster_name), seconds)
        until_allowed(lambda: self.workload.as_role("ec2", workload).describe_vpcs(), seconds)


def trusting(principal: dict, condition: dict | None = None) -> dict:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}


def tagged(kind: str, prefix: str) -> list[dict]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": prefix} for key in ("Name", TAG)]}]


def pages(client, call: str, key: str, **parameters) -> list:
    """All that a listing call has under `key`."""
    return [each for page in client.get_paginator(call).paginate(**parameters) for each in page[key]]


def tables_of(side: Side, vpcs: list[str]) -> list[dict]:
    filters = [{"Name": "vpc-id", "Values": vpcs}]
    return pages(side.ec2, "describe_route_tables", "RouteTables", Filters=filters) if vpcs else []


def until_allowed(call: Callable[[], object], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            call()
            return
        except ClientError as error:
            denied = error.response["Error"]["Code"] in DENIED
            if not denied or time.monotonic() > deadline:
                raise
        time.sleep(2)


def free_block(taken: Iterable[str]) -> str:
    """A private /24 that overlaps none of these blocks; from the end, where fewer networks are."""
    networks = [ipaddress.ip_network(block) for block in taken]
    for space in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"):
        for candidate in reversed(list(ipaddress.ip_network(space).subnets(new_prefix=24))):
            if not any(candidate.overlaps(network) for network in networks):
                return str(candidate)
    raise ValueError("no private block is free")
