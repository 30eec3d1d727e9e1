"""`-refresh=false` and `-refresh-only`: each ends in an empty plan with every object in place."""

from accounts import CLUSTER, Accounts, traces
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, STORY, WORKLOAD, access, assert_story_in_place
from role_drift import DENY


def test_refresh_false_plans_from_the_state(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(STORY)
    root.apply()
    accounts.eks.update_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN, kubernetesGroups=["drift"])

    root.assert_empty_plan("-refresh=false")
    root.write(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more='tags = { a = "1" }'))
    root.apply("-refresh=false")

    root.apply()
    assert accounts.entry(ACCESS_ARN)["kubernetesGroups"] == []
    assert_story_in_place(accounts)
    root.assert_empty_plan()


def test_refresh_only_writes_drift_to_the_state_and_changes_nothing(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(STORY)
    root.apply()
    describe = accounts.own_policy("cluster", ACCESS, f"xeks-describe-{CLUSTER}")
    accounts.iam("cluster").put_role_policy(RoleName=ACCESS, PolicyName=describe, PolicyDocument=DENY)
    before = aws.dump()

    root.apply("-refresh-only")

    assert not traces(aws, before)
    assert root.plan().actions(ADDRESS) == ["update"]
    root.apply()
    assert_story_in_place(accounts)
    root.assert_empty_plan()
