"""Tags of EC2's resources.

Owns: CreateTags, DeleteTags, and that tags go with what has them. Must not know: what is tagged, but for whether it is
there.
"""

from ministack.services import ec2 as stock

from . import ec2_peering
from .call import AwsError
from .ec2_calls import check_reserved, check_tags, is_reserved, operation, put_tags, tags_of

_STORES = {
    "vpc": stock._vpcs,
    "subnet": stock._subnets,
    "rtb": stock._route_tables,
    "sg": stock._security_groups,
    "i": stock._instances,
}


@operation("CreateTags")
def create(call):
    """API reference: "adds or overwrites only the specified tags"; each account has tags of its own on a peering
    connection."""
    added = [{"Key": tag["Key"], "Value": tag.get("Value", "")} for tag in call.params.get("Tags", [])]
    results = {}
    for resource in call.params.get("Resources", []):
        _check_exists(resource)
        check_reserved(added)
        merged = {tag["Key"]: tag for tag in tags_of(resource)} | {tag["Key"]: tag for tag in added}
        check_tags([tag for tag in merged.values() if not is_reserved(tag)])
        results[resource] = list(merged.values())
    for resource, tags in results.items():
        put_tags(resource, tags)
    return {}


@operation("DeleteTags")
def delete(call):
    """API reference: a tag named with a value goes only if the value matches; without tags, all of the caller's go."""
    for resource in call.params.get("Resources", []):
        _check_exists(resource)
        gone = call.params.get("Tags")
        if gone is None:
            put_tags(resource, [tag for tag in tags_of(resource) if is_reserved(tag)])
            continue
        check_reserved(gone)
        kept = [
            tag
            for tag in tags_of(resource)
            if not any(tag["Key"] == each["Key"] and each.get("Value", tag["Value"]) == tag["Value"] for each in gone)
        ]
        put_tags(resource, kept)
    return {}


@operation("DeleteVpc", "DeleteSubnet", "DeleteSecurityGroup", "DeleteInternetGateway")
async def delete_with_tags(call):
    """EC2 user guide, Tag your resources: "If you delete a resource, any tags for the resource are also deleted"."""
    answer = await call.stock()
    for name in ("VpcId", "SubnetId", "GroupId", "InternetGatewayId"):
        put_tags(call.params.get(name), [])
    return answer


def _check_exists(resource):
    prefix = resource.split("-")[0]
    if prefix == "pcx":
        there = ec2_peering.find(resource) is not None
    elif prefix == "sgr":
        there = any(
            rule.get("SecurityGroupRuleId") == resource
            for group in stock._security_groups.values()
            for side in ("IpPermissions", "IpPermissionsEgress")
            for rule in group[side]
        )
    else:
        there = prefix not in _STORES or resource in _STORES[prefix]
    if not there:
        raise AwsError("InvalidID", f"The ID '{resource}' is not valid")
