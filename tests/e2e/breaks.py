"""What is broken by hand in both accounts, one thing each.

Knows the emulated AWS and the names of story 1. Knows nothing of kubectl or the provider.
"""

import json
from collections.abc import Callable

from accounts import CLUSTER, TRUSTS_EC2
from cross_account_access import ACCESS, ACCESS_ARN, ADMIN, WORKLOAD
from network import Network
from world import World


def entry_is_deleted(world: World) -> None:
    world.accounts.eks.delete_access_entry(clusterName=CLUSTER, principalArn=ACCESS_ARN)


def policy_is_disassociated(world: World) -> None:
    world.accounts.eks.disassociate_access_policy(clusterName=CLUSTER, principalArn=ACCESS_ARN, policyArn=ADMIN)


def scope_is_another_namespace(world: World) -> None:
    scope = {"type": "namespace", "namespaces": ["team-x"]}
    named = {"clusterName": CLUSTER, "principalArn": ACCESS_ARN, "policyArn": ADMIN}
    world.accounts.eks.associate_access_policy(**named, accessScope=scope)


def access_role_is_another(world: World) -> None:
    trust, policies = world.accounts.trust("cluster", ACCESS), policies_of(world, "cluster", ACCESS)
    recreate(world, "cluster", ACCESS, trust, policies)


def workload_role_is_another(world: World) -> None:
    policies = policies_of(world, "workload", WORKLOAD)
    recreate(world, "workload", WORKLOAD, TRUSTS_EC2, policies)
    on_instance(world)


def trust_is_replaced(world: World) -> None:
    world.accounts.iam("cluster").update_assume_role_policy(RoleName=ACCESS, PolicyDocument=json.dumps(TRUSTS_EC2))


def permission_is_removed(world: World) -> None:
    for name in world.accounts.inline_policies("workload", WORKLOAD):
        world.accounts.iam("workload").delete_role_policy(RoleName=WORKLOAD, PolicyName=name)


def peering_is_deleted(world: World) -> None:
    network = Network(world.aws)
    for each in network.connections():
        network.delete(each["VpcPeeringConnectionId"])


def routes_are_deleted(account: str) -> Callable[[World], None]:
    def how(world: World) -> None:
        network = Network(world.aws)
        for route, target in network.routes(account).items():
            table, block = route.split("/", 1)
            if target.startswith("pcx-"):
                network.ec2(account).delete_route(RouteTableId=table, DestinationCidrBlock=block)

    return how


def rule_is_revoked(world: World) -> None:
    network = Network(world.aws)
    rules = [rule["SecurityGroupRuleId"] for rule in network.rules().values()]
    network.ec2("cluster").revoke_security_group_ingress(GroupId=network.group, SecurityGroupRuleIds=rules)


def on_instance(world: World, role: str = WORKLOAD) -> None:
    """The owner's instance profile, with the role in it: a deleted role was taken out of it."""
    iam, name = world.accounts.iam("workload"), {"InstanceProfileName": role}
    if world.accounts.instance_profile(role) is None:
        iam.create_instance_profile(**name)
    iam.add_role_to_instance_profile(RoleName=role, **name)


def policies_of(world: World, account: str, role: str) -> dict[str, dict]:
    accounts = world.accounts
    return {name: accounts.inline_policy(account, role, name) for name in accounts.inline_policies(account, role)}


def recreate(world: World, account: str, name: str, trust: dict, policies: dict[str, dict] | None = None) -> None:
    world.accounts.delete_role(account, name)
    world.accounts.make_role(account, name, trust)
    for policy, document in (policies or {}).items():
        world.accounts.iam(account).put_role_policy(
            RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document)
        )
