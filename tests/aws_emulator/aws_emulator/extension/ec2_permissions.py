"""What a caller of EC2 must be allowed: which actions, on which resources, under which condition keys.

Owns: the needs of EC2's calls. Must not know: how they are evaluated (permissions) or answered.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon EC2", and the VPC peering
guide, "Identity and access management for VPC peering". Describe calls take no resource: they need `*`.
"""

from ministack.services import ec2 as stock

from . import ec2_peering
from .ec2_calls import tags_of
from .permissions import Need, needs, request_tags, resource_tags

_KINDS = {
    "vpc": "vpc",
    "subnet": "subnet",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "pcx": "vpc-peering-connection",
    "i": "instance",
    "pl": "prefix-list",
}
_STORES = {"rtb": stock._route_tables, "sg": stock._security_groups}


@needs("ec2", "CreateVpcPeeringConnection")
def create_peering(call):
    """On one's own VPC and on the connection to be."""
    keys = {
        "ec2:RequesterVpc": _vpc_arn(call.region, call.account, call.params.get("VpcId")),
        "ec2:AccepterVpc": _vpc_arn(
            call.params.get("PeerRegion", call.region),
            call.params.get("PeerOwnerId", call.account),
            call.params.get("PeerVpcId"),
        ),
    }
    made = _arn(call, "pcx-*").replace("pcx-*", "*")
    return [
        _on(call, call.params.get("VpcId", "")),
        Need("ec2:CreateVpcPeeringConnection", made, keys | _requested(call)),
        *_tagging(call, made),
    ]


@needs("ec2", "AcceptVpcPeeringConnection")
def accept_peering(call):
    """On the connection and on one's own VPC."""
    peering = ec2_peering.find(call.params.get("VpcPeeringConnectionId"))
    own = [_on(call, peering["AccepterVpcInfo"]["VpcId"])] if peering else []
    return [_on_peering(call), *own]


@needs("ec2", "RejectVpcPeeringConnection", "DeleteVpcPeeringConnection", "ModifyVpcPeeringConnectionOptions")
def on_peering(call):
    return [_on_peering(call)]


@needs("ec2", "CreateRoute", "ReplaceRoute", "DeleteRoute", "DeleteRouteTable")
def on_table(call):
    return [_on(call, call.params.get("RouteTableId", ""))]


@needs("ec2", "AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
def authorize(call):
    """On the group; tags of the new rules take ec2:CreateTags too."""
    on_group = _on(call, call.params.get("GroupId", ""))
    on_group.keys |= _requested(call)
    return [on_group, *_tagging(call, _arn(call, "sgr-*").replace("sgr-*", "*"))]


@needs(
    "ec2",
    "RevokeSecurityGroupIngress",
    "RevokeSecurityGroupEgress",
    "UpdateSecurityGroupRuleDescriptionsIngress",
    "UpdateSecurityGroupRuleDescriptionsEgress",
)
def on_group(call):
    return [_on(call, call.params.get("GroupId", ""))]


@needs("ec2", "ModifySecurityGroupRules")
def modify_rules(call):
    rules = [rule.get("SecurityGroupRuleId", "") for rule in call.params.get("SecurityGroupRules", [])]
    return [_on(call, call.params.get("GroupId", "")), *(_on(call, rule) for rule in rules)]


@needs("ec2", "GetManagedPrefixListEntries")
def prefix_list(call):
    return [_on(call, call.params.get("PrefixListId", ""))]


@needs("ec2", "CreateTags", "DeleteTags")
def tag(call):
    keys = request_tags(call.params.get("Tags"))
    if call.action == "DeleteTags":
        keys = {name: value for name, value in keys.items() if name == "aws:TagKeys"}
    found = [_on(call, resource) for resource in call.params.get("Resources", [])]
    for need in found:
        need.keys |= keys
    return found


def _on(call, resource):
    """The call's own action on a resource named by its id, with the keys that describe it."""
    return Need(f"ec2:{call.action}", _arn(call, resource), _described(call, resource))


def _on_peering(call):
    return _on(call, call.params.get("VpcPeeringConnectionId", ""))


def _described(call, resource):
    tags = resource_tags(tags_of(resource))
    keys = tags | {name.replace("aws:", "ec2:", 1): value for name, value in tags.items()}
    keys["ec2:Region"] = call.region
    peering = ec2_peering.find(resource) if resource.startswith("pcx-") else None
    for name in ("Requester", "Accepter") if peering else ():
        # Keys of the resource type, so that they hold for tags too.
        info = peering[f"{name}VpcInfo"]
        keys[f"ec2:{name}Vpc"] = _vpc_arn(info["Region"], info["OwnerId"], info["VpcId"])
    record = _STORES.get(resource.split("-")[0], {}).get(resource)
    return keys | ({"ec2:Vpc": _vpc_arn(call.region, call.account, record["VpcId"])} if record else {})


def _requested(call):
    specifications = call.params.get("TagSpecifications", [])
    return request_tags([tag for each in specifications for tag in each.get("Tags", [])])


def _tagging(call, resource):
    """EC2 user guide, Grant permission to tag resources during creation: ec2:CreateTags, with ec2:CreateAction."""
    keys = _requested(call)
    return [Need("ec2:CreateTags", resource, keys | {"ec2:CreateAction": call.action})] if keys else []


def _arn(call, resource):
    kind = _KINDS.get(resource.split("-")[0], "*")
    return f"arn:aws:ec2:{call.region}:{call.account}:{kind}/{resource}"


def _vpc_arn(region, account, vpc_id):
    return f"arn:aws:ec2:{region}:{account}:vpc/{vpc_id}"
