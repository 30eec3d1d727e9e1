"""Network ACLs: their entries with ports, and which subnet uses which.

Owns: the calls that concern network ACLs. Must not know: whether any packet passes.
"""

from ministack.services import ec2 as stock

from . import ec2_vpcs
from .call import AwsError
from .ec2_calls import chosen, invalid, network, new_id, operation, put_tags, tags_for, tags_of

#: API reference, NetworkAclEntry: "We process the entries in ascending order"; the last one, `*`, has this number.
LAST = 32767
_NUMBERS = range(1, LAST)


@operation("CreateNetworkAcl")
def create(call):
    """VPC user guide, Custom network ACLs: it denies everything until rules are added."""
    vpc = ec2_vpcs.find(call.params["VpcId"])
    identified = new_id("acl")
    last = {"RuleNumber": LAST, "Protocol": "-1", "RuleAction": "deny", "CidrBlock": "0.0.0.0/0"}
    acl = {
        "NetworkAclId": identified,
        "VpcId": vpc["VpcId"],
        "IsDefault": False,
        "Entries": [last | {"Egress": egress} for egress in (False, True)],
        "Associations": [],
        "Tags": [],
        "OwnerId": call.account,
    }
    put_tags(identified, tags_for(call, "network-acl"))
    stock._network_acls[identified] = acl
    return {"NetworkAcl": _shown(acl)}


@operation("DescribeNetworkAcls")
def describe(call):
    ids = call.params.get("NetworkAclIds", [])
    found, more = chosen(call, stock._network_acls.values(), "NetworkAclId", ids, _not_found, _filter_values)
    return {"NetworkAcls": [_shown(acl) for acl in found], **more}


@operation("DeleteNetworkAcl")
def delete(call):
    """API reference: "You can't delete the ACL if it's associated with any subnets. You can't delete the default." """
    acl = _find(call.params["NetworkAclId"])
    if acl["IsDefault"] or acl["Associations"]:
        raise AwsError("DependencyViolation", f"network acl {acl['NetworkAclId']} has dependencies")
    del stock._network_acls[acl["NetworkAclId"]]
    return {}


@operation("CreateNetworkAclEntry")
def create_entry(call):
    """API reference: numbers 1 to 32766, one entry for each number and direction."""
    acl, entry = _find(call.params["NetworkAclId"]), _entry(call)
    if _same(acl, entry):
        raise AwsError(
            "NetworkAclEntryAlreadyExists", f"The network acl entry identified by {entry['RuleNumber']} already exists."
        )
    acl["Entries"].append(entry)
    return {}


@operation("ReplaceNetworkAclEntry")
def replace_entry(call):
    acl, entry = _find(call.params["NetworkAclId"]), _entry(call)
    acl["Entries"][acl["Entries"].index(_there(acl, entry))] = entry
    return {}


@operation("DeleteNetworkAclEntry")
def delete_entry(call):
    acl = _find(call.params["NetworkAclId"])
    if call.params["RuleNumber"] not in _NUMBERS:
        raise invalid(f"Rule number {call.params['RuleNumber']} can't be deleted")
    acl["Entries"].remove(_there(acl, call.params))
    return {}


@operation("ReplaceNetworkAclAssociation")
def associate(call):
    """API reference: "By default when you create a subnet, it's automatically associated with the default network
    ACL"; every subnet has one at any time."""
    acl = _find(call.params["NetworkAclId"])
    for before in stock._network_acls.values():
        for association in _associations(before):
            if association["NetworkAclAssociationId"] == call.params["AssociationId"]:
                subnet = association["SubnetId"]
                before["Associations"] = [each for each in before["Associations"] if each["SubnetId"] != subnet]
                made = {"NetworkAclAssociationId": new_id("aclassoc"), "SubnetId": subnet}
                if not acl["IsDefault"]:
                    acl["Associations"].append(made)
                return {"NewAssociationId": _of_subnet(acl, subnet)["NetworkAclAssociationId"]}
    raise AwsError(
        "InvalidAssociationID.NotFound", f"The association ID '{call.params['AssociationId']}' does not exist"
    )


def _entry(call):
    params = call.params
    if params["RuleNumber"] not in _NUMBERS:
        raise invalid(f"Rule number {params['RuleNumber']} is out of range")
    if params["Protocol"] in ("6", "17") and not params.get("PortRange"):
        raise AwsError("MissingParameter", "The request must contain the parameter portRange for TCP and UDP")
    kind = "Ipv6CidrBlock" if params.get("Ipv6CidrBlock") else "CidrBlock"
    members = ("RuleNumber", "Protocol", "RuleAction", "Egress", "PortRange", "IcmpTypeCode")
    return {name: params[name] for name in members if name in params} | {kind: network(params.get(kind, ""), kind)}


def _same(acl, entry):
    return [each for each in acl["Entries"] if all(each[name] == entry[name] for name in ("RuleNumber", "Egress"))]


def _there(acl, entry):
    found = _same(acl, entry)
    if not found:
        direction = "egress" if entry["Egress"] else "ingress"
        name = acl["NetworkAclId"]
        message = f"The network acl entry {direction} {entry['RuleNumber']} does not exist in network acl {name}"
        raise AwsError("InvalidNetworkAclEntry.NotFound", message)
    return found[0]


def _find(identified):
    if identified not in stock._network_acls:
        raise _not_found(identified)
    return stock._network_acls[identified]


def _not_found(identified):
    return AwsError("InvalidNetworkAclID.NotFound", f"The networkAcl ID '{identified}' does not exist")


def _associations(acl):
    """Those that were created; the default one has every other subnet of its VPC."""
    if not acl["IsDefault"]:
        return acl["Associations"]
    others = {each["SubnetId"] for other in stock._network_acls.values() for each in other["Associations"]}
    subnets = [subnet for subnet in stock._subnets.values() if subnet["VpcId"] == acl["VpcId"]]
    return [
        {"NetworkAclAssociationId": f"aclassoc-{subnet['SubnetId'].split('-')[1]}", "SubnetId": subnet["SubnetId"]}
        for subnet in subnets
        if subnet["SubnetId"] not in others
    ]


def _of_subnet(acl, subnet_id):
    return next(each for each in _associations(acl) if each["SubnetId"] == subnet_id)


def _shown(acl):
    identified = acl["NetworkAclId"]
    return {
        "NetworkAclId": identified,
        "VpcId": acl["VpcId"],
        "IsDefault": acl["IsDefault"],
        "OwnerId": acl["OwnerId"],
        "Entries": acl["Entries"],
        "Associations": [each | {"NetworkAclId": identified} for each in _associations(acl)],
        "Tags": tags_of(identified),
    }


def _filter_values(acl):
    associations = _associations(acl)
    return {
        "network-acl-id": [acl["NetworkAclId"]],
        "vpc-id": [acl["VpcId"]],
        "owner-id": [acl["OwnerId"]],
        "default": ["true" if acl["IsDefault"] else "false"],
        "association.association-id": [each["NetworkAclAssociationId"] for each in associations],
        "association.network-acl-id": [acl["NetworkAclId"]] if associations else [],
        "association.subnet-id": [each["SubnetId"] for each in associations],
        "entry.cidr": [each["CidrBlock"] for each in acl["Entries"] if "CidrBlock" in each],
        "entry.rule-action": [each["RuleAction"] for each in acl["Entries"]],
        "entry.rule-number": [each["RuleNumber"] for each in acl["Entries"]],
    }
