"""VPC peering connections: requested on one side, accepted on the other, seen by both.

Owns: their life, and their options. Must not know: the routes that lead over them.

The states are those of the VPC peering guide, "VPC peering connection lifecycle". As on AWS, requesting,
accepting and deleting take a moment: the answer shows initiating-request, provisioning or deleting, and what
needs the next state fails until it is reached.
"""

import time

from ministack.services import ec2 as stock

from . import consistency, ec2_vpcs
from .call import AwsError
from .ec2_calls import chosen, new_id, operation, overlap, put_tags, tags_for, tags_of

#: How long a state that only leads to the next one lasts, in seconds.
TRANSITION = 0.15
_WEEK = 7 * 24 * 3600
_FAILED = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
_OPTIONS = (
    "AllowDnsResolutionFromRemoteVpc",
    "AllowEgressFromLocalClassicLinkToRemoteVpc",
    "AllowEgressFromLocalVpcToRemoteClassicLink",
)


@operation("CreateVpcPeeringConnection")
def create(call):
    """API reference: expires after 7 days; overlapping CIDR blocks end in the status failed, as does a wrong peer.
    A request for a pair that is pending or active already answers with that one (as the aws provider documents)."""
    requester = _side(call.account, call.region, ec2_vpcs.find(call.params["VpcId"]))
    if "PeerVpcId" not in call.params:
        raise AwsError("MissingParameter", "The request must contain the parameter peerVpcId")
    accepter = {
        "OwnerId": call.params.get("PeerOwnerId", call.account),
        "VpcId": call.params["PeerVpcId"],
        "Region": call.params.get("PeerRegion", call.region),
    }
    tags = tags_for(call, "vpc-peering-connection")
    for other in _visible():
        if _pair(other) == (_end(requester), _end(accepter)) and _code(other) in _STANDING:
            return {"VpcPeeringConnection": _shown(other)}
    peering = {
        "VpcPeeringConnectionId": new_id("pcx"),
        "RequesterVpcInfo": requester,
        "AccepterVpcInfo": accepter,
        "ExpirationTime": time.time() + _WEEK,
        "_made": time.time(),
    }
    # ministack keeps a record for each side; here both are the same one.
    for side in (requester, accepter):
        stock._vpc_peering.set_scoped(side["OwnerId"], side["Region"], peering["VpcPeeringConnectionId"], peering)
    put_tags(peering["VpcPeeringConnectionId"], tags)
    peer = ec2_vpcs.find_in(accepter["OwnerId"], accepter["Region"], accepter["VpcId"])
    if peer is None or _overlapping(requester, _side(accepter["OwnerId"], accepter["Region"], peer)):
        next_state = ("failed", _FAILED)
    else:
        next_state = ("pending-acceptance", f"Pending Acceptance by {accepter['OwnerId']}")
    _move(peering, ("initiating-request", f"Initiating Request to {accepter['OwnerId']}"), next_state)
    return {"VpcPeeringConnection": _shown(peering)}


@operation("AcceptVpcPeeringConnection")
def accept(call):
    """VPC peering guide, Accept a VPC peering connection: by the owner of the accepter VPC, in that VPC's region.
    A second connection of the same two VPCs, asked for the other way round, is refused here."""
    peering = _found(call)
    _check_accepter(call, peering, "accept")
    _check_state(peering, ("pending-acceptance",), "active")
    if any(set(_pair(other)) == set(_pair(peering)) and _code(other) == "active" for other in _visible()):
        identified = peering["VpcPeeringConnectionId"]
        raise AwsError(
            "VpcPeeringConnectionAlreadyExists",
            f"The vpc peering connection identified by {identified} already exists.",
        )
    accepter = peering["AccepterVpcInfo"]
    accepter |= _side(call.account, call.region, ec2_vpcs.find(accepter["VpcId"]))
    for side in (peering["RequesterVpcInfo"], accepter):
        side["PeeringOptions"] = dict.fromkeys(_OPTIONS, False)
    _move(peering, ("provisioning", "Provisioning"), ("active", "Active"))
    return {"VpcPeeringConnection": _shown(peering)}


