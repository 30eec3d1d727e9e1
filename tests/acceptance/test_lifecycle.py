"""What Terraform's own switches do to a composite: each ends in an empty plan with every object in place."""

import json

from drift_of_roles import DENY
from test_access import ACCESS, ACCESS_ARN, ADDRESS, WORKLOAD, access
from world import CLUSTER, World, traces

IMPORT_ID = f"{CLUSTER}/{ACCESS}/{WORKLOAD}"
WITH_PROFILE = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true')


def assert_in_place(world: World, workload: str = WORKLOAD) -> None:
    assert world.inline_policies("cluster", ACCESS) == ["xeks-eks-describe"]
    assert world.inline_policies("workload", workload) == [f"xeks-assume-{ACCESS}"]
    assert world.profile_roles(workload) == [workload]
    assert world.associations(ACCESS_ARN) == {"AmazonEKSClusterAdminPolicy": {"type": "cluster", "namespaces": []}}


def test_replace_makes_every_object_anew(workspace, aws):
    world = World(aws)
    root = workspace(WITH_PROFILE)
    root.apply()
    old = world.role("cluster", ACCESS)["RoleId"]

    root.apply(f"-replace={ADDRESS}")

    assert world.role("cluster", ACCESS)["RoleId"] != old
    assert_in_place(world)
    root.assert_empty_plan()


def test_create_before_destroy_keeps_what_the_new_half_took_over(workspace, aws):
    root = workspace(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more="lifecycle {\n  create_before_destroy = true\n}"))  # fmt: skip
    root.apply()

    root.apply(f"-replace={ADDRESS}")

    assert_in_place(World(aws))
    root.assert_empty_plan()
    root.destroy()


def test_a_renamed_workload_role_replaces(workspace, aws):
    world = World(aws)
    root = workspace(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true'))
    root.apply()

    root.write(access(workload_role='name = "renamed", instance_profile = true'))
    root.apply()

    assert world.role("workload", WORKLOAD) is None
    assert_in_place(world, "renamed")
    root.assert_empty_plan()


def test_a_renamed_workload_role_cannot_share_the_access_role_with_the_old_one(workspace, aws):
    """create_before_destroy has both halves stand at once, and one access role can't be of both: refused, and nothing is lost."""
    first = "lifecycle {\n  create_before_destroy = true\n}"
    root = workspace(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more=first))
    root.apply()

    root.write(access(workload_role='name = "renamed", instance_profile = true', more=first))
    root.try_apply().must_fail("leave out create_before_destroy")

    root.write(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more=first))
    root.apply()
    assert_in_place(World(aws))
    assert World(aws).role("workload", "renamed") is None
    root.assert_empty_plan()


def test_forgotten_and_imported_is_as_before(workspace, aws):
    root = workspace(WITH_PROFILE)
    root.apply()
    assert root.state(ADDRESS)["id"] == IMPORT_ID
    before = aws.dump()

    root.forget(ADDRESS)
    root.import_(ADDRESS, IMPORT_ID).must_work()

    assert not traces(aws, before), "an import writes nothing"
    root.assert_empty_plan()
    root.destroy()
    assert World(aws).role("workload", WORKLOAD) is None


def test_what_is_imported_by_an_import_block_plans_no_change(workspace, aws):
    root = workspace(WITH_PROFILE)
    root.apply()
    root.forget(ADDRESS)

    root.write(f'import {{\n  to = {ADDRESS}\n  id = "{IMPORT_ID}"\n}}\n', "import.tf")
    plan = root.plan()

    assert plan.changed(ADDRESS) == []
    root.apply()
    root.assert_empty_plan()


def test_an_import_of_nothing_fails(workspace):
    run = workspace(WITH_PROFILE).import_(ADDRESS, IMPORT_ID)
    assert run.code == 1
    assert ACCESS in run.output


def test_an_import_with_a_missing_piece_shows_it_and_an_apply_heals_it(workspace, aws):
    world = World(aws)
    root = workspace(WITH_PROFILE)
    root.apply()
    root.forget(ADDRESS)
    world.iam("cluster").delete_role_policy(RoleName=ACCESS, PolicyName="xeks-eks-describe")

    root.import_(ADDRESS, IMPORT_ID).must_work()

    assert any("xeks-eks-describe" in path for path in root.plan().changed(ADDRESS))
    root.apply()
    assert_in_place(world)
    root.assert_empty_plan()


