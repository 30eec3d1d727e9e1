"""Each race of `make races` once; and many resources in one apply."""

import pytest
from accounts import traces
from many_resources import access, trust
from race_cases import CASES
from races import run_races

pytestmark = pytest.mark.one_cli

#: As many of xeks_cross_account_access as of xeks_irsa_trust.
COUNT = 200


def test_two_states_that_share_objects_lose_nothing_when_applied_at_once(cli, tmp_path):
    """Several cases at a time: most of a case is waiting for calls."""
    tallies = run_races(cli, tmp_path, CASES, count=1, workers=4)

    assert all(tally.runs == 1 for tally in tallies.values())
    assert not [lost for tally in tallies.values() for lost in tally.lost]


@pytest.mark.long
def test_two_hundred_resources_in_one_apply_fifty_at_a_time(workspace, aws):
    """All trusts share one OIDC provider, all connections one cluster."""
    before = aws.dump()
    root = workspace("".join(access(at) if at % 2 else trust(at) for at in range(COUNT)))
    root.timeout = 900
    root.apply("-parallelism=50")
    assert len(root.resources()) == COUNT
    root.assert_empty_plan("-parallelism=50")
    root.destroy("-parallelism=50")
    assert not traces(aws, before)