@operation("RejectVpcPeeringConnection")
def reject(call):
    """API reference: "The VPC peering connection request must be in the pending-acceptance state." """
    peering = _found(call)
    _check_accepter(call, peering, "reject")
    _check_state(peering, ("pending-acceptance",), "rejected")
    _move(peering, ("rejected", "Rejected by " + call.account))
    return {"Return": True}


@operation("DeleteVpcPeeringConnection")
def delete(call):
    """API reference: either owner deletes an active one; the requester also one that is pending; neither one that
    failed or was rejected."""
    peering = _found(call)
    states = ("active",) if call.account != peering["RequesterVpcInfo"]["OwnerId"] else ("active", "pending-acceptance")
    _check_state(peering, states, "deleting")
    by = f"by {call.account}"
    _move(peering, ("deleting", f"Deleting {by}"), ("deleted", f"Deleted {by}"))
    return {"Return": True}


@operation("DescribeVpcPeeringConnections")
def describe(call):
    ids = call.params.get("VpcPeeringConnectionIds", [])
    peerings, more = chosen(call, _visible(), "VpcPeeringConnectionId", ids, not_found, _filter_values)
    return {"VpcPeeringConnections": [_shown(peering) for peering in peerings], **more}


@operation("ModifyVpcPeeringConnectionOptions")
def modify_options(call):
    """API reference: each owner changes the options of its own side only, in its VPC's region ("if the peered VPCs
    are in different accounts, each owner must initiate a separate request"), and only once it is active."""
    peering = _found(call)
    if _code(peering) != "active":
        raise _not_permitted(
            f"Peering {peering['VpcPeeringConnectionId']} is not active. Peering options can be added only to active "
            "peerings."
        )
    answer = {}
    sides = {"requester": "RequesterVpcInfo", "accepter": "AccepterVpcInfo"}
    asked = {name: call.params.get(f"{name.capitalize()}PeeringConnectionOptions") for name in sides}
    if not any(options is not None for options in asked.values()):
        raise AwsError("MissingParameter", "The request must contain options of the requester or the accepter")
    for name, options in asked.items():
        side = peering[sides[name]]
        if options is not None and side["OwnerId"] != call.account:
            raise _not_permitted(
                f"User {call.account} does not have permission to modify the {name} side peering options"
            )
        if options is not None and side["Region"] != call.region:
            raise _not_permitted(
                f"{name.capitalize()}'s VPC Peering connection options cannot be modified for a different region"
            )
    for name, options in asked.items():
        if options is not None:
            side = peering[sides[name]]
            side["PeeringOptions"] = side["PeeringOptions"] | options
            answer[f"{name.capitalize()}PeeringConnectionOptions"] = side["PeeringOptions"]
    return answer


def find(peering_id):
    """The peering connection as this account and region sees it, or None."""
    return next((each for each in _visible() if each["VpcPeeringConnectionId"] == peering_id), None)


def carries(peering):
    """Whether traffic flows: a route over it is active only then, else a blackhole."""
    return peering is not None and _code(peering) == "active"


def standing(peering):
    """Whether a route may be made to it: it is, or may yet become, active (VPC peering guide, Update your route
    tables: also while it is pending acceptance)."""
    return peering is not None and _code(peering) in _STANDING


def ends(peering):
    """(account, region, VPC) of both sides."""
    return _pair(peering)


def not_found(peering_id):
    return AwsError(
        "InvalidVpcPeeringConnectionID.NotFound", f"The vpcPeeringConnection ID '{peering_id}' does not exist"
    )


_STANDING = ("initiating-request", "pending-acceptance", "provisioning", "active")


def _visible():
    """VPC peering guide, lifecycle: what has only been initiated, has failed, or has expired, shows to the requester
    alone. A new one may reach the accepter later than the answer says (`consistency`)."""
    here = stock._vpc_peering._prefix()

    def mine(peering):
        return (peering["RequesterVpcInfo"]["OwnerId"], peering["RequesterVpcInfo"]["Region"]) == here

    def theirs(peering):
        hidden = _code(peering) in ("initiating-request", "failed", "expired")
        return not hidden and not consistency.is_unseen(peering.get("_made", 0))

    return [peering for peering in stock._vpc_peering.values() if mine(peering) or theirs(peering)]