def test_refresh_false_plans_from_the_state(workspace, aws):
    world = World(aws)
    root = workspace(WITH_PROFILE)
    root.apply()
    world.eks.update_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN, kubernetesGroups=["drift"])

    root.assert_empty_plan("-refresh=false")
    root.write(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more='tags = { a = "1" }'))
    root.apply("-refresh=false")

    root.apply()
    assert world.entry(ACCESS_ARN)["kubernetesGroups"] == []
    assert_in_place(world)
    root.assert_empty_plan()


def test_refresh_only_takes_drift_into_the_state_and_changes_nothing(workspace, aws):
    world = World(aws)
    root = workspace(WITH_PROFILE)
    root.apply()
    world.iam("cluster").put_role_policy(RoleName=ACCESS, PolicyName="xeks-eks-describe", PolicyDocument=DENY)  # fmt: skip
    before = aws.dump()

    root.apply("-refresh-only")

    assert not traces(aws, before)
    assert root.plan().actions(ADDRESS) == ["update"]
    root.apply()
    assert_in_place(world)
    root.assert_empty_plan()


def test_a_recreated_workload_role_is_trusted_again_after_an_apply(workspace, aws):
    """A trust policy holds the unique id behind the ARN: a role made anew under the same name is refused until then."""
    world = World(aws)
    root = workspace(access())
    root.apply()
    iam = world.iam("workload")
    trust = world.trust("workload", WORKLOAD)
    old_tags = iam.list_role_tags(RoleName=WORKLOAD)["Tags"]
    iam.delete_role_policy(RoleName=WORKLOAD, PolicyName=f"xeks-assume-{ACCESS}")
    iam.delete_role(RoleName=WORKLOAD)
    iam.create_role(RoleName=WORKLOAD, AssumeRolePolicyDocument=json.dumps(trust), Tags=old_tags)
    assert "AROA" in json.dumps(world.trust("cluster", ACCESS))

    root.apply()

    assert "AROA" not in json.dumps(world.trust("cluster", ACCESS))
    root.assert_empty_plan()


def test_a_recreated_access_role_gets_a_living_access_entry(workspace, aws):
    """An access entry is bound to the unique id of its principal: it is dead once the role was made anew."""
    world = World(aws)
    root = workspace(access())
    root.apply()
    iam = world.iam("cluster")
    trust = world.trust("cluster", ACCESS)
    old_tags = iam.list_role_tags(RoleName=ACCESS)["Tags"]
    iam.delete_role_policy(RoleName=ACCESS, PolicyName="xeks-eks-describe")
    iam.delete_role(RoleName=ACCESS)
    iam.create_role(RoleName=ACCESS, AssumeRolePolicyDocument=json.dumps(trust), Tags=old_tags)
    dead = world.entry(ACCESS_ARN)["accessEntryArn"]

    root.apply()

    assert world.entry(ACCESS_ARN)["accessEntryArn"] != dead
    root.assert_empty_plan()


def test_only_default_tags_change_and_are_applied(workspace, aws):
    world = World(aws)
    root = workspace(access(), in_provider='  default_tags = { owner = "a" }\n')
    root.apply()

    from conftest import PROVIDER

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


def test_every_attribute_comes_back_by_import(workspace, aws):
    """What the id and AWS tell is all that a configuration says: nothing is left to change after an import."""
    rich = access(
        access_role=f'''name = "{ACCESS}", description = "d", max_session_duration = 7200, tags = {{ of = "role" }},
          external_id = "xeks-1234", trust = "account",
          trusted_principal_arns = ["arn:aws:iam::183295435445:role/xeks-runner"]''',
        workload_role=f'''name = "{WORKLOAD}", path = "/team/", instance_profile = true, instance_profile_name = "p",
          managed_policy_arns = ["arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"]''',
        kubernetes="""username = "team:{{SessionName}}", groups = ["a", "b"],
          policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a", "dev-*"] } }""",
        more='tags = { team = "x" }',
    )
    root = workspace(rich)
    root.apply()
    before = aws.dump()

    root.forget(ADDRESS)
    root.import_(ADDRESS, IMPORT_ID).must_work()

    assert not traces(aws, before)
    root.assert_empty_plan()
