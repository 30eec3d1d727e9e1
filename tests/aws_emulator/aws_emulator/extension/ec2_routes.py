"""Route tables and routes.

Owns: what a route may lead to, and whether it does. Must not know: how a peering connection comes to be.
"""

from ministack.services import ec2 as stock

from . import ec2_nat_gateways, ec2_peering, ec2_vpcs
from .call import AwsError
from .ec2_calls import chosen, invalid, network, operation, tags_of, within

_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
_TARGETS = (
    "GatewayId",
    "NatGatewayId",
    "InstanceId",
    "NetworkInterfaceId",
    "VpcPeeringConnectionId",
    "TransitGatewayId",
    "EgressOnlyInternetGatewayId",
    "VpcEndpointId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
)


@operation("CreateRouteTable")
async def create_table(call):
    ec2_vpcs.find(call.params["VpcId"])
    made = await call.stock()
    return {"RouteTable": _shown(stock._route_tables[made["RouteTable"]["RouteTableId"]])}


@operation("DeleteRouteTable")
async def delete_table(call):
    """API reference: "You must disassociate the route table from any subnets before you can delete it. You can't
    delete the main route table." """
    table = _table(call)
    if table["Associations"]:
        identified = table["RouteTableId"]
        raise AwsError("DependencyViolation", f"The routeTable '{identified}' has dependencies and cannot be deleted.")
    return await call.stock()


@operation("DescribeRouteTables")
def describe(call):
    ids = call.params.get("RouteTableIds", [])
    tables = stock._route_tables.values()
    found, more = chosen(call, tables, "RouteTableId", ids, _table_not_found, _filter_values)
    return {"RouteTables": [_shown(table) for table in found], **more}


@operation("AssociateRouteTable")
async def associate(call):
    """VPC user guide, Subnet route tables: "A subnet can only be associated with one route table at a time." """
    _table(call)
    subnet = call.params.get("SubnetId")
    if subnet and subnet not in stock._subnets:
        raise AwsError("InvalidSubnetID.NotFound", f"The subnet ID '{subnet}' does not exist")
    if subnet and any(
        subnet == each.get("SubnetId") for table in stock._route_tables.values() for each in table["Associations"]
    ):
        raise AwsError("Resource.AlreadyAssociated", f"the specified association for subnet {subnet} already exists")
    return await call.stock()


@operation("CreateRoute")
def create(call):
    """API reference: one destination, one target. The same route again succeeds; one for the same destination that
    leads elsewhere is RouteAlreadyExists, and nothing is overwritten."""
    table, (kind, destination), target = _table(call), _destination(call), _target(call)
    _check_target(table, destination, target)
    there = _route_to(table, kind, destination)
    if there is None:
        table["Routes"].append({kind: destination, **target, "State": "active", "Origin": "CreateRoute"})
    elif any(there.get(name) != value for name, value in target.items()):
        raise AwsError("RouteAlreadyExists", f"The route identified by {destination} already exists.")
    return {"Return": True}


@operation("ReplaceRoute")
def replace(call):
    """API reference: replaces the target of a route that exists."""
    table, (kind, destination), target = _table(call), _destination(call), _target(call)
    there = _route_to(table, kind, destination)
    if there is None:
        raise invalid(f"There is no route defined for '{destination}' in the route table. Use CreateRoute instead.")
    _check_target(table, destination, target)
    for name in _TARGETS:
        there.pop(name, None)
    there |= target
    return {}


@operation("DeleteRoute")
def delete(call):
    """EC2 error codes: InvalidRoute.NotFound. VPC user guide: the local route can't be removed."""
    table, (kind, destination) = _table(call), _destination(call)
    there = _route_to(table, kind, destination)
    name = table["RouteTableId"]
    if destination in _blocks(table):
        raise invalid(f"cannot remove local route {destination} in route table {name}")
    if there is None:
        raise AwsError(
            "InvalidRoute.NotFound", f"no route with destination-cidr-block {destination} in route table {name}"
        )
    table["Routes"].remove(there)
    return {}


def _routes(table):
    """VPC user guide, Route tables: every table has a local route for each CIDR block of its VPC, also a later one."""
    local = [
        {_kind(block): block, "GatewayId": "local", "State": "active", "Origin": "CreateRouteTable"}
        for block in _blocks(table)
    ]
    return local + [route | {"State": _state(route)} for route in _own(table)]


def _own(table):
    """The routes that were created; ministack also keeps a local one, for the VPC's first block only."""
    return [route for route in table["Routes"] if route.get("GatewayId") != "local"]


