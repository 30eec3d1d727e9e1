"""What becomes of a resource when others change its objects: deleted by hand they are made again; replaced by others' they are
neither changed nor deleted; stripped of their tags they are not lost."""

import json

import pytest
from network import Network
from owners import access_of_all, all_of_all, peering_of_all, remake_access, remake_peering, remake_trust, trust_of_all
from test_access import ACCESS, ACCESS_ARN, ADDRESS, WORKLOAD, access
from test_irsa import POD, ROLE, trust
from world import CLUSTER, World, traces

STORY = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true')
ROLES = (("cluster", ACCESS), ("workload", WORKLOAD), ("workload", ROLE), ("cluster", POD), ("workload", "chained-t"))


def delete_what_hangs(world: World, network: Network) -> None:
    """Policies, attachments and what an instance profile holds; the access policy; routes, options, rule."""
    for account, name in ROLES:
        iam = world.iam(account)
        for policy in world.inline_policies(account, name):
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for arn in world.managed_policies(account, name):
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    iam = world.iam("workload")
    iam.remove_role_from_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
    admin = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    world.eks.disassociate_access_policy(clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=admin)
    (made,) = [each["VpcPeeringConnectionId"] for each in network.connections()]
    for account in ("cluster", "workload"):
        for name in network.routes(account):
            table, block = name.split("/", 1)
            network.ec2(account).delete_route(RouteTableId=table, DestinationCidrBlock=block)
    off = {"AllowDnsResolutionFromRemoteVpc": False}
    network.ec2("workload").modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=made, RequesterPeeringConnectionOptions=off
    )
    network.ec2("cluster").modify_vpc_peering_connection_options(
        VpcPeeringConnectionId=made, AccepterPeeringConnectionOptions=off
    )
    ids = [rule["SecurityGroupRuleId"] for rule in network.rules().values()]
    network.ec2("cluster").revoke_security_group_ingress(GroupId=network.group, SecurityGroupRuleIds=ids)


def delete_what_stands(world: World, network: Network) -> None:
    """Access entry, roles with all that hangs on them, instance profile, OIDC providers, connection."""
    world.eks.delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    for account, name in ROLES[1:]:
        world.delete_role(account, name)
    world.iam("workload").delete_instance_profile(InstanceProfileName=WORKLOAD)
    for account in ("cluster", "workload"):
        for provider in world.iam(account).list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            world.iam(account).delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])
    network.delete(next(each["VpcPeeringConnectionId"] for each in network.connections()))


@pytest.mark.parametrize("delete", [delete_what_hangs, delete_what_stands], ids=["what hangs", "what stands"])
def test_what_was_deleted_by_hand_is_made_again(workspace, aws, delete):
    world, network = World(aws), Network(aws)
    before = network.left()
    root = workspace(all_of_all(aws))
    root.apply()
    made = {address: set(state["objects"]) for address, state in root.resources().items()}
    delete(world, network)

    root.apply()

    assert {address: set(state["objects"]) for address, state in root.resources().items()} == made
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


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
