"""A sample of what drifts of `xeks_cluster_peering` is detected and corrected, and route tables, blocks and subnets that are added to the
VPCs or removed from them. tests/objects/drift has every object."""

from dataclasses import dataclass

import pytest
from accounts import CLUSTER, Accounts
from cluster_peering import ADDRESS, peering
from drift import Row
from network import HOME, Network, vpc

ABROAD = "eu-west-1"
HERE = "10.30.0.0/16"
THERE = "10.20.0.0/16"


class PeeredAccounts(Accounts):
    """The accounts, and the two VPCs that are peered."""

    network: Network


def network(accounts: PeeredAccounts) -> Network:
    return accounts.network


def connection(accounts: Accounts) -> dict:
    (found,) = network(accounts).connections()
    return found


def identified(accounts: Accounts) -> str:
    return connection(accounts)["VpcPeeringConnectionId"]


def routes(account: str):
    return lambda accounts: sorted(network(accounts).routes(account))


def all_there(accounts: Accounts) -> tuple:
    """Everything but the id of the connection, which a new one does not share."""
    net = network(accounts)
    alive = {each["VpcPeeringConnectionId"] for each in net.connections()}
    ways = [
        (account, sorted(net.routes(account)), set(net.routes(account).values()) <= alive)
        for account in ("cluster", "workload")
    ]
    return len(alive), ways, sorted(net.rules())


def dns(account: str):
    return lambda accounts: network(accounts).dns(identified(accounts))[account]


def tags(account: str):
    return lambda accounts: sorted(
        (tag["Key"], tag["Value"]) for tag in network(accounts).seen(account, identified(accounts))["Tags"]
    )


def rule_blocks(accounts: Accounts) -> list:
    filters = [{"Name": "group-id", "Values": [network(accounts).group]}]
    listed = network(accounts).ec2("cluster").describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    return sorted((r["IsEgress"], r["FromPort"], r.get("CidrIpv4", "")) for r in listed)


def delete_route(account: str, block: str):
    def change(accounts: Accounts):
        net = network(accounts)
        table = next(iter(net.routes(account))).split("/")[0]
        net.ec2(account).delete_route(RouteTableId=table, DestinationCidrBlock=block)

    return change


def delete_connection(accounts: Accounts):
    network(accounts).delete(identified(accounts))


def set_dns(account: str, on: bool):
    def change(accounts: Accounts):
        side = {"workload": "Requester", "cluster": "Accepter"}[account]
        options = {f"{side}PeeringConnectionOptions": {"AllowDnsResolutionFromRemoteVpc": on}}
        network(accounts).ec2(account).modify_vpc_peering_connection_options(
            VpcPeeringConnectionId=identified(accounts), **options
        )

    return change


def untag(account: str, key: str):
    def change(accounts: Accounts):
        network(accounts).ec2(account).delete_tags(Resources=[identified(accounts)], Tags=[{"Key": key}])

    return change


def change_rule(accounts: Accounts):
    """Another rule in its place, with its tags: as ModifySecurityGroupRules leaves it."""
    net = network(accounts)
    old = net.rules()[HERE]
    net.ec2("cluster").revoke_security_group_ingress(
        GroupId=net.group, SecurityGroupRuleIds=[old["SecurityGroupRuleId"]]
    )
    https = {"IpProtocol": "tcp", "FromPort": 8443, "ToPort": 8443, "IpRanges": [{"CidrIp": HERE}]}
    specified = [{"ResourceType": "security-group-rule", "Tags": old["Tags"]}]
    net.ec2("cluster").authorize_security_group_ingress(
        GroupId=net.group, IpPermissions=[https], TagSpecifications=specified
    )


def object_path(account: str, kind: str, name: str = "") -> str:
    return f'objects["{account}/ec2_{kind}/{name}'


def remove_note(accounts: Accounts):
    (note,) = (key for key, _ in tags("cluster")(accounts) if key.startswith("xeks:use:"))
    untag("cluster", note)(accounts)


BOTH = ("cluster", "workload")
PEERING = object_path("workload", "vpc_peering_connection")
BLOCKS = {"cluster": HERE, "workload": THERE}

ROWS = {
    "names": [
        Row("route of the workload VPC: deleted", routes("workload"), delete_route("workload", THERE), object_path("workload", "route")),
        Row("peering connection: deleted, its routes left as blackholes", all_there, delete_connection, PEERING),
        Row("note of the wanted routes: removed", tags("cluster"), remove_note, object_path("cluster", "vpc_peering_connection_use")),
        Row("HTTPS rule: changed into another", rule_blocks, change_rule, object_path("cluster", "security_group_rule")),
    ],
    "no-names": [Row("DNS option of the cluster side: on", dns("cluster"), set_dns("cluster", True), "dns_resolution")],
    "names-two-regions": [Row("tag removed in the workload account, in two regions", tags("workload"), untag("workload", "team"), PEERING)],
}  # fmt: skip


@dataclass(frozen=True)
class Mode:
    """The configuration that the rows of a mode run against."""

    lines: tuple[str, ...] = ()
    workload_region: str = HOME


NAMES = ("dns_resolution = true", 'tags = { team = "x" }')
MODES = {
    "names": Mode(NAMES),
    "no-names": Mode(),
    "names-two-regions": Mode((*NAMES, f'workload_region = "{ABROAD}"'), ABROAD),
}


