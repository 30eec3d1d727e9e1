"""Replacement, in both orders: every object is in place afterwards, and a destroy leaves no trace."""

import json

import pytest
from cross_account_access import ACCESS, ADDRESS, STORY, WORKLOAD, access, assert_story_in_place
from every_object import CREATE_FIRST
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, ROLE, trust
from world import World, traces


def test_replace_makes_every_object_anew(workspace, aws):
    world = World(aws)
    root = workspace(STORY)
    root.apply()
    old = world.role("cluster", ACCESS)["RoleId"]

    root.apply(f"-replace={ADDRESS}")

    assert world.role("cluster", ACCESS)["RoleId"] != old
    assert_story_in_place(world)
    root.assert_empty_plan()


def test_create_before_destroy_keeps_what_the_new_half_took_over(workspace, aws):
    root = workspace(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more="lifecycle {\n  create_before_destroy = true\n}"))  # fmt: skip
    root.apply()

    root.apply(f"-replace={ADDRESS}")

    assert_story_in_place(World(aws))
    root.assert_empty_plan()
    root.destroy()


def test_a_renamed_workload_role_replaces(workspace, aws):
    world = World(aws)
    root = workspace(STORY)
    root.apply()

    root.write(access(workload_role='name = "renamed", instance_profile = true'))
    root.apply()

    assert world.role("workload", WORKLOAD) is None
    assert_story_in_place(world, "renamed")
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
    assert_story_in_place(World(aws))
    assert World(aws).role("workload", "renamed") is None
    root.assert_empty_plan()


@pytest.mark.parametrize("more", ["", CREATE_FIRST], ids=["destroy first", "create first"])
@pytest.mark.parametrize("kind", ["federated", "chained", "existing", "adopted"])
def test_a_trust_is_replaced_whole(workspace, aws, kind, more):
    world = World(aws)
    if kind in ("existing", "adopted"):
        world.make_foreign_role("workload", ROLE)
    before = aws.dump()
    options = {
        "federated": trust(more=more),
        "chained": trust(more=CHAINED + "\n" + more),
        "existing": trust(f'name = "{ROLE}", existing = true', more=more),
        "adopted": trust(more='adopt = "if_exists"\n' + more),
    }
    root = workspace(options[kind])
    root.apply()

    root.apply(f"-replace={TRUST}")

    root.assert_empty_plan()
    assert json.dumps(aws.dump()).count("sts:AssumeRoleWithWebIdentity") >= 1
    assert TRUST in root.resources()
    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("more", ["", CREATE_FIRST], ids=["destroy first", "create first"])
@pytest.mark.parametrize("kind", ["existing", "adopted", "direct"])
def test_an_access_is_replaced_whole(workspace, aws, kind, more):
    world = World(aws)
    if kind in ("existing", "adopted"):
        world.make_foreign_role("workload", WORKLOAD)
        world.make_foreign_role("cluster", ACCESS)
    before = aws.dump()
    options = {
        "existing": access(f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true', more=more),
        "adopted": access(more='adopt = "if_exists"\n' + more),
        "direct": access(None, more='mode = "direct"\n' + more),
    }
    root = workspace(options[kind])
    root.apply()

    root.apply(f"-replace={ADDRESS}")

    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)
