"""Objects that are deleted outside Terraform: the next apply creates them again."""

import pytest
from cross_account_access import ACCESS, ACCESS_ARN, STORY, WORKLOAD, access
from every_object import all_of_all
from irsa_trust import POD, ROLE, trust
from network import Network
from world import CLUSTER, World, traces

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


def delete_role(world: World, account: str, name: str) -> None:
    iam = world.iam(account)
    for profile in iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"]:
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=name)
    for policy in world.inline_policies(account, name):
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


BY_HAND = {
    "access role": lambda world: delete_role(world, "cluster", ACCESS),
    "workload role": lambda world: delete_role(world, "workload", WORKLOAD),
    "app role": lambda world: delete_role(world, "workload", ROLE),
    "access entry": lambda world: world.eks.delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN),
    "OIDC provider": lambda world: world.iam("workload").delete_open_id_connect_provider(
        OpenIDConnectProviderArn=world.oidc_providers()[0]
    ),
}


@pytest.mark.parametrize("mode", ["assume_role", "direct"])
@pytest.mark.parametrize("what", ["access role", "workload role"])
def test_a_role_deleted_by_hand_is_made_again_and_lives_in_the_cluster(workspace, aws, what, mode):
    if mode == "direct" and what == "access role":
        pytest.skip("there is none")
    world = World(aws)
    hcl = STORY if mode == "assume_role" else access(None, more='mode = "direct"')
    root = workspace(hcl)
    root.apply()
    (principal,) = [entry for entry in world.entries() if ACCESS in entry or WORKLOAD in entry]
    dead = world.entry(principal)["accessEntryArn"]
    BY_HAND[what](world)

    root.apply()

    root.assert_empty_plan()
    bound = what == "access role" or mode == "direct"
    assert (world.entry(principal)["accessEntryArn"] != dead) == bound
    assert world.associations(principal)
    root.destroy()


@pytest.mark.parametrize("what", BY_HAND)
def test_without_a_refresh_what_was_deleted_is_an_error_of_our_own_and_heals(workspace, aws, what):
    world = World(aws)
    before = aws.dump()
    root = workspace(STORY + trust())
    root.apply()
    BY_HAND[what](world)

    changed = STORY.replace("instance_profile = true", "instance_profile = true, max_session_duration = 7200")
    root.write(changed + trust(f'name = "{ROLE}", max_session_duration = 7200'))
    run = root.try_apply("-refresh=false")
    assert "inconsistent" not in run.text and "bug in the provider" not in run.text
    if run.code:
        assert "Plan and apply once more" in run.text

    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)
