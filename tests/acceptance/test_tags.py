"""Tags that the provider's configuration gives to every object, or ignores on it."""

from accounts import Accounts
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, WORKLOAD, access
from irsa_trust import ROLE, trust
from workspaces import PROVIDER


def test_removed_default_tags_are_removed_from_the_objects(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(access() + trust(), in_provider='  default_tags = { owner = "a" }\n')
    root.apply()

    root.write(PROVIDER % "", "provider.tf")
    root.apply()

    assert "owner" not in accounts.role_tags("workload", WORKLOAD) and "owner" not in accounts.role_tags(
        "workload", ROLE
    )
    root.assert_empty_plan()


def test_an_ignored_default_tag_is_no_drift(workspace, aws):
    provider = '  default_tags = { owner = "a", cost = "1" }\n  ignore_tags = { keys = ["cost"] }\n'
    root = workspace(access() + trust(), in_provider=provider)
    root.apply()
    root.assert_empty_plan()
    Accounts(aws).iam("workload").tag_role(RoleName=WORKLOAD, Tags=[{"Key": "cost", "Value": "2"}])
    root.assert_empty_plan()


def test_a_change_of_default_tags_alone_is_applied(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(access(), in_provider='  default_tags = { owner = "a" }\n')
    root.apply()

    root.write(PROVIDER % '  default_tags = { owner = "b" }\n', "provider.tf")
    plan = root.plan()

    assert "tags_all.owner" in plan.changed(ADDRESS)
    root.apply()
    assert accounts.role_tags("workload", WORKLOAD)["owner"] == "b"
    assert accounts.entry(ACCESS_ARN)["tags"]["owner"] == "b"
    root.assert_empty_plan()


def test_ignored_tags_are_no_drift(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(access(), in_provider='  ignore_tags = { keys = ["cost"], key_prefixes = ["scan:"] }\n')
    root.apply()
    accounts.iam("cluster").tag_role(
        RoleName=ACCESS, Tags=[{"Key": "cost", "Value": "1"}, {"Key": "scan:x", "Value": "2"}]
    )

    root.assert_empty_plan()
