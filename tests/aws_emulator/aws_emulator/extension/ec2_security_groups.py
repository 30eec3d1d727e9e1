"""Security groups' rules.

Owns: rules as single things with an id, and the permissions they are grouped into. Must not know: what is reached.

ministack keeps permissions (one protocol and port range, many sources). AWS has had an id for each single source
since 2021 (EC2 user guide, Security group rules), so records are split on sight into one per source.
"""

from ministack.services import ec2 as stock

from . import ec2_peering
from .call import AwsError
from .ec2_calls import chosen, invalid, network, new_id, operation, put_tags, tags_for, tags_of

_SIDES = {False: "IpPermissions", True: "IpPermissionsEgress"}
#: member of a permission -> (member of each of its entries, member of a rule)
_SOURCES = {
    "IpRanges": ("CidrIp", "CidrIpv4"),
    "Ipv6Ranges": ("CidrIpv6", "CidrIpv6"),
    "PrefixListIds": ("PrefixListId", "PrefixListId"),
    "UserIdGroupPairs": ("GroupId", "ReferencedGroupInfo"),
}
_LIMIT = 60  # VPC quotas: inbound or outbound rules per security group


@operation("CreateSecurityGroup")
async def create(call):
    """API reference: the answer has groupId, securityGroupArn and tagSet; ministack's has other members."""
    group = (await call.stock())["GroupId"]
    return {"GroupId": group, "SecurityGroupArn": _arn(call, group), "Tags": tags_of(group)}


@operation("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress")
def authorize(call):
    """API reference: adds all of the rules or none; one that exists, whatever its description, is refused."""
    egress = call.action.endswith("Egress")
    group = _group(call)
    tags = tags_for(call, "security-group-rule")
    added = _wanted(call, group)
    if not added:
        raise AwsError("MissingParameter", "The request must contain the parameter ipPermissions")
    keys = [_key(rule) for rule in added]
    if len(set(keys)) < len(keys):
        raise invalid("The same permission must not appear multiple times")
    there = {_key(rule) for rule in _rules(group, egress)}
    for rule in added:
        if _key(rule) in there:
            raise AwsError("InvalidPermission.Duplicate", f'the specified rule "{_worded(rule)}" already exists')
    if len(there) + len(added) > _LIMIT:
        raise AwsError(
            "RulesPerSecurityGroupLimitExceeded",
            "The maximum number of rules per security group has been reached.",
        )
    for rule in added:
        rule["SecurityGroupRuleId"] = new_id("sgr")
        group[_SIDES[egress]].append(rule)
        put_tags(rule["SecurityGroupRuleId"], tags)
    return {"Return": True, "SecurityGroupRules": [_shown(call, group, rule, egress) for rule in added]}


@operation("RevokeSecurityGroupIngress", "RevokeSecurityGroupEgress")
def revoke(call):
    """API reference: by rule id, or by values that match exactly (the description is not looked at); if one rule is
    not there, the answer is an error and nothing is removed."""
    egress = call.action.endswith("Egress")
    group = _group(call)
    rules = _rules(group, egress)
    if call.params.get("SecurityGroupRuleIds"):
        by_id = {rule["SecurityGroupRuleId"]: rule for rule in rules}
        for identified in call.params["SecurityGroupRuleIds"]:
            if identified not in by_id:
                raise _rule_not_found(identified)
        gone = [by_id[identified] for identified in call.params["SecurityGroupRuleIds"]]
    else:
        by_key = {_key(rule): rule for rule in rules}
        wanted = [_key(rule) for rule in _wanted(call, group)]
        if not wanted:
            raise AwsError("MissingParameter", "The request must contain the parameter ipPermissions")
        if not all(key in by_key for key in wanted):
            raise AwsError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
        gone = [by_key[key] for key in wanted]
    ids = {rule["SecurityGroupRuleId"] for rule in gone}
    group[_SIDES[egress]] = [rule for rule in rules if rule["SecurityGroupRuleId"] not in ids]
    for identified in ids:
        put_tags(identified, [])
    return {"Return": True, "RevokedSecurityGroupRules": [_revoked(call, group, rule, egress) for rule in gone]}


@operation("DescribeSecurityGroups")
def describe(call):
    ids = call.params.get("GroupIds", [])
    groups, more = chosen(call, stock._security_groups.values(), "GroupId", ids, _group_not_found, _group_values)
    return {"SecurityGroups": [_group_shown(call, group) for group in groups], **more}


