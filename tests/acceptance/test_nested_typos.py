"""A misspelt key in a nested attribute, which Terraform drops without a word: the guard that it should have been is missing from the plan."""

import json

import pytest
from cross_account_access import ACCESS, ADDRESS, access
from role_drift import boundary

pytestmark = pytest.mark.one_cli


def planned(workspace, role: str) -> tuple[dict, dict]:
    """The attribute `access_role`, and the trust policy of the role, as the plan shows them to a reviewer."""
    root = workspace(access(f'name = "{ACCESS}", {role}'))
    after = root.plan().changes[ADDRESS]["after"]
    return after["access_role"], json.loads(after["objects"][f"cluster/iam_role/{ACCESS}"]["document"])


def test_an_external_id_stands_in_the_trust_policy_of_the_plan_unless_its_name_is_misspelt(workspace):
    _, guarded = planned(workspace, 'external_id = "team-x"')
    (statement,) = guarded["Statement"]
    assert statement["Condition"] == {"StringEquals": {"sts:ExternalId": "team-x"}}

    _, open_to_all = planned(workspace, 'externalid = "team-x"')
    (statement,) = open_to_all["Statement"]
    assert "Condition" not in statement


def test_a_boundary_stands_in_the_plan_unless_its_name_is_misspelt(workspace):
    arn = boundary("cluster")
    role, _ = planned(workspace, f'permissions_boundary = "{arn}"')
    assert role["permissions_boundary"] == arn

    role, _ = planned(workspace, f'permission_boundary = "{arn}"')
    assert role["permissions_boundary"] is None
