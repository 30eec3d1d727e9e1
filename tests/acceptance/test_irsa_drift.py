"""Every attribute of every object of `xeks_irsa_trust`, changed outside Terraform, is detected and corrected.

The OIDC provider is shared: its tags and thumbprints are set at creation, and later changes to them are no drift.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from accounts import TRUSTS_EC2, Accounts
from cross_account_access import BUCKETS
from drift import Row
from irsa_trust import ADDRESS, CHAINED, POD, POLICY, ROLE, trust
from role_drift import DENY, boundary, object_path, prepare, role_rows

FEDERATED = trust(
    f'name = "{ROLE}", description = "d", max_session_duration = 7200, permissions_boundary = "{boundary("workload")}", '
    f'tags = {{ side = "w" }}, managed_policy_arns = ["{BUCKETS}"], inline_policies = {{ bucket = {POLICY} }}',
    more='tags = { team = "x" }',
)
IN_CHAIN = trust(
    f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}',
    more=CHAINED.replace(
        f'name = "{POD}"',
        f'name = "{POD}", description = "d", max_session_duration = 7200, permissions_boundary = "{boundary("cluster")}", tags = {{ side = "c" }}',
    )
    + '\ntags = { team = "x" }',
)


def provider(accounts: Accounts) -> dict | None:
    found = accounts.oidc_providers()
    return {"clients": sorted(accounts.oidc_provider(found[0])["ClientIDList"])} if found else None


def drop_client(accounts: Accounts) -> None:
    iam, (arn,) = accounts.iam("workload"), accounts.oidc_providers()
    iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=arn, ClientID="sts.amazonaws.com")


def drop_provider(accounts: Accounts) -> None:
    (arn,) = accounts.oidc_providers()
    accounts.iam("workload").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)


def on_role(change: Callable[[Any], Any]) -> Callable[[Accounts], Any]:
    """`change` gets the IAM client of the workload account."""
    return lambda accounts: change(accounts.iam("workload"))


def document(accounts: Accounts) -> dict | None:
    return accounts.inline_policy("workload", ROLE, "bucket")


ROWS = {
    "federated": [
        *role_rows("workload", "role", ROLE, "bucket"),
        Row("role: managed policy detached", lambda accounts: accounts.managed_policies("workload", ROLE), on_role(lambda iam: iam.detach_role_policy(RoleName=ROLE, PolicyArn=BUCKETS)), "role.managed_policy_arns"),
        Row("OIDC provider: client id removed", provider, drop_client, 'objects["workload/iam_oidc_provider'),
        Row("OIDC provider: deleted", provider, drop_provider, 'objects["workload/iam_oidc_provider'),
    ],
    "chained": [
        *role_rows("cluster", "pod_role", POD, f"xeks-assume-{ROLE}"),
        Row("role: trust policy", lambda accounts: accounts.trust("workload", ROLE), on_role(lambda iam: iam.update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(TRUSTS_EC2))), object_path("workload", "iam_role", ROLE)),
        Row("role: inline policy changed", document, on_role(lambda iam: iam.put_role_policy(RoleName=ROLE, PolicyName="bucket", PolicyDocument=DENY)), "role.inline_policies"),
    ],
}  # fmt: skip
HCL = {"federated": FEDERATED, "chained": IN_CHAIN}


@pytest.fixture(scope="module")
def applied(request, running_aws, drifting):
    accounts = Accounts(running_aws)

    def set_up() -> str:
        prepare(accounts)
        return HCL[request.param]

    return drifting(f"xeks_irsa_trust-{request.param}", ADDRESS, accounts, set_up)


CASES = [pytest.param(mode, row, id=f"{mode}: {row.name}") for mode, rows in ROWS.items() for row in rows]


@pytest.mark.parametrize(("applied", "row"), CASES, indirect=["applied"], scope="module")
def test_drift_is_named_by_the_plan_and_corrected_by_an_apply(applied, row):
    applied.check(row)