@operation("DescribeSecurityGroupRules")
def describe_rules(call):
    rules = [
        _shown(call, group, rule, egress)
        for group in stock._security_groups.values()
        for egress in _SIDES
        for rule in _rules(group, egress)
    ]
    ids = call.params.get("SecurityGroupRuleIds", [])
    found, more = chosen(call, rules, "SecurityGroupRuleId", ids, _rule_not_found, _rule_values)
    return {"SecurityGroupRules": found, **more}


@operation("UpdateSecurityGroupRuleDescriptionsIngress", "UpdateSecurityGroupRuleDescriptionsEgress")
def update_descriptions(call):
    """API reference: replaces the descriptions of rules that exist, named by their values."""
    group, egress = _group(call), call.action.endswith("Egress")
    by_key = {_key(rule): rule for rule in _rules(group, egress)}
    wanted = _wanted(call, group)
    if not all(_key(rule) in by_key for rule in wanted):
        raise AwsError("InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
    for rule in wanted:
        member, entry = _source(rule)
        by_key[_key(rule)][member] = [entry]
    return {"Return": True}


def number_rules():
    """Give every rule its id now rather than when it is first looked at: a look changes nothing."""
    for group in stock._security_groups._data.values():
        for egress in _SIDES:
            _rules(group, egress)


def _rules(group, egress):
    """The group's records of one side, each with one source and an id."""
    side = _SIDES[egress]
    if any("SecurityGroupRuleId" not in record or _sources(record) != 1 for record in group[side]):
        group[side] = [
            rule | {"SecurityGroupRuleId": record.get("SecurityGroupRuleId", "") if lone else ""}
            for record in group[side]
            for lone in [_sources(record) == 1]
            for rule in _split(record)
        ]
        for rule in group[side]:
            rule["SecurityGroupRuleId"] = rule["SecurityGroupRuleId"] or stock._sg_rule_id(
                group["GroupId"], egress, {name: value for name, value in rule.items() if name != "SecurityGroupRuleId"}
            )
    return group[side]


def _split(permission):
    ports = {name: permission[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in permission}
    for member in _SOURCES:
        for entry in permission.get(member, []):
            yield ports | {each: [] for each in _SOURCES} | {member: [entry]}


def _sources(record):
    return sum(len(record.get(member, [])) for member in _SOURCES)


def _source(rule):
    """(member, entry) of a rule's only source."""
    return next((member, rule[member][0]) for member in _SOURCES if rule.get(member))


def _wanted(call, group):
    """The rules that a call names, one per source, checked and in canonical form."""
    permissions = list(call.params.get("IpPermissions", []))
    if "CidrIp" in call.params:
        permissions.append(
            {name: call.params[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in call.params}
            | {"IpRanges": [{"CidrIp": call.params["CidrIp"]}]}
        )
    return [_checked(call, group, rule) for permission in permissions for rule in _split(permission)]


def _checked(call, group, rule):
    """API reference, IpPermission and IpRange: protocols by name or number, ports unless the protocol is -1, CIDR
    blocks made canonical."""
    protocol = str(rule.get("IpProtocol", "")).lower()
    rule["IpProtocol"] = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}.get(protocol, protocol)
    if rule["IpProtocol"] in ("tcp", "udp"):
        low, high = rule.get("FromPort"), rule.get("ToPort")
        if not (isinstance(low, int) and isinstance(high, int) and 0 <= low <= high <= 65535):
            raise invalid(f"Invalid value '{low}-{high}' for portRange.")
    elif rule["IpProtocol"] == "-1":
        rule.pop("FromPort", None)
        rule.pop("ToPort", None)
    elif not rule["IpProtocol"].startswith("icmp") and not rule["IpProtocol"].isdigit():
        raise invalid(f"Invalid value '{rule['IpProtocol']}' for IP protocol. Unknown protocol.")
    member, entry = _source(rule)
    name = _SOURCES[member][0]
    if member in ("IpRanges", "Ipv6Ranges"):
        entry = entry | {name: network(entry.get(name, ""), name[0].lower() + name[1:])}
        if (":" in entry[name]) != (member == "Ipv6Ranges"):
            raise invalid(f"CIDR block {entry[name]} is malformed")
    elif member == "UserIdGroupPairs":
        entry = _checked_reference(call, group, entry)
    return rule | {member: [entry]}


def _checked_reference(call, group, entry):
    """VPC peering guide, Update your security groups: a group of a peer VPC may be named, in the same region and
    while the connection is active."""
    owner, identified = entry.get("UserId", call.account), entry.get("GroupId", "")
    other = stock._security_groups.get_scoped(owner, call.region, identified)
    peered = other and any(
        {(call.account, call.region, group["VpcId"]), (owner, call.region, other["VpcId"])}
        == set(ec2_peering.ends(peering))
        for peering in stock._vpc_peering.values()
        if ec2_peering.carries(peering)
    )
    if not other or (other["VpcId"] != group["VpcId"] and not peered):
        raise _group_not_found(identified)
    return entry | {"UserId": owner}


def _key(rule):
    """What makes two rules the same: everything but the description and the id."""
    member, entry = _source(rule)
    return rule["IpProtocol"], rule.get("FromPort", -1), rule.get("ToPort", -1), member, entry.get(_SOURCES[member][0])


def _worded(rule):
    protocol, low, high, _, source = _key(rule)
    ports = "" if protocol == "-1" else f", from port: {low}, to port: {high}"
    return f"peer: {source}, {'ALL' if protocol == '-1' else protocol.upper()}{ports}, ALLOW"


def _shown(call, group, rule, egress):
    identified = rule["SecurityGroupRuleId"]
    member, entry = _source(rule)
    name, shown_as = _SOURCES[member]
    source = {shown_as: entry[name]}
    if member == "UserIdGroupPairs":
        source = {
            shown_as: {each: entry[each] for each in ("GroupId", "UserId", "VpcPeeringConnectionId") if each in entry}
        }
    return {
        "SecurityGroupRuleId": identified,
        "GroupId": group["GroupId"],
        "GroupOwnerId": group["OwnerId"],
        "IsEgress": egress,
        "IpProtocol": rule["IpProtocol"],
        # API reference, SecurityGroupRule: -1 stands for all.
        "FromPort": rule.get("FromPort", -1),
        "ToPort": rule.get("ToPort", -1),
        **source,
        "Description": entry.get("Description"),
        "Tags": tags_of(identified),
        "SecurityGroupRuleArn": f"arn:aws:ec2:{call.region}:{call.account}:security-group-rule/{identified}",
    }


def _revoked(call, group, rule, egress):
    shown = _shown(call, group, rule, egress)
    reference = shown.pop("ReferencedGroupInfo", None)
    return shown | ({"ReferencedGroupId": reference["GroupId"]} if reference else {})


def _group(call):
    identified = call.params.get("GroupId")
    if identified not in stock._security_groups:
        raise _group_not_found(identified)
    return stock._security_groups[identified]


def _group_not_found(identified):
    return AwsError("InvalidGroup.NotFound", f"The security group '{identified}' does not exist")


def _rule_not_found(identified):
    return AwsError("InvalidSecurityGroupRuleId.NotFound", f"The security group rule ID '{identified}' does not exist")


def _group_shown(call, group):
    """API reference, DescribeSecurityGroups: sources with the same protocol and ports come as one permission."""
    shown = {
        "GroupId": group["GroupId"],
        "GroupName": group["GroupName"],
        "Description": group["Description"],
        "OwnerId": group["OwnerId"],
        "VpcId": group["VpcId"],
        "SecurityGroupArn": _arn(call, group["GroupId"]),
        "Tags": tags_of(group["GroupId"]),
    }
    for egress, side in _SIDES.items():
        permissions = {}
        for rule in _rules(group, egress):
            ports = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
            permission = permissions.setdefault(tuple(ports.values()), ports | {member: [] for member in _SOURCES})
            member, entry = _source(rule)
            permission[member].append(entry)
        shown[side] = list(permissions.values())
    return shown


def _arn(call, identified):
    return f"arn:aws:ec2:{call.region}:{call.account}:security-group/{identified}"


def _group_values(group):
    ingress = _rules(group, False)
    return {
        "group-id": [group["GroupId"]],
        "group-name": [group["GroupName"]],
        "description": [group["Description"]],
        "owner-id": [group["OwnerId"]],
        "vpc-id": [group["VpcId"]],
        "ip-permission.cidr": [entry["CidrIp"] for rule in ingress for entry in rule["IpRanges"]],
        "ip-permission.ipv6-cidr": [entry["CidrIpv6"] for rule in ingress for entry in rule["Ipv6Ranges"]],
        "ip-permission.from-port": [rule["FromPort"] for rule in ingress if "FromPort" in rule],
        "ip-permission.to-port": [rule["ToPort"] for rule in ingress if "ToPort" in rule],
        "ip-permission.protocol": [rule["IpProtocol"] for rule in ingress],
    }


def _rule_values(rule):
    return {"group-id": [rule["GroupId"]], "security-group-rule-id": [rule["SecurityGroupRuleId"]]}
