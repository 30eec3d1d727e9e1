"""`xeks_cross_account_access`, each mode and option: applied, present in AWS, an empty plan, destroyed without a trace."""

import json

import pytest
from accounts import CLUSTER, Accounts, traces
from cross_account_access import (
    ACCESS,
    ACCESS_ARN,
    ADDRESS,
    BUCKETS,
    CASES,
    UPDATES,
    WORKLOAD,
    WORKLOAD_ARN,
    access,
)
from role_drift import prepare


@pytest.mark.parametrize("case", CASES)
def test_a_case_applies_plans_empty_and_destroys_without_a_trace(workspace, aws, case):
    before = aws.dump()
    root = workspace(CASES[case])

    root.apply()
    assert aws.dump() != before
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_the_story_creates_the_objects_of_the_guide(workspace, aws):
    workspace(CASES["as in the story"]).apply()
    accounts = Accounts(aws)

    trust = accounts.trust("cluster", ACCESS)["Statement"]
    assert [statement["Principal"]["AWS"] for statement in trust] == [WORKLOAD_ARN]
    describe = accounts.inline_policy(
        "cluster", ACCESS, accounts.own_policy("cluster", ACCESS, f"xeks-describe-{CLUSTER}")
    )["Statement"]
    actions = {action for statement in describe for action in as_list(statement["Action"])}
    assert actions == {"eks:DescribeCluster", "eks:ListClusters"}
    assume = accounts.inline_policy(
        "workload", WORKLOAD, accounts.own_policy("workload", WORKLOAD, f"xeks-assume-{ACCESS}")
    )["Statement"]
    assert [as_list(statement["Resource"]) for statement in as_list(assume)] == [[ACCESS_ARN]]
    assert accounts.profile_roles(WORKLOAD) == [WORKLOAD]
    assert accounts.entry(ACCESS_ARN)["type"] == "STANDARD"
    assert accounts.associations(ACCESS_ARN) == {"AmazonEKSClusterAdminPolicy": {"type": "cluster", "namespaces": []}}


def test_in_mode_direct_the_workload_role_has_the_access_entry(workspace, aws):
    workspace(CASES["direct"]).apply()
    accounts = Accounts(aws)

    assert accounts.role("cluster", ACCESS) is None
    assert accounts.inline_policies("workload", WORKLOAD) == []
    assert accounts.associations(WORKLOAD_ARN) == {"AmazonEKSClusterAdminPolicy": {"type": "cluster", "namespaces": []}}


def test_existing_roles_gain_and_lose_only_what_the_resource_adds(workspace, aws):
    accounts = Accounts(aws)
    theirs = {
        "Effect": "Allow",
        "Principal": {"Service": "eks.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Sid": "Theirs",
    }
    trust = {"Version": "2012-10-17", "Statement": [theirs]}
    for account, name in (("cluster", ACCESS), ("workload", WORKLOAD)):
        iam = accounts.iam(account)
        iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), Tags=[{"Key": "whose", "Value": "theirs"}]
        )
        iam.attach_role_policy(RoleName=name, PolicyArn=BUCKETS)
    before = aws.dump()
    root = workspace(access(f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true'))

    root.apply()
    statements = accounts.trust("cluster", ACCESS)["Statement"]
    assert theirs in statements and len(statements) == 2
    assert accounts.trust("workload", WORKLOAD) == trust
    assert accounts.managed_policies("cluster", ACCESS) == [BUCKETS]
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_a_statement_that_a_killed_replacement_left_on_an_existing_role_is_taken_over(workspace, aws):
    """The create wrote it under a new instance and was killed: the state names the old one."""
    accounts = Accounts(aws)
    theirs = {"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    accounts.make_role("cluster", ACCESS, {"Version": "2012-10-17", "Statement": [theirs]})
    before = aws.dump()
    root = workspace(access(f'name = "{ACCESS}", existing = true'))
    root.apply()
    trust = json.dumps(accounts.trust("cluster", ACCESS))
    instance = root.state(ADDRESS)["instance"]
    of_another = trust.replace(instance, "0123456789abcdef")
    assert of_another != trust
    accounts.iam("cluster").update_assume_role_policy(RoleName=ACCESS, PolicyDocument=of_another)

    root.apply()
    assert json.dumps(accounts.trust("cluster", ACCESS)) == trust
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def test_an_existing_role_with_manage_policy_false_is_not_changed(workspace, aws):
    accounts = Accounts(aws)
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]}  # fmt: skip
    accounts.iam("workload").create_role(RoleName=WORKLOAD, AssumeRolePolicyDocument=json.dumps(trust))
    root = workspace(access(workload_role=f'name = "{WORKLOAD}", existing = true, manage_policy = false'))

    root.apply()

    assert accounts.inline_policies("workload", WORKLOAD) == []
    root.assert_empty_plan()


@pytest.mark.parametrize("case", UPDATES)
def test_an_update_happens_in_place_there_and_back(workspace, aws, case):
    update = UPDATES[case]
    prepare(Accounts(aws))
    root = workspace(update.before)
    root.apply()

    for hcl in (update.after, update.before):
        root.write(hcl)
        assert root.plan().actions(ADDRESS) == ["update"]
        root.apply()
        root.assert_empty_plan()
    root.destroy()


@pytest.mark.parametrize("mode", ["API", "API_AND_CONFIG_MAP"])
def test_both_authentication_modes_with_access_entries_work(workspace, aws, mode):
    Accounts(aws).make_cluster("other", mode)
    root = workspace(access().replace(f'cluster_name = "{CLUSTER}"', 'cluster_name = "other"'))

    root.apply()
    root.assert_empty_plan()

    root.destroy()
    assert Accounts(aws).eks.describe_cluster(name="other")["cluster"]["accessConfig"]["authenticationMode"] == mode


def as_list(value):
    return value if isinstance(value, list) else [value]


def managed(policies: str) -> str:
    return access(workload_role=f'name = "{WORKLOAD}"{policies}')


def test_null_managed_policies_leave_foreign_attachments_and_an_exclusive_role_loses_them(workspace, aws):
    accounts = Accounts(aws)
    other = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
    root = workspace(managed(f', managed_policy_arns = ["{BUCKETS}"]'))
    root.apply()
    accounts.iam("workload").attach_role_policy(RoleName=WORKLOAD, PolicyArn=other)

    root.write(managed(""))
    root.apply()
    root.assert_empty_plan()
    assert accounts.managed_policies("workload", WORKLOAD) == [other], "null: others' are let be, ours are taken off"

    root.write(managed(", managed_policy_arns = []"))
    root.apply()
    assert accounts.managed_policies("workload", WORKLOAD) == [other]

    root.write(managed(", managed_policy_arns = [], exclusive = true"))
    root.apply()
    root.apply()
    root.assert_empty_plan()
    assert accounts.managed_policies("workload", WORKLOAD) == [], "exclusive: these and no others"


def test_an_empty_string_is_no_drift(workspace, aws):
    empty = access(
        f'name = "{ACCESS}", description = ""', f'name = "{WORKLOAD}", tags = {{}}', "groups = []\npolicies = {}"
    )
    root = workspace(empty)
    root.apply()
    root.assert_empty_plan()
