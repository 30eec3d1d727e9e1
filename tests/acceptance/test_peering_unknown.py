"""Values that are unknown at plan time: the plan is as precise as possible, and the apply is consistent with it."""

import pytest
from cluster_peering import ADDRESS, peering
from network import Network


@pytest.fixture
def network(aws) -> Network:
    return Network(aws)


def later(value: str, name: str = "later") -> str:
    """A resource whose output is `value`, unknown until it is created, or replaced."""
    return f'resource "terraform_data" "{name}" {{\n  input = "{value}"\n  triggers_replace = var.turn\n}}\n'


TURN = 'variable "turn" { default = 1 }\n'


def with_vpc(expression: str, *lines: str) -> str:
    return peering("VPC", *lines).replace('"VPC"', expression)


def test_a_vpc_that_the_same_apply_creates(workspace, network):
    before = network.left()
    root = workspace(TURN + later(network.workload_vpc) + with_vpc("terraform_data.later.output"))
    assert root.plan().actions(ADDRESS) == ["create"]
    root.apply()
    assert set(network.routes("workload").values()) == {root.state(ADDRESS)["peering_connection_id"]}
    root.assert_empty_plan()
    root.destroy()
    assert network.left() == before


def test_a_connection_that_the_same_apply_creates_is_reused(workspace, network):
    made = network.connect()
    before = network.left()
    hcl = peering(network.workload_vpc, "peering_connection_id = terraform_data.later.output")
    root = workspace(TURN + later(made) + hcl)
    root.apply()
    assert root.state(ADDRESS)["peering_connection_id"] == made
    root.assert_empty_plan()
    root.destroy()
    assert network.left() == before


@pytest.mark.parametrize(
    "line",
    [
        "workload_cidrs = [terraform_data.later.output]",
        "https_source_cidrs = [terraform_data.later.output]",
        "tags = { block = terraform_data.later.output }",
        'dns_resolution = terraform_data.later.output == "x"',
    ],
)
def test_an_unknown_value_of_an_existing_peering_replaces_nothing(workspace, network, line):
    root = workspace(TURN + later("10.30.0.0/24") + peering(network.workload_vpc, line))
    root.apply()
    made = root.state(ADDRESS)["peering_connection_id"]
    root.assert_empty_plan()

    assert root.plan("-var=turn=2").actions(ADDRESS) == ["update"]
    root.apply("-var=turn=2")
    assert root.state(ADDRESS)["peering_connection_id"] == made
    root.assert_empty_plan("-var=turn=2")


def test_outputs_of_an_existing_peering_stay_known_in_an_update(workspace, network):
    out = f'output "connection" {{ value = {ADDRESS}.peering_connection_id }}\n'
    root = workspace(peering(network.workload_vpc) + out)
    root.apply()
    root.write(peering(network.workload_vpc, 'tags = { a = "b" }') + out)
    plan = root.plan()
    assert plan.outputs == {} and plan.actions(ADDRESS) == ["update"]
    assert all(".tags" in path or path.startswith("tags") for path in plan.changed(ADDRESS)), plan.changed(ADDRESS)
