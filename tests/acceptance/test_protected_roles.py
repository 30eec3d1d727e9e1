"""Roles that only AWS can change, and managed policies of another account: refused before anything is made."""

import pytest
from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, traces
from configurations import Refusal
from cross_account_access import ACCESS, WORKLOAD, access
from irsa_trust import CHAINED, POD, POLICY, ROLE, trust
from permission_sets import FIRST, assign, role_name

LINKED = "AWSServiceRoleForAutoScaling"
#: As the emulator's `CreateServiceLinkedRole` names it.
MADE = "AWSServiceRoleForAutoscaling"
SSO = role_name("PowerUser")


def policy(account: str) -> str:
    return f"arn:aws:iam::{account}:policy/mine"


BY_NAME = {
    "access role": Refusal(access(f'name = "{LINKED}", existing = true'), ["access_role.name"]),
    "workload role": Refusal(access(workload_role=f'name = "{LINKED}", existing = true'), ["workload_role.name"]),
    "workload role that gets no policy": Refusal(access(workload_role=f'name = "{LINKED}", existing = true, manage_policy = false'), ["workload_role.name"]),
    "workload role, direct": Refusal(access(None, f'name = "{LINKED}", existing = true', more='mode = "direct"'), ["workload_role.name"]),
    "role": Refusal(trust(f'name = "{LINKED}", existing = true'), ["role.name"]),
    "role behind a pod role": Refusal(trust(f'name = "{LINKED}", existing = true', more=CHAINED), ["role.name"]),
    "pod role": Refusal(trust(more=f'mode = "chained"\npod_role = {{ name = "{LINKED}", existing = true }}'), ["pod_role.name"]),
}  # fmt: skip
BY_PATH = {
    "access role": Refusal(
        access(f'name = "{ACCESS}", path = "/aws-service-role/x.amazonaws.com/"'), ["access_role.path"]
    ),
    "role": Refusal(trust(f'name = "{ROLE}", path = "/aws-service-role/"'), ["role.path"]),
}


@pytest.mark.parametrize(
    "refusal", [*BY_NAME.values(), *BY_PATH.values()], ids=[*BY_NAME, *(f"{case}, path" for case in BY_PATH)]
)
def test_validate_refuses_a_service_linked_role(workspace, aws, refusal):
    aws.clear_calls()
    workspace(refusal.hcl).validate().must_fail(*refusal.words, "service-linked role")
    assert aws.calls() == []


ADOPT = 'adopt = "if_exists"'
FOUND = {
    "access role": ("cluster", access(f'name = "{MADE}"', more=ADOPT)),
    "workload role": ("workload", access(workload_role=f'name = "{MADE}"', more=ADOPT)),
    "role": ("workload", trust(f'name = "{MADE}"', more=ADOPT)),
    "pod role": ("cluster", trust(more=f'mode = "chained"\npod_role = {{ name = "{MADE}" }}\n{ADOPT}')),
}


@pytest.mark.parametrize("case", FOUND)
def test_the_plan_knows_a_service_linked_role_by_its_path(workspace, aws, case):
    account, hcl = FOUND[case]
    Accounts(aws).iam(account).create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    before = aws.dump()
    root = workspace(hcl)
    root.try_plan().must_fail(f"{MADE} is a service-linked role", "/aws-service-role/autoscaling.amazonaws.com/")
    root.try_apply().must_fail(MADE)
    assert not traces(aws, before)


OF_IDENTITY_CENTER = {
    "access role": ("cluster", access(f'name = "{SSO}", existing = true'), "a statement of its trust policy, inline policies"),
    "workload role": ("workload", access(workload_role=f'name = "{SSO}", existing = true'), "inline policies"),
    "role": ("workload", trust(f'name = "{SSO}", existing = true, inline_policies = {{ b = {POLICY} }}'), "a statement of its trust policy"),
    "pod role": ("cluster", trust(more=f'mode = "chained"\npod_role = {{ name = "{SSO}", existing = true }}'), "inline policies"),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_IDENTITY_CENTER)
def test_the_plan_refuses_what_would_be_added_to_a_role_of_identity_center(workspace, aws, case):
    account, hcl, added = OF_IDENTITY_CENTER[case]
    aws.permission_set(account, "PowerUser", FIRST, {"Version": "2012-10-17", "Statement": []})
    before = aws.dump()
    workspace(hcl).try_plan().must_fail(f"{SSO} is a role of IAM Identity Center", added, "manage_policy = false")
    assert not traces(aws, before)


def test_a_role_of_identity_center_that_gets_nothing_is_used(workspace, aws):
    assign(aws, "PowerUser")
    root = workspace(access(workload_role=f'name = "{SSO}", existing = true, manage_policy = false'))
    root.apply()
    root.assert_empty_plan()
    root.destroy()


OF_ANOTHER_ACCOUNT = {
    "role": (trust(f'name = "{ROLE}", managed_policy_arns = ["{policy(CLUSTER_ACCOUNT)}"]'), "role.managed_policy_arns", WORKLOAD_ACCOUNT),
    "workload role": (access(workload_role=f'name = "{WORKLOAD}", managed_policy_arns = ["{policy("111122223333")}"]'), "workload_role.managed_policy_arns", WORKLOAD_ACCOUNT),
    "boundary of an access role": (access(f'name = "{ACCESS}", permissions_boundary = "{policy(WORKLOAD_ACCOUNT)}"'), "access_role.permissions_boundary", CLUSTER_ACCOUNT),
    "boundary of a workload role": (access(workload_role=f'name = "{WORKLOAD}", permissions_boundary = "{policy(CLUSTER_ACCOUNT)}"'), "workload_role.permissions_boundary", WORKLOAD_ACCOUNT),
    "boundary of a pod role": (trust(more=f'mode = "chained"\npod_role = {{ name = "{POD}", permissions_boundary = "{policy(WORKLOAD_ACCOUNT)}" }}'), "pod_role.permissions_boundary", CLUSTER_ACCOUNT),
    "boundary of a role": (trust(f'name = "{ROLE}", permissions_boundary = "{policy(CLUSTER_ACCOUNT)}"'), "role.permissions_boundary", WORKLOAD_ACCOUNT),
}  # fmt: skip


@pytest.mark.parametrize("case", OF_ANOTHER_ACCOUNT)
def test_the_plan_refuses_a_policy_of_another_account(workspace, aws, case):
    hcl, attribute, account = OF_ANOTHER_ACCOUNT[case]
    for side in ("cluster", "workload"):
        Accounts(aws).iam(side).create_policy(PolicyName="mine", PolicyDocument='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}]}')  # fmt: skip
    before = aws.dump()
    root = workspace(hcl)
    run = root.try_plan().must_fail(f"the role to account {account}", f"Create the policy in {account}")
    assert len(run.errors) == 1, attribute
    root.try_apply().must_fail(account)
    assert not traces(aws, before)