def _blocks(table):
    vpc = ec2_vpcs.find(table["VpcId"])
    return ec2_vpcs.ipv4_blocks(vpc) + ec2_vpcs.ipv6_blocks(vpc)


def _kind(block):
    return "DestinationIpv6CidrBlock" if ":" in block else "DestinationCidrBlock"


def _table(call):
    identified = call.params["RouteTableId"]
    if identified not in stock._route_tables:
        raise _table_not_found(identified)
    return stock._route_tables[identified]


def _table_not_found(identified):
    return AwsError("InvalidRouteTableID.NotFound", f"The routeTable ID '{identified}' does not exist")


def _destination(call):
    given = [name for name in _DESTINATIONS if call.params.get(name)]
    if len(given) != 1:
        raise AwsError("MissingParameter", "The request must contain exactly one destination")
    name = given[0]
    value = call.params[name]
    return name, value if name.endswith("Id") else network(value, name[0].lower() + name[1:])


def _target(call):
    given = {name: call.params[name] for name in _TARGETS if call.params.get(name)}
    if len(given) != 1:
        raise AwsError("InvalidParameterCombination", "The request must contain exactly one target of the route")
    return given


def _check_target(table, destination, target):
    blocks = _blocks(table)
    to_interface = {"InstanceId", "NetworkInterfaceId", "VpcEndpointId"} & set(target)
    if "/" in destination and not to_interface and any(within(destination, block) for block in blocks):
        raise invalid(
            f"The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR "
            "blocks. This route can target only an interface or an instance."
        )
    peering_id = target.get("VpcPeeringConnectionId")
    if peering_id:
        peering = ec2_peering.find(peering_id)
        if not ec2_peering.standing(peering):
            raise ec2_peering.not_found(peering_id)
        if (*stock._route_tables._prefix(), table["VpcId"]) not in ec2_peering.ends(peering):
            raise invalid(
                f"route table {table['RouteTableId']} and vpc peering connection {peering_id} belong to different "
                "networks"
            )


def _route_to(table, kind, destination):
    return next((route for route in _own(table) if route.get(kind) == destination), None)


def _state(route):
    """VPC peering guide, Update your route tables: a route over a connection that is not active is a blackhole, also
    one left behind when the connection is deleted. VPC user guide, Delete a NAT gateway: so is a route to one."""
    if "NatGatewayId" in route:
        return "active" if ec2_nat_gateways.stands(route["NatGatewayId"]) else "blackhole"
    if "VpcPeeringConnectionId" not in route:
        return route["State"]
    return "active" if ec2_peering.carries(ec2_peering.find(route["VpcPeeringConnectionId"])) else "blackhole"


def _shown(table):
    propagating = [{"GatewayId": gateway} for gateway in table.get("PropagatingVgws", [])]
    associations = [each | {"AssociationState": {"State": "associated"}} for each in table["Associations"]]
    members = {member: table[member] for member in ("RouteTableId", "VpcId", "OwnerId")}
    tags = tags_of(table["RouteTableId"])
    return members | {
        "Routes": _routes(table),
        "Associations": associations,
        "PropagatingVgws": propagating,
        "Tags": tags,
    }


def _filter_values(table):
    routes, associations = _routes(table), table["Associations"]

    def of(records, member):
        return [record[member] for record in records if record.get(member)]

    return {
        "route-table-id": [table["RouteTableId"]],
        "vpc-id": [table["VpcId"]],
        "owner-id": [table["OwnerId"]],
        "association.main": ["true" if each.get("Main") else "false" for each in associations],
        "association.subnet-id": of(associations, "SubnetId"),
        "association.gateway-id": of(associations, "GatewayId"),
        "association.route-table-id": [table["RouteTableId"]] if associations else [],
        "association.route-table-association-id": of(associations, "RouteTableAssociationId"),
        "route.destination-cidr-block": of(routes, "DestinationCidrBlock"),
        "route.destination-ipv6-cidr-block": of(routes, "DestinationIpv6CidrBlock"),
        "route.gateway-id": of(routes, "GatewayId"),
        "route.nat-gateway-id": of(routes, "NatGatewayId"),
        "route.instance-id": of(routes, "InstanceId"),
        "route.transit-gateway-id": of(routes, "TransitGatewayId"),
        "route.vpc-peering-connection-id": of(routes, "VpcPeeringConnectionId"),
        "route.origin": of(routes, "Origin"),
        "route.state": of(routes, "State"),
    }
