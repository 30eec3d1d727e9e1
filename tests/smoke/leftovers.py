"""What runs have in both accounts, by their prefix, in the order in which it can be removed.

Names begin with the prefix and a hyphen; what has no name of its own has a tag, or belongs to a VPC or a connection
that has it. A prefix that ends with a hyphen means all runs whose prefixes begin with it.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from botocore.exceptions import ClientError
from sides import TAG, Side, Sides, pages, tables_of

#: AWS lists a connection for hours after it has ended.
ENDED = {"deleted", "deleting", "rejected", "failed", "expired"}


@dataclass(frozen=True)
class Leftover:
    side: Side
    what: str
    remove: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.what} in the {self.side.name} account"


def clean_up(sides: Sides, prefix: str) -> list[Leftover]:
    """Removes all, again while something is there still; returns what can't be removed."""
    for pause in (0, 5, 10, 20, 40):
        found = leftovers(sides, prefix)
        if not found:
            return []
        time.sleep(pause)
        for leftover in found:
            print(f"removing {leftover}", flush=True)
            try:
                leftover.remove()
            except ClientError as error:
                # It may be gone already, or wait for something that is removed later.
                print(f"  {error}", flush=True)
    return leftovers(sides, prefix)


def leftovers(sides: Sides, prefix: str) -> list[Leftover]:
    found = [*_entries(sides, prefix), *_network(sides, prefix)]
    for side in sides.both:
        found += [*_profiles(side, prefix), *_roles(side, prefix), *_providers(side, prefix)]
    return found


def _entries(sides: Sides, prefix: str) -> Iterator[Leftover]:
    side, name = sides.cluster, sides.cluster_name
    for principal in pages(side.eks, "list_access_entries", "accessEntries", clusterName=name):
        if principal.rpartition("/")[2].startswith(_beginning(prefix)):
            entry = {"clusterName": name, "principalArn": principal}
            yield Leftover(side, f"access entry of {principal}", lambda e=entry: side.eks.delete_access_entry(**e))


def _network(sides: Sides, prefix: str) -> Iterator[Leftover]:
    side, tag = sides.workload, _within(f"tag:{TAG}", [prefix + "*" if prefix.endswith("-") else prefix])
    vpcs = [each["VpcId"] for each in pages(side.ec2, "describe_vpcs", "Vpcs", Filters=tag)]
    requested = _connections(side, _within("requester-vpc-info.vpc-id", vpcs)) if vpcs else {}
    connections = requested | _connections(side, tag)
    yield from _routes(sides.cluster, [sides.cluster_vpc], connections)
    yield from _routes(side, vpcs, connections)
    yield from _rules(sides.cluster, tag)
    for id, status in connections.items():
        if status not in ENDED:
            connection = {"VpcPeeringConnectionId": id}
            yield Leftover(side, id, lambda c=connection: side.ec2.delete_vpc_peering_connection(**c))
    for vpc in vpcs:
        for subnet in pages(side.ec2, "describe_subnets", "Subnets", Filters=_within("vpc-id", [vpc])):
            yield Leftover(side, subnet["SubnetId"], lambda s=subnet: side.ec2.delete_subnet(SubnetId=s["SubnetId"]))
        yield Leftover(side, vpc, lambda v=vpc: side.ec2.delete_vpc(VpcId=v))


def _beginning(prefix: str) -> str:
    return prefix if prefix.endswith("-") else f"{prefix}-"


def _within(name: str, values: list[str]) -> list[dict]:
    return [{"Name": name, "Values": values}]


def _connections(side: Side, filters: list[dict]) -> dict[str, str]:
    """Id → status."""
    listed = pages(side.ec2, "describe_vpc_peering_connections", "VpcPeeringConnections", Filters=filters)
    return {each["VpcPeeringConnectionId"]: each["Status"]["Code"] for each in listed}


def _routes(side: Side, vpcs: list[str], connections: dict[str, str]) -> Iterator[Leftover]:
    for table in tables_of(side, vpcs):
        for route in table["Routes"]:
            if route.get("VpcPeeringConnectionId") in connections:
                block = {
                    key: text
                    for key, text in route.items()
                    if key in ("DestinationCidrBlock", "DestinationIpv6CidrBlock")
                }
                place = {"RouteTableId": table["RouteTableId"]} | block
                yield Leftover(side, f"route {' to '.join(place.values())}", lambda p=place: side.ec2.delete_route(**p))


def _rules(side: Side, tag: list[dict]) -> Iterator[Leftover]:
    for rule in pages(side.ec2, "describe_security_group_rules", "SecurityGroupRules", Filters=tag):
        place = {"GroupId": rule["GroupId"], "SecurityGroupRuleIds": [rule["SecurityGroupRuleId"]]}
        what = f"rule {rule['SecurityGroupRuleId']} of {rule['GroupId']}"
        yield Leftover(side, what, lambda p=place: side.ec2.revoke_security_group_ingress(**p))


def _profiles(side: Side, prefix: str) -> Iterator[Leftover]:
    for profile in pages(side.iam, "list_instance_profiles", "InstanceProfiles"):
        if (name := profile["InstanceProfileName"]).startswith(_beginning(prefix)):
            yield Leftover(side, f"instance profile {name}", lambda p=profile: _remove_profile(side, p))


def _remove_profile(side: Side, profile: dict) -> None:
    name = {"InstanceProfileName": profile["InstanceProfileName"]}
    for role in profile["Roles"]:
        side.iam.remove_role_from_instance_profile(RoleName=role["RoleName"], **name)
    side.iam.delete_instance_profile(**name)


def _roles(side: Side, prefix: str) -> Iterator[Leftover]:
    for role in pages(side.iam, "list_roles", "Roles"):
        if (name := role["RoleName"]).startswith(_beginning(prefix)):
            yield Leftover(side, f"role {name}", lambda n=name: _remove_role(side, n))


def _remove_role(side: Side, name: str) -> None:
    role = {"RoleName": name}
    for policy in pages(side.iam, "list_role_policies", "PolicyNames", **role):
        side.iam.delete_role_policy(PolicyName=policy, **role)
    for policy in pages(side.iam, "list_attached_role_policies", "AttachedPolicies", **role):
        side.iam.detach_role_policy(PolicyArn=policy["PolicyArn"], **role)
    side.iam.delete_role(**role)


def _providers(side: Side, prefix: str) -> Iterator[Leftover]:
    """A provider is named after its issuer: one that a run created has the tag."""
    for provider in side.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]:
        arn = {"OpenIDConnectProviderArn": provider["Arn"]}
        tags = side.iam.get_open_id_connect_provider(**arn).get("Tags", [])
        # With a hyphen behind it, the value of a run's tag begins as its names do.
        if any(tag["Key"] == TAG and f"{tag['Value']}-".startswith(_beginning(prefix)) for tag in tags):
            what = f"OIDC provider {provider['Arn']}"
            yield Leftover(side, what, lambda a=arn: side.iam.delete_open_id_connect_provider(**a))
