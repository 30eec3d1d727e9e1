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


def test_a_tag_key_changes_its_case_on_roles_and_keeps_its_value(workspace, aws):
    """IAM ignores the case of tag keys on roles: to untag the old key would take the new one away."""
    accounts = Accounts(aws)
    root = workspace(access(more='tags = { owner = "x" }'))
    root.apply()

    root.write(access(more='tags = { Owner = "x" }'))
    root.apply()

    for account, role in (("cluster", ACCESS), ("workload", WORKLOAD)):
        tags = {key: value for key, value in accounts.role_tags(account, role).items() if not key.startswith("xeks:")}
        assert tags == {"Owner": "x"}
    assert accounts.entry(ACCESS_ARN)["tags"].keys() & {"owner", "Owner"} == {"Owner"}
    root.assert_empty_plan()


def test_two_tag_keys_of_a_role_that_differ_in_case_only_are_refused(workspace, aws):
    within = workspace(access(more='tags = { owner = "x", Owner = "y" }')).run("validate", "-json")
    assert within.code and 'tags[\\"Owner\\"]' in within.output and 'tags[\\"owner\\"]' in within.output
    roles = access(f'name = "{ACCESS}", tags = {{ owner = "x" }}', more='tags = { Owner = "y" }')
    between = workspace(roles).run("validate", "-json")
    assert between.code and 'access_role.tags[\\"owner\\"]' in between.output and 'tags[\\"Owner\\"]' in between.output
    irsa = trust(f'name = "{ROLE}", tags = {{ owner = "x" }}', more='tags = { Owner = "y" }')
    assert 'role.tags[\\"owner\\"]' in workspace(irsa).run("validate", "-json").output
    default = workspace(access(more='tags = { owner = "x" }'), in_provider='  default_tags = { Owner = "a" }\n')
    failed = default.try_plan()
    assert failed.code and 'default_tags["Owner"]' in failed.text and 'tags["owner"]' in failed.text
