"""Replacements of all three resources whose provider is killed during the create, during the destroy, or between the two: the newer
objects are never deleted, and the next apply and destroy end where they should."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import terminal
from accounts import Accounts, traces
from cases import Call
from every_object import CREATE_FIRST, all_of_all, identities
from killed_provider import killed_at
from network import Network

REPLACE = tuple(
    f"-replace={address}"
    for address in (
        "xeks_cross_account_access.ec2",
        "xeks_irsa_trust.app",
        "xeks_irsa_trust.pod",
        "xeks_cluster_peering.team",
    )
)
# Runs when every create is done and no destroy has begun: Terraform destroys a replaced resource after what depends on it.
GATE = """
resource "terraform_data" "gate" {
  triggers_replace = [for one in [xeks_cross_account_access.ec2, xeks_irsa_trust.app, xeks_irsa_trust.pod] : values(one.objects)[*].instance]
  depends_on       = [xeks_cluster_peering.team]
  provisioner "local-exec" {
    command = "test ! -e armed || { touch reached; while test -e armed; do sleep 0.02; done; }"
  }
}
"""
pytestmark = pytest.mark.one_cli


def assert_converges(root, aws, before: dict) -> None:
    """An apply and a destroy end where they should, and the newest objects are not replaced."""
    accounts, network = Accounts(aws), Network(aws)
    newest = identities(accounts, network)
    root.apply()
    assert identities(accounts, network) >= newest, "what the interrupted run had created or taken over is kept"
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def cmdline(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize(
    "call",
    [
        Call("workload", "iam", "TagRole"),
        pytest.param(Call("cluster", "iam", "PutRolePolicy", 2), marks=pytest.mark.long),
        pytest.param(Call("cluster", "eks", "TagResource"), marks=pytest.mark.long),
        Call("workload", "ec2", "CreateTags"),
    ],
    ids=str,
)
def test_a_kill_during_the_create_of_create_before_destroy(workspace, aws, call):
    before = Network(aws).left()
    root = workspace(all_of_all(aws, CREATE_FIRST))
    root.apply()

    killed_at(root, aws, call, *REPLACE)

    assert_converges(root, aws, before)


def test_a_kill_between_create_and_destroy_of_create_before_destroy(workspace, aws):
    before = Network(aws).left()
    root = workspace(all_of_all(aws, CREATE_FIRST) + GATE)
    root.apply()
    (root.directory / "armed").touch()

    def during(process: subprocess.Popen) -> None:
        deadline = time.monotonic() + 60
        while not (root.directory / "reached").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        # The gate's shell is a child of the CLI too, and must continue.
        named = [pid for pid in terminal.children_of(process.pid) if b"provider-xeks" in cmdline(pid)]
        assert len(named) == 1
        os.kill(named[0], signal.SIGKILL)
        (root.directory / "armed").unlink()

    run = terminal.run(root, "apply", "-json", "-auto-approve", *REPLACE, during=during)

    assert run.code == 1, run.output
    assert_converges(root, aws, before)


@pytest.mark.parametrize(
    "call, takes_effect",
    [
        pytest.param(Call("cluster", "eks", "DeleteAccessEntry"), True, marks=pytest.mark.long),
        (Call("workload", "iam", "DeleteRole"), True),
        pytest.param(Call("workload", "iam", "DeleteRole"), False, marks=pytest.mark.long),
        (Call("workload", "ec2", "DeleteVpcPeeringConnection"), False),
        pytest.param(Call("workload", "ec2", "DeleteVpcPeeringConnection"), True, marks=pytest.mark.long),
        (Call("workload", "iam", "CreateRole"), True),
        pytest.param(Call("workload", "iam", "CreateRole"), False, marks=pytest.mark.long),
    ],
    ids=str,
)
def test_a_kill_during_a_replacement_that_destroys_first(workspace, aws, call, takes_effect):
    before = Network(aws).left()
    root = workspace(all_of_all(aws))
    root.apply()

    killed_at(root, aws, call, *REPLACE, takes_effect=takes_effect)

    assert_converges(root, aws, before)
