"""Objects that are deleted outside Terraform: the next apply creates them again."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from accounts import CLUSTER, TRUSTS_EC2, Accounts, traces
from cross_account_access import ACCESS, ACCESS_ARN, STORY, WORKLOAD, access
from every_object import all_of_all
from irsa_trust import POD, ROLE, trust
from network import Network

ROLES = (("cluster", ACCESS), ("workload", WORKLOAD), ("workload", ROLE), ("cluster", POD), ("workload", "chained-t"))


def delete_children(accounts: Accounts, network: Network) -> None:
    """Policies, attachments and the role in the instance profile; the access policy; routes, options, rule."""
    for account, name in ROLES:
        iam = accounts.iam(account)
        for policy in accounts.inline_policies(account, name):
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for arn in accounts.managed_policies(account, name):
            iam.detach_role_policy(RoleName=name, PolicyArn=arn)
    iam = accounts.iam("workload")
    iam.remove_role_from_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
    admin = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    accounts.eks.disassociate_access_policy(clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=admin)
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


def delete_parents(accounts: Accounts, network: Network) -> None:
    """Access entry, roles with their policies, instance profile, OIDC providers, connection."""
    accounts.eks.delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)
    for account, name in ROLES[1:]:
        accounts.delete_role(account, name)
    accounts.iam("workload").delete_instance_profile(InstanceProfileName=WORKLOAD)
    for account in ("cluster", "workload"):
        for provider in accounts.iam(account).list_open_id_connect_providers()["OpenIDConnectProviderList"]:
            accounts.iam(account).delete_open_id_connect_provider(OpenIDConnectProviderArn=provider["Arn"])
    network.delete(next(each["VpcPeeringConnectionId"] for each in network.connections()))


@pytest.mark.parametrize("delete", [delete_children, delete_parents], ids=["children", "parents"])
def test_objects_deleted_outside_terraform_are_created_again(workspace, aws, delete):
    accounts, network = Accounts(aws), Network(aws)
    before = network.left()
    root = workspace(all_of_all(aws))
    root.apply()
    made = {address: set(state["objects"]) for address, state in root.resources().items()}
    delete(accounts, network)

    root.apply()

    assert {address: set(state["objects"]) for address, state in root.resources().items()} == made
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


DELETE = {
    "access role": lambda accounts: accounts.delete_role("cluster", ACCESS),
    "workload role": lambda accounts: accounts.delete_role("workload", WORKLOAD),
    "app role": lambda accounts: accounts.delete_role("workload", ROLE),
    "access entry": lambda accounts: accounts.eks.delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN),
    "OIDC provider": lambda accounts: accounts.iam("workload").delete_open_id_connect_provider(
        OpenIDConnectProviderArn=accounts.oidc_providers()[0]
    ),
}


@dataclass(frozen=True)
class DeletedRole:
    """A role that is deleted from a resource in one of its modes."""

    hcl: str
    delete: Callable[[Accounts], None]
    #: The role is the principal of the access entry, which a new role of that name does not match.
    is_principal: bool


DIRECT = access(None, more='mode = "direct"')
DELETED_ROLES = {
    "access role-assume_role": DeletedRole(STORY, DELETE["access role"], is_principal=True),
    "workload role-assume_role": DeletedRole(STORY, DELETE["workload role"], is_principal=False),
    "workload role-direct": DeletedRole(DIRECT, DELETE["workload role"], is_principal=True),
}


@pytest.mark.parametrize("case", DELETED_ROLES)
def test_a_deleted_role_is_created_again_with_an_access_entry_that_matches_it(workspace, aws, case):
    deleted, accounts = DELETED_ROLES[case], Accounts(aws)
    root = workspace(deleted.hcl)
    root.apply()
    (principal,) = [entry for entry in accounts.entries() if ACCESS in entry or WORKLOAD in entry]
    stale = accounts.entry(principal)["accessEntryArn"]
    deleted.delete(accounts)

    root.apply()

    root.assert_empty_plan()
    assert (accounts.entry(principal)["accessEntryArn"] != stale) == deleted.is_principal
    assert accounts.associations(principal)
    root.destroy()


@pytest.mark.parametrize("what", DELETE)
def test_without_a_refresh_a_deleted_object_is_an_error_of_the_provider_and_the_next_apply_repairs_it(
    workspace, aws, what
):
    accounts = Accounts(aws)
    before = aws.dump()
    root = workspace(STORY + trust())
    root.apply()
    DELETE[what](accounts)

    changed = STORY.replace("instance_profile = true", "instance_profile = true, max_session_duration = 7200")
    root.write(changed + trust(f'name = "{ROLE}", max_session_duration = 7200'))
    run = root.try_apply("-refresh=false")
    assert "inconsistent" not in run.text and "bug in the provider" not in run.text
    if run.code:
        assert "Run plan and apply once more" in run.text

    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


EXISTING = {
    "access role": ("cluster", ACCESS, access(f'name = "{ACCESS}", existing = true')),
    "workload role in mode direct": (
        "workload",
        WORKLOAD,
        access(None, f'name = "{WORKLOAD}", existing = true', more='mode = "direct"'),
    ),
}


@pytest.mark.parametrize("case", EXISTING)
def test_the_access_entry_of_an_existing_role_that_is_gone_is_still_read_and_deleted(workspace, aws, case):
    """The state no longer has the role, and only the entry tells its path."""
    account, role, hcl = EXISTING[case]
    accounts = Accounts(aws)
    before = aws.dump()
    iam = accounts.iam(account)
    iam.create_role(RoleName=role, Path="/theirs/", AssumeRolePolicyDocument=json.dumps(TRUSTS_EC2))
    root = workspace(hcl)
    root.apply()
    accounts.delete_role(account, role)
    root.apply("-refresh-only")

    assert f"{role} does not exist" in root.try_plan().text
    root.destroy()
    assert not traces(aws, before)
