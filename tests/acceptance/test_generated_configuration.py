"""Configurations that the CLI writes itself (`plan -generate-config-out`) for what is imported: they validate, change nothing
but the import, keep what xeks created as its own, and a destroy deletes it.

Terraform documentation, "Generate configuration": the file has each argument with its value in the imported state, optional
and computed ones included.
"""

import pytest
from accounts import CLUSTER, Accounts, traces
from cluster_peering import ADDRESS as PEERING
from cluster_peering import CASES as PEERINGS
from cluster_peering import peering
from cross_account_access import ADDRESS as ACCESS
from cross_account_access import CASES as ACCESSES
from harness import Plan, Workspace
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CASES as TRUSTS
from network import Network

GENERATED = "generated.tf"


def generate(root: Workspace, address: str, id: str) -> Plan:
    """Drops the resource from the state and lets the CLI write the configuration of its import; returns that plan."""
    root.forget(address)
    root.write("")
    root.write(f'import {{\n  to = {address}\n  id = "{id}"\n}}\n', "import.tf")
    return root.plan(f"-generate-config-out={GENERATED}")


def assert_generated_is_kept(root: Workspace, aws, address: str, before: dict) -> None:
    """The configuration as written: no change in any plan, everything still the resource's own, gone after a destroy."""
    origins = origins_of(root, address)
    plan = generate(root, address, root.state(address)["id"])
    assert plan.changed(address) == [], (root.directory / GENERATED).read_text()
    there = aws.dump()
    root.validate().must_work()
    root.apply("tfplan")
    assert not traces(aws, there), "an import writes nothing"
    (root.directory / "import.tf").unlink()
    root.assert_empty_plan()
    assert origins_of(root, address) == {
        key: "imported" if origin == "created" else origin for key, origin in origins.items()
    }
    root.destroy()
    assert not traces(aws, before)


def origins_of(root: Workspace, address: str) -> dict[str, str]:
    return {key: object["origin"] for key, object in root.state(address)["objects"].items()}


@pytest.mark.parametrize("case", ACCESSES)
def test_the_generated_configuration_of_an_access_is_kept(workspace, aws, case):
    before = aws.dump()
    root = workspace(ACCESSES[case])
    root.apply()
    assert_generated_is_kept(root, aws, ACCESS, before)


@pytest.mark.parametrize("case", TRUSTS)
def test_the_generated_configuration_of_a_trust_is_kept(workspace, aws, case):
    before = aws.dump()
    root = workspace(TRUSTS[case])
    root.apply()
    assert_generated_is_kept(root, aws, TRUST, before)


@pytest.mark.parametrize("case", PEERINGS)
def test_the_generated_configuration_of_a_peering_is_kept(workspace, aws, case):
    network = Network(aws)
    before = network.left()
    root = workspace(peering(network.workload_vpc, *PEERINGS[case]))
    root.apply()
    origins = origins_of(root, PEERING)
    plan = generate(root, PEERING, root.state(PEERING)["id"])
    assert plan.changed(PEERING) == [], (root.directory / GENERATED).read_text()
    root.apply("tfplan")
    (root.directory / "import.tf").unlink()
    root.assert_empty_plan()
    assert set(origins_of(root, PEERING).values()) == {"imported"}
    root.destroy()
    assert network.left() == before
