"""Replacement, import and failing calls of `xeks_cluster_peering`: nothing is lost, nothing is left behind.

tests/objects/failing_calls.rs and peering.rs have updates, destroys, and answers that are lost.
"""

import pytest
from accounts import CLUSTER
from cluster_peering import ADDRESS, peering
from faults import Write, fail_each_create, writes
from network import Network

LINES = ["dns_resolution = true", 'tags = { team = "x" }']


@pytest.fixture
def network(aws) -> Network:
    return Network(aws)


def assert_in_place(network: Network, root) -> None:
    (made,) = [each["VpcPeeringConnectionId"] for each in network.connections()]
    assert root.state(ADDRESS)["peering_connection_id"] == made
    assert set(network.routes("cluster").values()) == set(network.routes("workload").values()) == {made}
    assert list(network.rules()) == ["10.30.0.0/16"]
    root.assert_empty_plan()


def test_replace_creates_another_connection(workspace, network):
    root = workspace(peering(network.workload_vpc, *LINES))
    root.apply()
    old = root.state(ADDRESS)["peering_connection_id"]
    root.apply(f"-replace={ADDRESS}")
    assert root.state(ADDRESS)["peering_connection_id"] != old
    assert_in_place(network, root)


def test_a_tainted_connection_is_replaced(workspace, network):
    root = workspace(peering(network.workload_vpc))
    root.apply()
    root.run("taint", ADDRESS).must_work()
    root.apply()
    assert_in_place(network, root)


def test_create_before_destroy_keeps_the_traffic(workspace, network):
    first = "lifecycle {\n    create_before_destroy = true\n  }"
    root = workspace(peering(network.workload_vpc, first))
    root.apply()
    root.apply(f"-replace={ADDRESS}")
    assert_in_place(network, root)
    before = network.routes("cluster")
    assert before


def test_a_connection_without_a_state_is_taken_over(workspace, network):
    before = network.left()
    root = workspace(peering(network.workload_vpc, *LINES))
    root.apply()
    made = root.state(ADDRESS)["peering_connection_id"]
    root.forget(ADDRESS)
    root.apply()
    assert root.state(ADDRESS)["peering_connection_id"] == made
    assert_in_place(network, root)
    root.destroy()
    assert network.left() == before


def test_a_removed_and_imported_resource_plans_nothing(workspace, network):
    before = network.left()
    root = workspace(peering(network.workload_vpc, *LINES))
    root.apply()
    there, id = network.left(), root.state(ADDRESS)["id"]
    root.forget(ADDRESS)
    root.import_(ADDRESS, id).must_work()
    assert network.left() == there, "an import writes nothing"
    root.assert_empty_plan()
    assert {object["origin"] for object in root.state(ADDRESS)["objects"].values()} == {"imported"}
    root.destroy()
    assert network.left() == before


def test_named_tables_and_blocks_are_imported_as_they_are(workspace, network):
    table = network.tables("workload")[0]["RouteTableId"]
    lines = [f'workload_route_table_ids = ["{table}"]', 'cluster_cidrs = ["10.20.1.0/24"]', "allow_https = false"]
    root = workspace(peering(network.workload_vpc, *lines))
    root.apply()
    id = root.state(ADDRESS)["id"]
    root.forget(ADDRESS)
    root.import_(ADDRESS, id).must_work()
    root.assert_empty_plan()


def test_an_import_without_a_route_plans_it_and_an_apply_creates_it(workspace, network):
    root = workspace(peering(network.workload_vpc))
    root.apply()
    id = root.state(ADDRESS)["id"]
    root.forget(ADDRESS)
    table, block = next(iter(network.routes("workload"))).split("/", 1)
    network.ec2("workload").delete_route(RouteTableId=table, DestinationCidrBlock=block)
    root.import_(ADDRESS, id).must_work()
    # Routes in some tables only may be intended: the tables that have routes are imported as the ones named.
    root.apply()
    assert_in_place(network, root)


def test_a_destroy_keeps_an_imported_connection_that_the_configuration_names(workspace, network):
    made = network.connect()
    root = workspace(peering(network.workload_vpc, f'peering_connection_id = "{made}"'))
    root.import_(ADDRESS, f"{CLUSTER}/{made}").must_work()
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert network.seen("workload", made)["Status"]["Code"] == "active"


@pytest.mark.parametrize(
    "id, words",
    [
        ("prac-eks-abhi", "CLUSTER/pcx-"),
        ("prac-eks-abhi/vpc-1", "CLUSTER/pcx-"),
        ("prac-eks-abhi/pcx-0123456789abcdef0", "does not exist"),
        ("nowhere/pcx-0123456789abcdef0", "nowhere"),
    ],
)
def test_an_import_of_a_missing_connection_says_why(workspace, network, id, words):
    run = workspace(peering(network.workload_vpc)).import_(ADDRESS, id)
    assert run.code == 1 and words in " ".join(run.output.split())


def test_a_plan_only_reads(workspace, aws, network):
    root = workspace(peering(network.workload_vpc, *LINES))
    aws.clear_calls()
    root.plan()
    assert aws.calls() and writes(aws) == []


def test_a_create_that_fails_at_any_call_is_finished_by_the_next_apply(workspace, aws, network):
    before = network.left()
    root = workspace(peering(network.workload_vpc, *LINES))

    def gone(call: Write) -> None:
        assert network.left() == before, call

    fail_each_create(aws, root, at_least=8, in_place=lambda: assert_in_place(network, root), gone=gone)


def test_throttled_calls_are_retried(workspace, aws, network):
    root = workspace(peering(network.workload_vpc, *LINES))
    aws.faults.add("throttle", service="ec2", times=4)
    root.apply()
    assert_in_place(network, root)


def test_unreachable_accounts_are_warnings_and_replace_nothing(workspace, aws, network):
    root = workspace(peering(network.workload_vpc))
    root.apply()
    aws.faults.add("reset", service="ec2", times=1000)
    plan = root.try_plan("-refresh=false")
    aws.faults.clear()
    plan.must_work()
    root.assert_empty_plan()
