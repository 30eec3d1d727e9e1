"""What every case and update of the resources' tests does is what it did: tests/golden/acceptance/cases-*.json."""

import cluster_peering
import cross_account_access
import irsa_trust
import pytest
from accounts import Accounts
from cluster_peering import peering
from golden import Golden, changes, check
from network import Network
from role_drift import prepare
from workspaces import workspaces

pytestmark = pytest.mark.one_cli


def cases(aws) -> dict[str, dict[str, tuple[str, ...]]]:
    """What the tests of each resource apply, and what they change it to."""
    vpc = Network(aws).workload_vpc
    return {
        "access": {name: (hcl,) for name, hcl in cross_account_access.CASES.items()} | updates(cross_account_access),
        "irsa": {name: (hcl,) for name, hcl in irsa_trust.CASES.items()} | updates(irsa_trust),
        "peering": {name: (peering(vpc, *lines),) for name, lines in cluster_peering.CASES.items()},
    }


def updates(resource) -> dict[str, tuple[str, str]]:
    return {f"update: {name}": (update.before, update.after) for name, update in resource.UPDATES.items()}


@pytest.mark.parametrize("resource", ["access", "irsa", "peering"])
def test_the_cases_of_a_resource(cli, aws, tmp_path, resource):
    """The first one in full, and where each other one is otherwise."""
    seen = {}
    prepare(Accounts(aws))
    start, workspace = aws.snapshot(), workspaces(cli, aws, tmp_path)
    for case, (first, *second) in cases(aws)[resource].items():
        aws.restore(start)
        root = workspace(first)
        golden = Golden(root, aws)
        golden.apply("create").must_work()
        for hcl in second:
            root.write(hcl)
            golden.apply("update").must_work()
        golden.destroy()
        seen[case] = golden.seen
    base, *_ = seen.values()
    check(f"cases-{resource}", {case: one if one is base else changes(base, one) for case, one in seen.items()})
