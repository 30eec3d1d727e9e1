"""NAT gateways: the public addresses by which a VPC's traffic leaves.

Owns: their calls. Must not know: routes, which ask whether one is there.
"""

import time

from ministack.services import ec2 as stock

from .call import AwsError
from .ec2_calls import chosen, new_id, operation, put_tags, tags_for, tags_of


@operation("CreateNatGateway")
def create(call):
    """API reference: a public one, the default, needs an Elastic IP address of the account; it is pending first, but
    no test waits for that."""
    params = call.params
    subnet = stock._subnets.get(params.get("SubnetId"))
    if subnet is None:
        raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{params.get('SubnetId')}' does not exist")
    connectivity = params.get("ConnectivityType", "public")
    address = stock._addresses.get(params.get("AllocationId"))
    if connectivity == "public" and address is None:
        raise AwsError("MissingParameter", "The request must contain the parameter AllocationId")
    gateway = {
        "NatGatewayId": new_id("nat"),
        "SubnetId": subnet["SubnetId"],
        "VpcId": subnet["VpcId"],
        "State": "available",
        "ConnectivityType": connectivity,
        "CreateTime": time.time(),
        "_address": {"AllocationId": address["AllocationId"], "PublicIp": address["PublicIp"]} if address else {},
    }
    put_tags(gateway["NatGatewayId"], tags_for(call, "natgateway"))
    stock._nat_gateways[gateway["NatGatewayId"]] = gateway
    return {"NatGateway": _shown(gateway)}


@operation("DescribeNatGateways")
def describe(call):
    ids = call.params.get("NatGatewayIds", [])
    # The parameter is called Filter here, in the singular.
    call.params["Filters"] = call.params.get("Filters") or call.params.get("Filter", [])
    found, more = chosen(call, stock._nat_gateways.values(), "NatGatewayId", ids, _not_found, _filter_values)
    return {"NatGateways": [_shown(gateway) for gateway in found], **more}


@operation("DeleteNatGateway")
def delete(call):
    """API reference: it stays visible for about an hour, and its routes turn to blackholes."""
    identified = call.params["NatGatewayId"]
    if identified not in stock._nat_gateways:
        raise _not_found(identified)
    stock._nat_gateways[identified]["State"] = "deleted"
    return {"NatGatewayId": identified}


def stands(identified):
    gateway = stock._nat_gateways.get(identified)
    return gateway is not None and gateway["State"] == "available"


def _not_found(identified):
    return AwsError("NatGatewayNotFound", f"NatGateway {identified} was not found")


def _shown(gateway):
    shown = {name: value for name, value in gateway.items() if not name.startswith("_")}
    return shown | {"NatGatewayAddresses": [gateway["_address"]], "Tags": tags_of(gateway["NatGatewayId"])}


def _filter_values(gateway):
    return {
        "nat-gateway-id": [gateway["NatGatewayId"]],
        "vpc-id": [gateway["VpcId"]],
        "subnet-id": [gateway["SubnetId"]],
        "state": [gateway["State"]],
    }
