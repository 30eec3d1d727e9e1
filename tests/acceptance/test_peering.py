"""`xeks_cluster_peering`: applied, present in both accounts, an empty plan, updated without churn, destroyed without a trace."""

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT
from cluster_peering import ADDRESS, CASES, peering
from cross_account_access import access
from network import Network, vpc

ABROAD = "eu-west-1"


@pytest.fixture
def network(aws) -> Network:
    return Network(aws)


def block_of_other_account(network: Network, account: str) -> str:
    """The first block of the VPC in the other account."""
    return network.blocks({"cluster": "workload", "workload": "cluster"}[account])[0]


@pytest.mark.parametrize("case", CASES)
def test_a_case_applies_plans_empty_and_destroys_without_a_trace(workspace, network, case):
    before = network.left()
    root = workspace(peering(network.workload_vpc, *CASES[case]))

    root.apply()
    assert network.left() != before
    root.assert_empty_plan()

    root.destroy()
    assert network.left() == before


def test_traffic_is_routed_in_both_directions(workspace, network):
    root = workspace(peering(network.workload_vpc, 'tags = { team = "x" }'))
    root.apply()

    (connection,) = network.connections()
    made, state = connection["VpcPeeringConnectionId"], root.state(ADDRESS)
    assert connection["Status"]["Code"] == "active"
    assert connection["RequesterVpcInfo"]["OwnerId"] == WORKLOAD_ACCOUNT
    assert connection["AccepterVpcInfo"]["OwnerId"] == CLUSTER_ACCOUNT
    assert (state["peering_connection_id"], state["status"], state["id"]) == (made, "active", f"{CLUSTER}/{made}")
    for account in ("cluster", "workload"):
        assert set(network.routes(account).values()) == {made}
        own_tags = {tag["Key"]: tag["Value"] for tag in network.seen(account, made)["Tags"]}
        assert own_tags["team"] == "x" and own_tags["xeks:resource"].startswith("xeks_cluster_peering:")
    # Every table of the workload VPC; of the cluster's VPC those that serve its subnets.
    assert len(network.routes("workload")) == len(network.tables("workload"))
    with_subnets = [t for t in network.tables("cluster") if any("SubnetId" in each for each in t["Associations"])]
    assert sorted(network.routes("cluster")) == sorted(f"{t['RouteTableId']}/10.30.0.0/16" for t in with_subnets)
    assert list(network.rules()) == ["10.30.0.0/16"]
    assert network.dns(made) == {"cluster": False, "workload": False}
    assert sorted(state["routes"]) == sorted(
        f"{account}/{name}" for account in ("cluster", "workload") for name in network.routes(account)
    )


def test_the_main_table_serves_subnets_that_have_no_table_of_their_own(workspace, aws, network):
    ec2 = network.ec2("cluster")
    for table in network.tables("cluster"):
        for each in table["Associations"]:
            if "SubnetId" in each:
                ec2.disassociate_route_table(AssociationId=each["RouteTableAssociationId"])
    before = network.left()
    root = workspace(peering(network.workload_vpc))
    root.apply()

    main = next(t["RouteTableId"] for t in network.tables("cluster") if any(a.get("Main") for a in t["Associations"]))
    assert list(network.routes("cluster")) == [f"{main}/10.30.0.0/16"]
    root.assert_empty_plan()
    root.destroy()
    assert network.left() == before


def test_dns_resolution_is_enabled_in_both_directions_and_disabled_again(workspace, network):
    root = workspace(peering(network.workload_vpc, "dns_resolution = true"))
    root.apply()
    (made,) = [each["VpcPeeringConnectionId"] for each in network.connections()]
    assert network.dns(made) == {"cluster": True, "workload": True}

    root.write(peering(network.workload_vpc))
    root.apply()
    assert network.dns(made) == {"cluster": False, "workload": False}
    root.assert_empty_plan()


