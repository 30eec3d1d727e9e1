"""VPCs and their CIDR blocks.

Owns: the VPC calls that concern CIDR blocks, and what others ask about a VPC. Must not know: peerings, routes.
"""

import ipaddress
import secrets

from ministack.services import ec2 as stock

from .call import AwsError
from .ec2_calls import chosen, invalid, network, new_id, operation, overlap, tags_of


@operation("CreateVpc")
async def create(call):
    """VPC user guide, VPC CIDR blocks: /16 to /28. With AmazonProvidedIpv6CidrBlock an IPv6 /56 comes along."""
    if "CidrBlock" in call.params:
        block = ipaddress.ip_network(network(call.params["CidrBlock"]))
        if not 16 <= block.prefixlen <= 28:
            raise AwsError("InvalidVpc.Range", f"The CIDR '{call.params['CidrBlock']}' is invalid.")
        made = await call.stock(CidrBlock=str(block))
    else:
        made = await call.stock()
    vpc = stock._vpcs[made["Vpc"]["VpcId"]]
    if call.params.get("AmazonProvidedIpv6CidrBlock"):
        _add_ipv6(vpc)
    return {"Vpc": shown(vpc)}


@operation("DescribeVpcs")
def describe(call):
    vpcs, more = chosen(call, stock._vpcs.values(), "VpcId", call.params.get("VpcIds", []), not_found, _filter_values)
    return {"Vpcs": [shown(vpc) for vpc in vpcs], **more}


@operation("AssociateVpcCidrBlock")
def associate(call):
    """VPC user guide, Add a CIDR block: it may not overlap one that the VPC has."""
    vpc = find(call.params["VpcId"])
    if call.params.get("AmazonProvidedIpv6CidrBlock"):
        return {"VpcId": vpc["VpcId"], "Ipv6CidrBlockAssociation": _ipv6_shown(_add_ipv6(vpc))}
    block = network(call.params.get("CidrBlock", ""))
    if any(overlap(block, other) for other in ipv4_blocks(vpc)):
        raise AwsError("InvalidVpc.Range", f"The CIDR '{block}' conflicts with another of the VPC.")
    added = {"AssociationId": new_id("vpc-cidr-assoc"), "CidrBlock": block}
    vpc.setdefault("_more_blocks", []).append(added)
    return {"VpcId": vpc["VpcId"], "CidrBlockAssociation": _ipv4_shown(added)}


@operation("DisassociateVpcCidrBlock")
def disassociate(call):
    """VPC user guide, Remove a CIDR block: not the primary one."""
    for vpc in stock._vpcs.values():
        for member, show in (("_more_blocks", _ipv4_shown), ("_ipv6_blocks", _ipv6_shown)):
            for block in vpc.get(member, []):
                if block["AssociationId"] == call.params["AssociationId"]:
                    vpc[member].remove(block)
                    kind = "Ipv6CidrBlockAssociation" if "Ipv6CidrBlock" in block else "CidrBlockAssociation"
                    return {"VpcId": vpc["VpcId"], kind: show(block, "disassociating")}
    raise AwsError(
        "InvalidVpcCidrBlockAssociationID.NotFound",
        f"The vpc CIDR block association ID '{call.params['AssociationId']}' does not exist",
    )


def find(vpc_id):
    """The caller's VPC of this region, or the error EC2 answers."""
    if vpc_id not in stock._vpcs:
        raise not_found(vpc_id)
    return stock._vpcs[vpc_id]


def find_in(account, region, vpc_id):
    """Any account's VPC, or None."""
    return stock._vpcs.get_scoped(account, region, vpc_id)


def ipv4_blocks(vpc):
    return [vpc["CidrBlock"], *(block["CidrBlock"] for block in vpc.get("_more_blocks", []))]


def ipv6_blocks(vpc):
    return [block["Ipv6CidrBlock"] for block in vpc.get("_ipv6_blocks", [])]


def shown(vpc):
    first = {"AssociationId": f"vpc-cidr-assoc-{vpc['VpcId'][4:]}", "CidrBlock": vpc["CidrBlock"]}
    members = ("VpcId", "State", "CidrBlock", "DhcpOptionsId", "InstanceTenancy", "IsDefault", "OwnerId")
    answer = {member: vpc[member] for member in members}
    answer["CidrBlockAssociationSet"] = [_ipv4_shown(block) for block in (first, *vpc.get("_more_blocks", []))]
    answer["Ipv6CidrBlockAssociationSet"] = [_ipv6_shown(block) for block in vpc.get("_ipv6_blocks", [])] or None
    return answer | {"Tags": tags_of(vpc["VpcId"])}


def not_found(vpc_id):
    return AwsError("InvalidVpcID.NotFound", f"The vpc ID '{vpc_id}' does not exist")


def _add_ipv6(vpc):
    if vpc.get("_ipv6_blocks"):
        raise invalid("The VPC has an Amazon-provided IPv6 CIDR block already.")
    block = f"2406:da1a:{secrets.randbelow(0x10000):x}:{secrets.randbelow(0x100) << 8:x}::/56"
    added = {"AssociationId": new_id("vpc-cidr-assoc"), "Ipv6CidrBlock": network(block)}
    vpc.setdefault("_ipv6_blocks", []).append(added)
    return added


def _ipv4_shown(block, state="associated"):
    return block | {"CidrBlockState": {"State": state}}


def _ipv6_shown(block, state="associated"):
    return block | {"Ipv6CidrBlockState": {"State": state}, "Ipv6Pool": "Amazon"}


def _filter_values(vpc):
    return {
        "vpc-id": [vpc["VpcId"]],
        "cidr": [vpc["CidrBlock"]],
        "cidr-block-association.cidr-block": ipv4_blocks(vpc),
        "cidr-block-association.state": ["associated"],
        "ipv6-cidr-block-association.ipv6-cidr-block": ipv6_blocks(vpc),
        "dhcp-options-id": [vpc["DhcpOptionsId"]],
        "is-default": ["true" if vpc["IsDefault"] else "false"],
        "owner-id": [vpc["OwnerId"]],
        "state": [vpc["State"]],
    }
