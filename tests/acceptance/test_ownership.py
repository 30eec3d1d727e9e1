"""What others do to the objects of a resource: taken away, put in their place, stripped of their tags."""

import pytest
from test_access import ACCESS, ACCESS_ARN, ADDRESS, WORKLOAD, access
from test_irsa import trust
from world import CLUSTER, World, traces

STORY = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true')


def recreate_as_a_stranger(world: World) -> None:
    document = world.trust("workload", WORKLOAD)
    world.delete_role("workload", WORKLOAD)
    world.make_role("workload", WORKLOAD, document)


@pytest.mark.parametrize("tag", ["xeks:instance", "xeks:resource"])
def test_an_object_stripped_of_its_ownership_tags_is_not_lost(workspace, aws, tag):
    world = World(aws)
    before = aws.dump()
    root = workspace(STORY)
    root.apply()
    world.iam("cluster").untag_role(RoleName=ACCESS, TagKeys=[tag])
    world.eks.untag_resource(resourceArn=world.entry(ACCESS_ARN)["accessEntryArn"], tagKeys=[tag])

    root.apply()
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_an_object_put_in_place_of_ours_is_not_touched(workspace, aws):
    world = World(aws)
    root = workspace(STORY)
    root.apply()
    recreate_as_a_stranger(world)
    theirs = world.role("workload", WORKLOAD)

    root.try_apply().must_fail(WORKLOAD, "adopt", "import")

    assert world.role("workload", WORKLOAD) == theirs


def test_a_destroy_gets_past_an_object_put_in_place_of_ours(workspace, aws):
    world = World(aws)
    root = workspace(STORY)
    root.apply()
    recreate_as_a_stranger(world)

    root.destroy()

    assert root.resources() == {}
    assert world.role("workload", WORKLOAD), "it is not ours"
    assert world.role("cluster", ACCESS) is None


@pytest.mark.parametrize("hcl", [STORY, trust()], ids=["access", "trust"])
def test_a_destroy_gets_past_a_cluster_that_is_gone(workspace, aws, hcl):
    world = World(aws)
    root = workspace(hcl)
    root.apply()
    world.eks.delete_cluster(name=CLUSTER)

    root.destroy()

    assert root.resources() == {}
    assert world.role("cluster", ACCESS) is None
    assert world.role("workload", WORKLOAD) is None


def test_an_apply_without_its_cluster_says_so(workspace, aws):
    world = World(aws)
    root = workspace(STORY)
    root.apply()
    world.eks.delete_cluster(name=CLUSTER)

    root.try_apply().must_fail(CLUSTER)

    assert ADDRESS in root.resources()
    assert world.role("cluster", ACCESS)
