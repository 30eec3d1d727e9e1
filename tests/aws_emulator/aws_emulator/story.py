"""The first story's own objects: the cluster prac-eks-abhi in its VPC, and the workload account's VPC.

    cluster account   VPC 10.20.0.0/16 with a private subnet in two zones, each with a route table of its own, one
    more subnet that
                      uses the main table; the role that EKS runs with; the administrator who made the cluster; the
                      cluster in API_AND_CONFIG_MAP
    workload account  VPC 10.30.0.0/16 with a private subnet in two zones

Owns: what is made and its names; made once, however often it is asked for. Must not know: the server.
"""

import json

from ministack.core.responses import request_scope
from ministack.services import ec2, eks, iam

from .accounts import ACCOUNTS, REGION
from .extension import eks_clusters, wire
from .extension.call import Call, Caller

CLUSTER = "prac-eks-abhi"
CLUSTER_ROLE = "prac-eks-abhi-cluster"
CREATOR = "platform-admin"
_ZONES = ("a", "b")


def seed() -> dict:
    """Make what is missing; returns the ids that a configuration needs."""
    with request_scope(ACCOUNTS["cluster"], REGION):
        if CLUSTER not in eks._clusters:
            _make_cluster()
        cluster = eks._clusters[CLUSTER]["resourcesVpcConfig"]
    with request_scope(ACCOUNTS["workload"], REGION):
        if not ec2._vpcs:
            _make_vpc("10.30", public_subnet=False)
        workload = next(iter(ec2._vpcs.values()))["VpcId"]
    return {
        "cluster_name": CLUSTER,
        "cluster_vpc_id": cluster["vpcId"],
        "cluster_subnet_ids": cluster["subnetIds"],
        "cluster_security_group_id": cluster["clusterSecurityGroupId"],
        "workload_vpc_id": workload,
    }


def _make_cluster() -> None:
    account = ACCOUNTS["cluster"]
    creator = _make_role(CREATOR, {"AWS": f"arn:aws:iam::{account}:root"})
    role = _make_role(CLUSTER_ROLE, {"Service": "eks.amazonaws.com"})
    params = {
        "name": CLUSTER,
        "roleArn": role["Arn"],
        "resourcesVpcConfig": {
            "subnetIds": _make_vpc("10.20", public_subnet=True),
            "endpointPublicAccess": False,
            "endpointPrivateAccess": True,
        },
        "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
    }
    caller = Caller(account=account, principal_arn=creator["Arn"])
    call = Call("eks", "CreateCluster", account, REGION, params, caller, "story", _stock=None, _decode=None)
    eks_clusters.create_cluster(call)


def _make_role(name: str, principal: dict) -> dict:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    form = {"RoleName": name, "AssumeRolePolicyDocument": document}
    return _stock("iam", "CreateRole", iam._IAM_HANDLERS, form)["Role"]


def _make_vpc(prefix: str, public_subnet: bool) -> list[str]:
    """A VPC of PREFIX.0.0/16; returns its private subnets."""
    vpc = _ec2("CreateVpc", CidrBlock=f"{prefix}.0.0/16")["Vpc"]["VpcId"]
    subnets = []
    for number, zone in enumerate(_ZONES):
        place = {"VpcId": vpc, "AvailabilityZone": REGION + zone}
        subnet = _ec2("CreateSubnet", CidrBlock=f"{prefix}.{number}.0/24", **place)["Subnet"]["SubnetId"]
        table = _ec2("CreateRouteTable", VpcId=vpc)["RouteTable"]["RouteTableId"]
        _ec2("AssociateRouteTable", RouteTableId=table, SubnetId=subnet)
        subnets.append(subnet)
    if public_subnet:
        _ec2("CreateSubnet", CidrBlock=f"{prefix}.100.0/24", VpcId=vpc, AvailabilityZone=REGION + _ZONES[0])
    return subnets


def _ec2(action: str, **form: str) -> dict:
    return _stock("ec2", action, ec2._ACTION_MAP, form)


def _stock(service: str, action: str, handlers: dict, form: dict) -> dict:
    return wire.decode_answer(service, action, handlers[action]({name: [value] for name, value in form.items()}))
