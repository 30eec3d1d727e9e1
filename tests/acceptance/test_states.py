"""Stored states: those of every mode and version are read, those of a newer provider or another kind are refused."""

import json
import os

import pytest
import states
from accounts import traces
from network import Network

#: Members that an entry of the ledger did not have in older versions.
LATER = ("tags", "instance", "added", "pending")
#: A usage tag on a peering connection is found by its instance, and has always had one.
NOTE = "ec2_vpc_peering_connection_use"


def test_the_states_of_all_modes_are_stored_and_plan_nothing_with_an_older_ledger(workspace, aws):
    hcl = states.modes(aws)
    Network(aws).left()
    before = aws.dump()
    root = workspace(hcl)
    root.apply()
    imported = {address: state["id"] for address, state in root.resources().items() if address.endswith(".imported")}
    for address, id in imported.items():
        root.forget(address)
        root.import_(address, id).must_work()
    root.write(states.INTERRUPTED, "interrupted.tf")
    aws.faults.add("deny", service="eks", action="AssociateAccessPolicy")
    root.try_apply().must_fail("AssociateAccessPolicy")
    made = states.instances(root)
    kept = {(kind, name.split("-", 1)[1]) for kind, name in states.stored()}
    if os.environ.get("XEKS_WRITE"):
        for (kind, mode), state in made.items():
            states.keep(kind, mode, state)
    else:
        assert not made.keys() - kept, "a mode whose state is not stored: run `make states`"

    root.apply()
    states.edit(root, as_of_old)
    root.assert_empty_plan()
    root.destroy()
    Network(aws).left()
    assert not traces(aws, before)


def as_of_old(attributes: dict) -> None:
    """Removes from the ledger what older versions did not store for objects that one resource owns."""
    for key, entry in attributes["objects"].items():
        if entry["origin"] in ("created", "imported") and NOTE not in key:
            for name in LATER:
                del entry[name]


def test_every_stored_state_is_read_by_the_cli(workspace):
    root = workspace("")
    stored = states.stored()
    assert len(stored) >= 15
    states.lay_down(root, stored)

    changes = root.plan("-destroy", "-refresh=false").changes

    assert {change["actions"][0] for change in changes.values()} == {"delete"}
    assert len(changes) == len(stored)


@pytest.mark.parametrize("kind", ["xeks_cross_account_access", "xeks_cluster_peering", "xeks_irsa_trust"])
def test_a_state_of_a_newer_version_is_refused_and_kept(workspace, kind):
    root = workspace("")
    (state,) = [state for key, state in states.stored().items() if key == (kind, "v0-plain")]
    states.lay_down(root, {(kind, "later"): state | {"schema_version": 7}})
    before = (root.directory / "terraform.tfstate").read_text()

    # Both CLIs compare the versions and refuse by themselves; the provider would refuse as well.
    root.try_plan("-refresh=false").must_fail(f"{kind}.later", "newer provider version")
    assert root.try_destroy().code == 1

    assert (root.directory / "terraform.tfstate").read_text() == before


def test_an_unknown_ledger_and_a_flatmap_state_are_refused(workspace):
    root = workspace("")
    (state,) = [state for key, state in states.stored().items() if key == ("xeks_irsa_trust", "v0-plain")]
    later = json.loads(json.dumps(state).replace('"origin": "created"', '"origin": "borrowed"'))
    states.lay_down(root, {("xeks_irsa_trust", "later"): later})
    root.try_plan("-refresh=false").must_fail("The state of xeks_irsa_trust can't be read", "objects[", "state rm")

    flat = {"schema_version": 0, "attributes_flat": {"id": "x", "cluster_name": "y"}}
    states.lay_down(root, {("xeks_irsa_trust", "old"): flat})
    root.try_plan("-refresh=false").must_fail("the state of xeks_irsa_trust", "xeks never writes such a state")