def test_a_vpc_in_another_region_is_peered(workspace, aws):
    home = Network(aws)
    network = Network(aws, vpc(aws, "workload", "10.40.0.0/16", ABROAD), ABROAD)
    before = home.left()
    root = workspace(peering(network.workload_vpc, f'workload_region = "{ABROAD}"', "dns_resolution = true"))
    root.apply()

    (connection,) = network.connections()
    made = connection["VpcPeeringConnectionId"]
    assert (connection["RequesterVpcInfo"]["Region"], connection["AccepterVpcInfo"]["Region"]) == (ABROAD, "ap-south-1")
    assert network.dns(made) == {"cluster": True, "workload": True}
    assert set(network.routes("workload").values()) == set(network.routes("cluster").values()) == {made}
    root.assert_empty_plan()

    root.forget(ADDRESS)
    root.import_(ADDRESS, f"{CLUSTER}/{made}").must_work()
    root.assert_empty_plan()
    root.destroy()
    assert home.left() == before


def test_ipv6_blocks_get_routes_and_rules(workspace, network):
    for account in ("cluster", "workload"):
        network.add_block(account)
    before = network.left()
    root = workspace(peering(network.workload_vpc))
    root.apply()

    for account in ("cluster", "workload"):
        other = {"cluster": "workload", "workload": "cluster"}[account]
        assert {route.split("/", 1)[1] for route in network.routes(account)} == set(network.blocks(other))
    assert set(network.rules()) == set(network.blocks("workload"))
    root.assert_empty_plan()
    root.destroy()
    assert network.left() == before


def test_an_added_and_a_removed_cidr_block_change_nothing_else(workspace, network):
    root = workspace(peering(network.workload_vpc, 'workload_cidrs = ["10.30.0.0/24"]'))
    root.apply()
    objects = root.state(ADDRESS)["objects"]

    root.write(peering(network.workload_vpc, 'workload_cidrs = ["10.30.0.0/24", "10.30.1.0/24"]'))
    plan = root.plan()
    changed = [path for path in plan.changed(ADDRESS) if path.startswith("objects[")]
    assert changed and all("10.30.1.0/24" in path for path in changed)
    network.aws.clear_calls()
    root.apply("tfplan")
    writes = [
        call["action"] for call in network.aws.calls() if not call["action"].startswith(("Describe", "Get", "Assume"))
    ]
    assert sorted(writes) == ["AuthorizeSecurityGroupIngress", "CreateRoute", "CreateRoute", "CreateTags"]
    now = root.state(ADDRESS)["objects"]
    assert {name: now[name] for name in objects} == objects

    root.write(peering(network.workload_vpc, 'workload_cidrs = ["10.30.1.0/24"]'))
    root.apply()
    assert {route.split("/", 1)[1] for route in network.routes("cluster")} == {"10.30.1.0/24"}
    assert list(network.rules()) == ["10.30.1.0/24"]
    root.assert_empty_plan()


def test_a_workload_account_is_picked_by_its_key(cli, aws, workspace, network):
    root = workspace(
        peering(network.workload_vpc, 'workload_account = "payments"'),
        in_provider='  workload_accounts = { payments = { profile = "workload", region = "ap-south-1" } }\n',
    )
    root.apply()
    made = root.state(ADDRESS)["peering_connection_id"]
    assert root.state(ADDRESS)["id"] == f"{CLUSTER}/{made}/payments"
    root.forget(ADDRESS)
    root.import_(ADDRESS, f"{CLUSTER}/{made}/payments").must_work()
    root.assert_empty_plan()


def test_removing_an_access_resource_leaves_the_traffic_of_another_one(workspace, network):
    both = access() + access('name = "other-access"', 'name = "other-workload"', name="other")
    root = workspace(peering(network.workload_vpc) + both)
    root.apply()
    before = network.routes("cluster"), network.routes("workload"), network.rules()

    root.write(peering(network.workload_vpc) + access())
    root.apply()

    assert (network.routes("cluster"), network.routes("workload"), network.rules()) == before
    assert len(network.connections()) == 1
    root.assert_empty_plan()
