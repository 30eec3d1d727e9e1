"""What becomes of a resource when others change its objects: deleted by hand they are made again; replaced by others' they are
neither changed nor deleted; stripped of their tags they are not lost."""

import json

import pytest
from cross_account_access import ACCESS, ACCESS_ARN, STORY, WORKLOAD
from every_object import (
    access_of_all,
    peering_of_all,
    remake_access,
    remake_peering,
    remake_trust,
    trust_of_all,
)
from irsa_trust import POD, ROLE
from network import Network
from world import World, traces

REPLACED = {
    "access": (lambda aws: access_of_all(), lambda world, network: remake_access(world), ("cluster", ACCESS), [f"role/{WORKLOAD}", f"profile/{WORKLOAD}", f"/{ACCESS}/"]),
    "trust": (lambda aws: trust_of_all(), lambda world, network: remake_trust(world), ("workload", "chained-t"), [f"role/{ROLE}", f"role/{POD}"]),
    "peering": (peering_of_all, lambda world, network: remake_peering(network), None, ["pcx-"]),
}  # fmt: skip


@pytest.mark.parametrize("refresh", ["true", "false"], ids=["refreshed", "unrefreshed"])
@pytest.mark.parametrize("case", REPLACED)
def test_what_others_put_in_the_place_of_ours_is_neither_changed_nor_deleted(workspace, aws, case, refresh):
    """All but one object was deleted and made again by somebody else, under the same names and with the same contents."""
    world, network = World(aws), Network(aws)
    hcl, remake, ours, told = REPLACED[case]
    root = workspace(hcl(aws))
    root.apply()
    remake(world, network)
    theirs = network.left()

    def untouched() -> None:
        changed = traces(aws, theirs)
        assert not {path for path in changed if ours is None or ours[1] not in path}

    if refresh == "true":
        warned = "\n".join(map(str, root.try_plan().warnings))
        assert all(word in warned for word in [*told, 'whose = "theirs"', "neither changed nor deleted"]), warned
        root.try_apply().must_fail(told[0], "import")
        untouched()

    root.destroy(f"-refresh={refresh}")

    untouched()
    assert root.resources() == {}
    assert ours is None or world.role(*ours) is None, "what was ours is gone"


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


def test_the_late_call_of_a_killed_provider_is_no_drift_on_a_role_of_ours(workspace, aws):
    """It puts the policy with the Sids of a create that another one has taken over from since."""
    world = World(aws)
    before = aws.dump()
    root = workspace(STORY)
    root.apply()
    late = json.dumps(world.inline_policy("cluster", ACCESS, "xeks-eks-describe"))
    instance = world.role_tags("cluster", ACCESS)["xeks:instance"]
    assert instance in late
    late = late.replace(instance, "0123456789abcdef")
    world.iam("cluster").put_role_policy(RoleName=ACCESS, PolicyName="xeks-eks-describe", PolicyDocument=late)

    root.assert_empty_plan()

    root.destroy("-refresh=false")
    assert not traces(aws, before)