@pytest.fixture(scope="module")
def applied(request, running_aws, drifting):
    accounts, mode = PeeredAccounts(running_aws), MODES[request.param]

    def set_up() -> str:
        accounts.network = Network(running_aws)
        if mode.workload_region != HOME:
            workload_vpc = vpc(running_aws, "workload", HERE, mode.workload_region)
            accounts.network = Network(running_aws, workload_vpc, mode.workload_region)
        return peering(accounts.network.workload_vpc, *mode.lines)

    return drifting(f"xeks_cluster_peering-{request.param}", ADDRESS, accounts, set_up)


CASES = [pytest.param(mode, row, id=f"{mode}: {row.name}") for mode, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("applied", "row"), CASES, indirect=["applied"], scope="module")
def test_drift_is_named_by_the_plan_and_corrected_by_an_apply(applied, row):
    applied.check(row)


@pytest.mark.parametrize("account", BOTH)
def test_a_new_route_table_gets_routes_and_a_deleted_one_leaves_the_state(workspace, aws, account):
    net = Network(aws)
    root = workspace(peering(net.workload_vpc))
    root.apply()
    before, kept = net.left(), net.routes(account)
    table = net.make_table(account)
    if account == "cluster":
        # Only tables that serve the cluster's subnets count.
        root.assert_empty_plan()
        return
    named = f'objects["workload/ec2_route/{table}/{THERE}"]'
    assert [path for path in root.plan().changed(ADDRESS) if path.startswith("objects[")] == [named]
    root.apply()
    assert net.routes(account) == kept | {f"{table}/{THERE}": next(iter(kept.values()))}
    root.assert_empty_plan()

    net.ec2(account).delete_route(RouteTableId=table, DestinationCidrBlock=THERE)
    net.ec2(account).delete_route_table(RouteTableId=table)
    root.apply()
    root.assert_empty_plan()
    assert net.routes(account) == kept
    assert tables_of(net.left()) == tables_of(before)


def tables_of(left: dict) -> dict:
    return {account: stores.get("ec2", {}).get("route_tables") for account, stores in left.items()}


def test_routes_follow_a_cluster_subnet_to_another_route_table(workspace, aws):
    net = Network(aws)
    root = workspace(peering(net.workload_vpc))
    root.apply()
    ec2, table = net.ec2("cluster"), net.make_table("cluster")
    (old, association) = next(
        (t["RouteTableId"], a["RouteTableAssociationId"])
        for t in net.tables("cluster")
        for a in t["Associations"]
        if "SubnetId" in a
    )
    subnet = next(
        a["SubnetId"]
        for t in net.tables("cluster")
        for a in t["Associations"]
        if a["RouteTableAssociationId"] == association
    )
    ec2.disassociate_route_table(AssociationId=association)
    ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)

    root.apply()
    found = net.routes("cluster")
    assert f"{table}/{HERE}" in found and f"{old}/{HERE}" not in found
    root.assert_empty_plan()


@pytest.mark.parametrize("account", BOTH)
def test_a_new_cidr_block_gets_routes_and_a_removed_one_loses_them(workspace, aws, account):
    net = Network(aws)
    root = workspace(peering(net.workload_vpc))
    root.apply()
    other = {"cluster": "workload", "workload": "cluster"}[account]
    kept, rules_before = net.routes(other), sorted(net.rules())
    added = net.add_block(account, "100.70.0.0/16")

    changed = [path for path in root.plan().changed(ADDRESS) if path.startswith("objects[")]
    assert changed and all("100.70.0.0/16" in path for path in changed)
    root.apply()
    assert {route.split("/", 1)[1] for route in net.routes(other)} == {BLOCKS[other], "100.70.0.0/16"}
    assert ("100.70.0.0/16" in net.rules()) == (account == "workload")
    root.assert_empty_plan()

    net.ec2(account).disassociate_vpc_cidr_block(AssociationId=added)
    root.apply()
    assert (net.routes(other), sorted(net.rules())) == (kept, rules_before)
    root.assert_empty_plan()


def test_a_cluster_recreated_in_another_vpc_replaces_the_connection(workspace, aws):
    net = Network(aws)
    accounts = Accounts(aws)
    accounts.make_cluster("blue", "API")
    root = workspace(peering(net.workload_vpc, cluster="blue"))
    root.apply()
    role = accounts.eks.describe_cluster(name=CLUSTER)["cluster"]["roleArn"]
    accounts.eks.delete_cluster(name="blue")
    ec2 = net.ec2("cluster")
    moved = ec2.create_vpc(CidrBlock="10.60.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=moved, CidrBlock=f"10.60.{n}.0/24", AvailabilityZone=f"ap-south-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, zone in enumerate("ab")
    ]
    accounts.eks.create_cluster(
        name="blue", roleArn=role, resourcesVpcConfig={"subnetIds": subnets}, accessConfig={"authenticationMode": "API"}
    )

    assert root.plan().actions(ADDRESS) == ["delete", "create"]
    root.apply()
    (found,) = net.connections()
    assert found["AccepterVpcInfo"]["VpcId"] == moved
    assert net.routes("cluster") == {}
    assert {route.split("/", 1)[1] for route in net.routes("workload")} == {"10.60.0.0/16"}
    root.assert_empty_plan()


def test_a_destroy_after_the_connection_was_deleted_leaves_nothing(workspace, aws):
    net = Network(aws)
    before = net.left()
    root = workspace(peering(net.workload_vpc, "dns_resolution = true"))
    root.apply()
    net.delete(root.state(ADDRESS)["peering_connection_id"])
    root.destroy()
    assert net.left() == before