def _code(peering):
    """The current state."""
    reached, following = peering.get("_next") or (None, None)
    if reached and time.monotonic() >= reached:
        peering["Status"] = following
        del peering["_next"]
    if peering["Status"]["Code"] == "pending-acceptance" and time.time() > peering["ExpirationTime"]:
        peering["Status"] = {"Code": "expired", "Message": "Expired"}
    return peering["Status"]["Code"]


def _move(peering, to, then=None):
    code, message = to
    peering["Status"] = {"Code": code, "Message": message}
    if then:
        peering["_next"] = (time.monotonic() + TRANSITION, {"Code": then[0], "Message": then[1]})


def _found(call):
    peering = find(call.params["VpcPeeringConnectionId"])
    if peering is None:
        raise not_found(call.params["VpcPeeringConnectionId"])
    return peering


def _check_accepter(call, peering, verb):
    accepter, identified = peering["AccepterVpcInfo"], peering["VpcPeeringConnectionId"]
    if accepter["OwnerId"] != call.account:
        raise _not_permitted(f"User {call.account} cannot {verb} peering {identified}")
    if accepter["Region"] != call.region:
        raise _not_permitted(
            f"Incorrect region ({call.region}) specified for this request. VPC peering connection {identified} must be "
            f"{verb}ed in region {accepter['Region']}"
        )


def _check_state(peering, allowed, target):
    if _code(peering) not in allowed:
        raise AwsError(
            "InvalidStateTransition",
            f"Invalid state transition for {peering['VpcPeeringConnectionId']}, attempted to transition from "
            f"{_code(peering)} to {target}",
        )


def _not_permitted(message):
    return AwsError("OperationNotPermitted", message)


def _side(account, region, vpc):
    """A side of a peering connection, with the VPC's CIDR blocks of this moment."""
    ipv6 = [{"Ipv6CidrBlock": block} for block in ec2_vpcs.ipv6_blocks(vpc)]
    return {
        "OwnerId": account,
        "VpcId": vpc["VpcId"],
        "Region": region,
        "CidrBlock": vpc["CidrBlock"],
        "CidrBlockSet": [{"CidrBlock": block} for block in ec2_vpcs.ipv4_blocks(vpc)],
    } | ({"Ipv6CidrBlockSet": ipv6} if ipv6 else {})


def _overlapping(one, other):
    """VPC peering guide, limitations: any overlap, IPv4 or IPv6, also of blocks that the peering is not meant for."""
    blocks = [
        [block["CidrBlock"] for block in side["CidrBlockSet"]]
        + [block["Ipv6CidrBlock"] for block in side.get("Ipv6CidrBlockSet", [])]
        for side in (one, other)
    ]
    return any(overlap(mine, theirs) for mine in blocks[0] for theirs in blocks[1])


def _end(side):
    return side["OwnerId"], side["Region"], side["VpcId"]


def _pair(peering):
    return _end(peering["RequesterVpcInfo"]), _end(peering["AccepterVpcInfo"])


def _shown(peering):
    """The accepter's CIDR blocks show once it has accepted, the expiry until then (API reference)."""
    waiting = _code(peering) in ("initiating-request", "pending-acceptance")
    shown = {name: value for name, value in peering.items() if not name.startswith("_")}
    if not waiting:
        del shown["ExpirationTime"]
    return shown | {"Tags": tags_of(peering["VpcPeeringConnectionId"])}


def _filter_values(peering):
    values = {
        "vpc-peering-connection-id": [peering["VpcPeeringConnectionId"]],
        "status-code": [_code(peering)],
        "status-message": [peering["Status"]["Message"]],
        "expiration-time": [],
    }
    for side in ("requester", "accepter"):
        info = peering[f"{side.capitalize()}VpcInfo"]
        values[f"{side}-vpc-info.vpc-id"] = [info["VpcId"]]
        values[f"{side}-vpc-info.owner-id"] = [info["OwnerId"]]
        values[f"{side}-vpc-info.cidr-block"] = [info["CidrBlock"]] if "CidrBlock" in info else []
    return values
