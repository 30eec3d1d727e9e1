"""What the provider is to manage, one scene after the other: its configuration, its permissions, and a change by hand.

Knows the provider's resources. Knows nothing of the CLI.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from sides import TAG, Side, Sides, pages, tables_of, trusting

SCENES = ("access", "federated", "chained", "hub", "managed", "peering")
MANAGED = ["AmazonVPC", "AmazonSQS", "AmazonSNS", "AmazonDynamoDB", "AmazonRoute53"]
#: Reads one namespace that need not exist.
VIEW = "AmazonEKSViewPolicy"
EC2 = {"Service": "ec2.amazonaws.com"}
KUBERNETES = f'kubernetes = {{ policies = {{ {VIEW} = {{ scope = "namespace", namespaces = ["xeks-smoke"] }} }} }}'
PODS = 'service_accounts = [{ namespace = "xeks-smoke", name = "pod" }]'
NO_OBJECTS = {"Effect": "Deny", "Action": "s3:GetObject", "Resource": "*"}
POLICY = json.dumps(json.dumps({"Version": "2012-10-17", "Statement": [NO_OBJECTS]}))


@dataclass(frozen=True)
class Scene:
    name: str
    title: str
    #: The resource's type without `xeks_`, and the list of `xeks_runner_policy` of the same name.
    kind: str
    #: Attributes of both.
    both: str
    #: Changes something of it, as a person would.
    drift: Callable[[], object]
    #: Attributes of the resource only.
    resource: str = ""
    #: Attributes of the list's member only.
    permission: str = ""

    def hcl(self, cluster: str, prefix: str) -> str:
        own = f'cluster_name = "{cluster}"\ntags = {{ {TAG} = "{prefix}" }}'
        return f'resource "xeks_{self.kind}" "smoke" {{\n{own}\n{self.both}\n{self.resource}\n}}\n'


def permissions(scenes: list[Scene], sides: Sides) -> str:
    """A configuration that renders the least permissions for all scenes."""
    lists: dict[str, list[str]] = {}
    for scene in scenes:
        member = f'{{\ncluster_name = "{sides.cluster_name}"\n{scene.both}\n{scene.permission}\n}}'
        lists.setdefault(scene.kind, []).append(member)
    asked = "".join(f"{kind} = [{', '.join(members)}]\n" for kind, members in lists.items())
    where = f'region = "{sides.cluster.region}"\npartition = "{sides.cluster.partition}"\n'
    ids = "".join(f'{side.name}_account_id = "{side.id}"\n' for side in sides.both)
    found = ", ".join(f"{side.name} = data.xeks_runner_policy.smoke.{side.name}_policy" for side in sides.both)
    data = f'data "xeks_runner_policy" "smoke" {{\n{ids}{where}{asked}}}\n'
    return f'{data}\noutput "policies" {{ value = {{ {found} }} }}\n'


def scenes(sides: Sides, prefix: str, vpc: str) -> list[Scene]:
    cluster, workload = sides.cluster, sides.workload
    arns = [f"arn:{workload.partition}:iam::aws:policy/{name}ReadOnlyAccess" for name in MANAGED]
    provider = f'oidc_provider = {{ tags = {{ {TAG} = "{prefix}" }} }}'
    return [
        Scene(
            "access",
            "Story 1: an instance's role uses the cluster through an access role",
            "cross_account_access",
            f'access_role = {{ name = "{prefix}-access" }}\n'
            f'workload_role = {{ name = "{prefix}-instance", instance_profile = true }}\n{KUBERNETES}',
            drift=lambda: cluster.eks.disassociate_access_policy(
                clusterName=sides.cluster_name,
                principalArn=f"arn:{cluster.partition}:iam::{cluster.id}:role/{prefix}-access",
                policyArn=f"arn:{cluster.partition}:eks::aws:cluster-access-policy/{VIEW}",
            ),
        ),
        Scene(
            "federated",
            "Story 2, federated: pods use a role through an OIDC provider in its account",
            "irsa_trust",
            f'role = {{ name = "{prefix}-pod", inline_policies = {{ none = {POLICY} }} }}',
            drift=lambda: trust_ec2(workload, f"{prefix}-pod"),
            resource=f"{PODS}\n{provider}",
        ),
        Scene(
            "chained",
            "Story 2, chained: pods use a role through a pod role in the cluster's account",
            "irsa_trust",
            f'mode = "chained"\nrole = {{ name = "{prefix}-chain" }}\npod_role = {{ name = "{prefix}-chain-pod" }}',
            drift=lambda: delete_inline_policies(cluster, f"{prefix}-chain-pod"),
            resource=f"{PODS}\n{provider}",
        ),
        Scene(
            "hub",
            "Three connections on one existing access role",
            "cross_account_access",
            f'adopt = "if_exists"\naccess_role = {{ name = "{prefix}-hub", existing = true }}\n{KUBERNETES}',
            drift=lambda: trust_ec2(cluster, f"{prefix}-hub"),
            resource=f'for_each = toset(["1", "2", "3"])\nworkload_role = {{ name = "{prefix}-spoke-${{each.key}}" }}',
            permission=f'workload_role = {{ name = "{prefix}-spoke-*" }}',
        ),
        Scene(
            "managed",
            "A role with five managed policies, in the access entry itself",
            "cross_account_access",
            f'mode = "direct"\n{KUBERNETES}\n'
            f'workload_role = {{ name = "{prefix}-managed", managed_policy_arns = {json.dumps(arns)} }}',
            drift=lambda: workload.iam.detach_role_policy(RoleName=f"{prefix}-managed", PolicyArn=arns[0]),
        ),
        Scene(
            "peering",
            "A peering connection between a new VPC and the cluster's",
            "cluster_peering",
            f'workload_vpc_id = "{vpc}"',
            drift=lambda: delete_route_and_add_tag(workload, vpc),
            permission=f'cluster_vpc_id = "{sides.cluster_vpc}"',
        ),
    ]


def trust_ec2(side: Side, role: str) -> None:
    side.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trusting(EC2)))


def delete_inline_policies(side: Side, role: str) -> None:
    for policy in pages(side.iam, "list_role_policies", "PolicyNames", RoleName=role):
        side.iam.delete_role_policy(RoleName=role, PolicyName=policy)


def delete_route_and_add_tag(side: Side, vpc: str) -> None:
    (table,) = tables_of(side, [vpc])
    route = next(route for route in table["Routes"] if "VpcPeeringConnectionId" in route)
    side.ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock=route["DestinationCidrBlock"])
    side.ec2.create_tags(Resources=[route["VpcPeeringConnectionId"]], Tags=[{"Key": "stray", "Value": "by hand"}])
