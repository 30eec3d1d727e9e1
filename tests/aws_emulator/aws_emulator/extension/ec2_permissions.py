"""What a caller of EC2 must be allowed: on which objects, with which values of condition keys.

Owns: the ARNs of what a call of EC2 names or makes, and their keys' values. Must not know: which resource types and
keys an action takes (`service_authorization`), how needs are evaluated (`permissions`) or calls answered.
"""

from ministack.services import ec2 as stock

from . import ec2_peering
from .ec2_calls import tags_of
from .permissions import Need, needs, request_tags, resource_tags
from .service_authorization import Undocumented, action

#: resource type -> the parameter by which a call names one, and what its ids begin with
_NAMED_BY = {
    "instance": ("InstanceId", "i"),
    "internet-gateway": ("InternetGatewayId", "igw"),
    "natgateway": ("NatGatewayId", "nat"),
    "network-acl": ("NetworkAclId", "acl"),
    "prefix-list": ("PrefixListId", "pl"),
    "route-table": ("RouteTableId", "rtb"),
    "security-group": ("GroupId", "sg"),
    "security-group-rule": ("SecurityGroupRuleId", "sgr"),
    "subnet": ("SubnetId", "subnet"),
    "vpc": ("VpcId", "vpc"),
    "vpc-peering-connection": ("VpcPeeringConnectionId", "pcx"),
}
_KINDS = {prefix: kind for kind, (_, prefix) in _NAMED_BY.items()}
_STORES = {"rtb": stock._route_tables, "sg": stock._security_groups, "subnet": stock._subnets, "vpc": stock._vpcs}


@needs("ec2")
def of_call(call):
    """On each object that the call names or makes, of the types that the reference gives for the action.

    EC2 user guide, "Grant permission to tag resources during creation": what is made with tags takes ec2:CreateTags
    too, with ec2:CreateAction. The reference, AuthorizeSecurityGroupIngress: "Policies using the security-group-rule
    resource-level permission are only enforced when the API request includes TagSpecifications"; other types that a
    call need not make are taken the same way.
    """
    name = f"ec2:{call.action}"
    wanted = []
    for kind in action(name).types.values():
        if kind.is_made:
            tags = _requested(call, kind.name)
            wanted += [Need(name, _arn(call, kind.name, "*"), tags | _peers(call))] if kind.required or tags else []
        else:
            wanted += [_on(call, kind.name, identified) for identified in _named(call, kind)]
    for kind in _tagged(call):
        keys = _requested(call, kind) | {"ec2:CreateAction": call.action, "ec2:Region": call.region}
        wanted.append(Need("ec2:CreateTags", _arn(call, kind, "*"), keys))
    return wanted or [Need(name, "*", {"ec2:Region": call.region})]


@needs("ec2", "CreateTags", "DeleteTags")
def tag(call):
    """On each of the resources that the call names by their ids."""
    found = []
    for identified in call.params.get("Resources", []):
        kind = _KINDS.get(identified.split("-")[0])
        if kind is None:
            raise Undocumented(f"this emulator does not know what {identified} is")
        found.append(_on(call, kind, identified))
        found[-1].keys |= request_tags(call.params.get("Tags"))
    return found


def _named(call, kind):
    """The ids of this type that the call names; `*` for one that is named in another way than by its id."""
    if kind.name == "vpc" and call.action == "AcceptVpcPeeringConnection":
        peering = ec2_peering.find(call.params.get("VpcPeeringConnectionId"))
        return [peering["AccepterVpcInfo"]["VpcId"]] if peering else []
    if kind.name not in _NAMED_BY:
        if kind.required:
            raise Undocumented(f"this emulator has no {kind.name}")
        return []
    member, _ = _NAMED_BY[kind.name]
    rules = [rule.get(member, "*") for rule in call.params.get("SecurityGroupRules", [])]
    named = rules if kind.name == "security-group-rule" else [call.params[member]] if member in call.params else []
    return named or (["*"] if kind.required else [])


def _on(call, kind, identified):
    """The call's own action on a resource named by its id, with the keys that describe it."""
    return Need(f"ec2:{call.action}", _arn(call, kind, identified), _described(call, kind, identified))


def _described(call, kind, identified):
    tags = resource_tags(tags_of(identified))
    keys = tags | {name.replace("aws:", "ec2:", 1): value for name, value in tags.items()}
    keys |= {"ec2:Region": call.region, f"ec2:{kind.title().replace('-', '')}ID": identified}
    peering = ec2_peering.find(identified) if kind == "vpc-peering-connection" else None
    for name in ("Requester", "Accepter") if peering else ():
        info = peering[f"{name}VpcInfo"]
        keys[f"ec2:{name}Vpc"] = _vpc_arn(info["Region"], info["OwnerId"], info["VpcId"])
    record = _STORES.get(identified.split("-")[0], {}).get(identified) or {}
    if "VpcId" in record:
        keys["ec2:Vpc"] = _vpc_arn(call.region, call.account, record["VpcId"])
    return keys | ({"ec2:Tenancy": record["InstanceTenancy"]} if "InstanceTenancy" in record else {})


def _peers(call):
    """VPC peering guide, "Identity and access management for VPC peering": ec2:RequesterVpc and ec2:AccepterVpc of the
    connection that is asked for."""
    if call.action != "CreateVpcPeeringConnection":
        return {"ec2:Region": call.region}
    owner, region = call.params.get("PeerOwnerId", call.account), call.params.get("PeerRegion", call.region)
    return {
        "ec2:Region": call.region,
        "ec2:RequesterVpc": _vpc_arn(call.region, call.account, call.params.get("VpcId")),
        "ec2:AccepterVpc": _vpc_arn(region, owner, call.params.get("PeerVpcId")),
    }


def _tagged(call):
    """The resource types that the call's tags are for."""
    kinds = [each.get("ResourceType") for each in call.params.get("TagSpecifications", [])]
    return [kind for kind in dict.fromkeys(kinds) if kind]


def _requested(call, kind):
    specifications = call.params.get("TagSpecifications", [])
    return request_tags(
        [tag for each in specifications if each.get("ResourceType") == kind for tag in each.get("Tags", [])]
    )


def _arn(call, kind, identified):
    return f"arn:aws:ec2:{call.region}:{call.account}:{kind}/{identified}"


def _vpc_arn(region, account, vpc_id):
    return f"arn:aws:ec2:{region}:{account}:vpc/{vpc_id}"
