"""IAM's quotas of an account, judged by the plan: AWS's defaults need no call, and the account says what it has raised them to."""

import json

import pytest
from accounts import TRUSTS_EC2, Accounts
from cross_account_access import ACCESS, WORKLOAD, access
from irsa_trust import POLICY, ROLE, trust

#: 34 service accounts: 2,344 characters of trust policy.
PROFILES = ", ".join(f'{{ namespace = "kubeflow-user-{at}", name = "default-editor" }}' for at in range(34))
#: More than the quota can be raised to.
TOO_MANY = ", ".join(f'{{ namespace = "kubeflow-user-{at}", name = "default-editor" }}' for at in range(140))
MANAGED = [f"arn:aws:iam::aws:policy/{name}" for name in (
    "AmazonS3ReadOnlyAccess", "SecurityAudit", "ReadOnlyAccess", "AmazonEC2ReadOnlyAccess", "IAMReadOnlyAccess",
    "AmazonVPCReadOnlyAccess", "AmazonSQSReadOnlyAccess", "AmazonSNSReadOnlyAccess", "AmazonRDSReadOnlyAccess",
    "AmazonDynamoDBReadOnlyAccess", "CloudWatchReadOnlyAccess", "AWSCloudTrail_ReadOnlyAccess",
)]  # fmt: skip
THEIRS = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::theirs"}],
}


def summaries(aws) -> int:
    return sum(call["action"] == "GetAccountSummary" for call in aws.calls())


@pytest.mark.single_reads
def test_a_trust_policy_within_the_default_asks_for_no_quota(workspace, aws):
    workspace(trust() + access()).plan()
    assert summaries(aws) == 0


def test_a_longer_trust_policy_is_refused_by_the_plan_where_the_quota_was_not_raised(workspace, aws):
    failed = workspace(trust(service_accounts=PROFILES)).try_plan()
    assert failed.code and "2048" in failed.text and "Role trust policy length" in failed.text
    assert summaries(aws) == 1


def test_and_is_planned_and_created_where_it_was(workspace, aws):
    aws.set_quotas("workload", AssumeRolePolicySizeQuota=4096)
    root = workspace(trust(service_accounts=PROFILES))
    assert not root.plan().warnings
    root.apply()
    root.assert_empty_plan()


def test_where_the_quota_can_not_be_asked_for_the_plan_warns_up_to_what_aws_raises_it_to(workspace, aws):
    aws.faults.add("deny", service="iam", action="GetAccountSummary", times=None)
    plan = workspace(trust(service_accounts=PROFILES)).plan()
    (warning,) = plan.warnings
    assert "may exceed a quota" in str(warning) and "iam:GetAccountSummary" in str(warning)
    failed = workspace(trust(service_accounts=TOO_MANY)).try_plan()
    assert failed.code and "8192" in failed.text


@pytest.mark.parametrize("account, role, hcl", [
    ("cluster", ACCESS, access(f'name = "{ACCESS}", existing = true, external_id = "{"x" * 60}"')),
    ("workload", ROLE, trust(f'name = "{ROLE}", existing = true')),
], ids=["access", "irsa"])  # fmt: skip
def test_what_an_existing_role_trusts_already_counts(workspace, aws, account, role, hcl):
    statements = [
        {"Sid": f"Team{at}", "Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole",
         "Condition": {"StringEquals": {"sts:ExternalId": "y" * 100}}}
        for at in range(7)
    ]  # fmt: skip
    Accounts(aws).make_role(account, role, {"Version": "2012-10-17", "Statement": statements})
    failed = workspace(hcl).try_plan()
    assert failed.code and "2048" in failed.text and role in failed.text, failed.text


@pytest.mark.single_reads
@pytest.mark.parametrize("action", ["ListAttachedRolePolicies", "ListRolePolicies", "GetRolePolicy"])
def test_policies_of_an_existing_role_that_can_not_be_read_are_a_skipped_check(workspace, aws, action):
    Accounts(aws).make_role("workload", ROLE, TRUSTS_EC2)
    aws.client("workload", "iam").put_role_policy(RoleName=ROLE, PolicyName="theirs", PolicyDocument=json.dumps(THEIRS))
    more = f'existing = true, managed_policy_arns = ["{MANAGED[0]}"], inline_policies = {{ bucket = {POLICY} }}'
    aws.faults.add("deny", service="iam", action=action, times=None)
    (warning,) = workspace(trust(f'name = "{ROLE}", {more}')).plan().warnings
    assert warning.summary == "Plan-time checks were skipped" and f"iam:{action}" in warning.detail


def test_more_managed_policies_than_the_account_allows_are_refused_by_the_plan(workspace, aws):
    hcl = access(workload_role=f'name = "{WORKLOAD}", managed_policy_arns = {json.dumps(MANAGED)}')
    failed = workspace(hcl).try_plan()
    assert failed.code and "12 managed policies" in failed.text and "allows 10" in failed.text
    aws.set_quotas("workload", AttachedPoliciesPerRoleQuota=20)
    workspace(hcl).plan()


def test_inline_policies_that_are_too_long_together_are_refused_without_aws(workspace, aws):
    bucket = (
        'jsonencode({ Version = "2012-10-17", Statement = [for i in range(100) : { Effect = "Allow", '
        'Action = ["s3:GetObject"], Resource = "arn:aws:s3:::some-bucket-name-that-is-long-x-${i}/*" }] })'
    )
    root = workspace(trust(f'name = "{ROLE}", inline_policies = {{ one = {bucket} }}'))
    failed = root.run("validate", "-json")
    assert failed.code and "10240" in failed.output and "role.inline_policies" in failed.output


def test_a_managed_policy_of_the_other_account_is_refused_by_the_plan(workspace, aws):
    hcl = trust(f'name = "{ROLE}", managed_policy_arns = ["arn:aws:iam::183295435445:policy/mine"]')
    failed = workspace(hcl).try_plan()
    assert failed.code and "can't be attached" in failed.text and "183295435445" in failed.text
