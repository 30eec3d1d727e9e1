"""How many calls an apply, an empty plan and a destroy make: IAM throttles each account, and a call is what xeks costs.

An apply plans, and plans again in a process of its own; a destroy reads first. Numbers of calls, not times.
"""

import json
from collections import Counter

import pytest
from accounts import TRUSTS_EC2
from cluster_peering import peering
from cross_account_access import ACCESS, WORKLOAD, access
from irsa_trust import POLICY, ROLE, trust
from network import Network
from runner_policies import allow_all_roles

pytestmark = [pytest.mark.one_cli, pytest.mark.single_reads]

CLUSTER_ADMIN = 'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }'
INLINE = f"inline_policies = {{ bucket = {POLICY} }}"
FIFTY = "count = 50"
ACCESSES = access('name = "a${count.index}"', 'name = "w${count.index}", instance_profile = true', CLUSTER_ADMIN, FIFTY)
TRUSTS = trust('name = "r${count.index}", ' + INLINE, '{ namespace = "n${count.index}", name = "x" }', more=FIFTY)


def calls_of(aws, root) -> dict[str, Counter]:
    """Per job, how often each operation was called."""
    made = {}
    for job in ("apply", "assert_empty_plan", "destroy"):
        aws.clear_calls()
        getattr(root, job)()
        aws.quiet()
        made[job] = Counter(f"{call['service']}:{call['action']}" for call in aws.calls())
    return made


def assert_within(made: dict[str, Counter], budget: tuple[int, int, int]) -> None:
    for (job, calls), most in zip(made.items(), budget, strict=True):
        assert calls.total() <= most, f"{job}: {calls.total()} calls, {dict(sorted(calls.items()))}"


@pytest.mark.parametrize(
    ("hcl", "budget"),
    [
        pytest.param(
            access(f'name = "{ACCESS}"', f'name = "{WORKLOAD}", instance_profile = true', CLUSTER_ADMIN),
            (29, 10, 23),
            id="access",
        ),
        pytest.param(trust(f'name = "{ROLE}", {INLINE}'), (16, 6, 14), id="trust"),
    ],
)
def test_one_resource_makes_few_calls(workspace, aws, hcl, budget):
    assert_within(calls_of(aws, workspace(hcl)), budget)


def test_one_peering_makes_few_calls(workspace, aws):
    made = calls_of(aws, workspace(peering(Network(aws).workload_vpc)))
    routes = made["apply"]["ec2:CreateRoute"]
    # 28 and 23 besides the routes; a look or some more for EC2's transitions, on a busy machine more of them.
    assert_within(made, (31 + routes, 10, 26 + routes))


@pytest.mark.parametrize("others", [0, 2000])
def test_fifty_trusts_read_all_roles_at_once(workspace, aws, others):
    """Roles of others make more pages, and no more calls."""
    allow_all_roles(aws)
    iam = aws.client("workload", "iam")
    for number in range(others):
        iam.create_role(RoleName=f"other-{number}", AssumeRolePolicyDocument=json.dumps(TRUSTS_EC2))
    made = calls_of(aws, workspace(TRUSTS))
    pages = 4 if others else 0
    assert_within(made, (320 + 2 * pages, 30 + pages, 300 + 20 * bool(others)))
    assert made["assert_empty_plan"]["iam:GetRole"] <= 12


def test_fifty_trusts_without_the_permission_are_read_one_by_one(workspace, aws):
    """The refusal is met once in each account and process."""
    made = calls_of(aws, workspace(TRUSTS))
    assert_within(made, (330, 115, 280))
    assert made["assert_empty_plan"]["iam:GetAccountAuthorizationDetails"] == 1
    assert made["destroy"]["iam:ListRoles"] <= 12, (
        "of trusts that are destroyed together, not each asks who uses the OIDC provider"
    )


@pytest.mark.parametrize("parallelism", [10, 50])
def test_fifty_trusts_where_iam_accepts_15_calls_a_second(workspace, aws, parallelism):
    """Provider hashicorp/aws makes 357 calls to create the same objects and 458 to delete them."""
    allow_all_roles(aws)
    root = workspace(TRUSTS)
    aws.faults.add("throttle", service="iam", times=None, rate=15, burst=30)
    aws.faults.add("latency", times=None, seconds=0.1)
    for job, most in (("apply", 357), ("destroy", 458)):
        aws.clear_calls()
        getattr(root, job)(f"-parallelism={parallelism}")
        aws.quiet()
        calls = aws.calls()
        refused = [call for call in calls if (call["error"] or "").startswith("Throttling")]
        assert 0 < len(refused) < 2 * parallelism + len(calls) / 10 and len(calls) < most, (
            f"{job}: {len(refused)} of {len(calls)} refused"
        )


def test_fifty_connections_make_few_calls(workspace, aws):
    allow_all_roles(aws)
    assert_within(calls_of(aws, workspace(ACCESSES)), (1300, 200, 900))


def test_roles_that_the_pages_do_not_show_yet_are_read_by_themselves(workspace, aws):
    """IAM's lists may lack what GetRole shows (IAM user guide, "Changes that I make are not always immediately visible")."""
    allow_all_roles(aws)
    root = workspace(TRUSTS)
    aws.delay_lists(600)
    root.apply()
    aws.clear_calls()
    root.assert_empty_plan()
    made = Counter(call["action"] for call in aws.calls())
    assert made["GetAccountAuthorizationDetails"] == 1 and made["GetRole"] == 50
