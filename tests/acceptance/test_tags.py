"""Tags that the provider's configuration gives to every object, or ignores on it."""

from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, WORKLOAD, access
from irsa_trust import ROLE, trust
from workspaces import PROVIDER
from world import World


def test_default_tags_that_go_are_taken_off(workspace, aws):
    world = World(aws)
    root = workspace(access() + trust(), in_provider='  default_tags = { owner = "a" }\n')
    root.apply()

    root.write(PROVIDER % "", "provider.tf")
    root.apply()

    assert "owner" not in world.role_tags("workload", WORKLOAD) and "owner" not in world.role_tags("workload", ROLE)
    root.assert_empty_plan()


def test_a_default_tag_that_is_ignored_is_no_drift(workspace, aws):
    provider = '  default_tags = { owner = "a", cost = "1" }\n  ignore_tags = { keys = ["cost"] }\n'
    root = workspace(access() + trust(), in_provider=provider)
    root.apply()
    root.assert_empty_plan()
    World(aws).iam("workload").tag_role(RoleName=WORKLOAD, Tags=[{"Key": "cost", "Value": "2"}])
    root.assert_empty_plan()


def test_only_default_tags_change_and_are_applied(workspace, aws):
    world = World(aws)
    root = workspace(access(), in_provider='  default_tags = { owner = "a" }\n')
    root.apply()

    root.write(PROVIDER % '  default_tags = { owner = "b" }\n', "provider.tf")
    plan = root.plan()

    assert "tags_all.owner" in plan.changed(ADDRESS)
    root.apply()
    assert world.role_tags("workload", WORKLOAD)["owner"] == "b"
    assert world.entry(ACCESS_ARN)["tags"]["owner"] == "b"
    root.assert_empty_plan()


def test_ignored_tags_are_nobodys_drift(workspace, aws):
    world = World(aws)
    root = workspace(access(), in_provider='  ignore_tags = { keys = ["cost"], key_prefixes = ["scan:"] }\n')
    root.apply()
    world.iam("cluster").tag_role(
        RoleName=ACCESS, Tags=[{"Key": "cost", "Value": "1"}, {"Key": "scan:x", "Value": "2"}]
    )

    root.assert_empty_plan()
