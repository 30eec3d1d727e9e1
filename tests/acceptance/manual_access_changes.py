"""What tests change about manual access, and how set-ups of it are written: changes that keep it sound, and changes
that break it."""

import json
from collections.abc import Callable

from accounts import CLUSTER, WORKLOAD_ACCOUNT, role_arn
from manual_access import EC2, ManualAccess, allow, document, trusting
from setups import Asked, Setup


def ask(connection: ManualAccess, live: bool = False) -> Asked:
    arguments = connection.asks() | ({"live": True} if live else {})
    return Asked("xeks_access_path", arguments, connection.credentials(connection.tried_as) if live else None)


def sound(name: str, prepares: Callable = lambda c: None, live: bool = False, **more) -> Setup:
    return Setup(name, lambda accounts, key: ManualAccess(accounts, key, **more), lambda c: ask(c, live), prepares)


def broken(name: str, *, hop: str, reason: str, breaks: Callable, fix="", status="broken", live=False, **more) -> Setup:
    made = sound(name, breaks, live, **more)
    return Setup(name, made.make, made.ask, breaks, hop, status, reason, fix)


def asking(**arguments) -> Callable:
    """Nothing is changed; the question is another one."""
    return lambda c: c.arguments.update(arguments)


def in_turn(*steps: Callable) -> Callable:
    def run(c: ManualAccess) -> None:
        for step in steps:
            step(c)

    return run


def through_another_role(c: ManualAccess, trusted: str | None = None) -> None:
    """workload role → middle role of the workload account → access role."""
    middle = role_arn(WORKLOAD_ACCOUNT, f"middle-{c.key}")
    c.accounts.make_role("workload", f"middle-{c.key}", json.loads(document(trusting(c.workload_arn))))
    c.workload_iam.put_role_policy(
        RoleName=f"middle-{c.key}", PolicyName="a", PolicyDocument=document(allow("sts:AssumeRole", c.access_arn))
    )
    c.may(allow("sts:AssumeRole", middle))
    c.trusts(trusting(trusted or middle))
    c.arguments["via_role_arns"] = [middle, c.access_arn]


def as_user(c: ManualAccess, in_group: bool = True) -> None:
    """A user of the workload account instead of the role; what the user may do comes from a managed policy of the
    group."""
    user, group = f"ann-{c.key}", f"ops-{c.key}"
    arn = c.workload_iam.create_user(UserName=user, Path="/people/")["User"]["Arn"]
    policy = document(allow("sts:AssumeRole", c.access_arn))
    made = c.workload_iam.create_policy(PolicyName=f"in-{c.key}", PolicyDocument=policy)["Policy"]["Arn"]
    c.workload_iam.create_group(GroupName=group)
    c.workload_iam.attach_group_policy(GroupName=group, PolicyArn=made)
    if in_group:
        c.workload_iam.add_user_to_group(GroupName=group, UserName=user)
    c.trusts(trusting(arn))
    c.arguments["principal_arn"] = arn


def as_person(c: ManualAccess, may: dict) -> None:
    """A role of IAM Identity Center, by one of its sessions."""
    policy = json.loads(document(may))
    arn = c.accounts.aws.permission_set("workload", "Developer", c.key.zfill(16), policy)
    c.trusts(trusting(arn))
    name = arn.split("/")[-1]
    c.arguments["principal_arn"] = f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{name}/ann@example.com"


def on_cluster(mode: str, then: Callable = lambda c: None) -> Callable:
    """The chain leads to a cluster of its own, of this authentication mode."""

    def run(c: ManualAccess) -> None:
        c.cluster = f"own-{c.key}"
        c.accounts.make_cluster(c.cluster, mode)
        c.describes(allow("eks:DescribeCluster", c.cluster_arn))
        if mode != "CONFIG_MAP":
            c.make_entry()
        then(c)

    return run


def fails(c: ManualAccess) -> None:
    c.accounts.aws.set_cluster_status(c.cluster, "FAILED")


def entry_for_the_first_role(c: ManualAccess) -> None:
    c.remove_entry()
    c.accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=c.workload_arn)


def entry_for_nodes(c: ManualAccess) -> None:
    c.remove_entry()
    c.accounts.eks.create_access_entry(clusterName=CLUSTER, principalArn=c.access_arn, type="EC2_LINUX")


def denied_by_the_organisation(c: ManualAccess) -> None:
    """As a service control policy does: STS refuses, and no document of the accounts says so."""
    c.accounts.aws.faults.add("deny", service="sts", action="AssumeRole", principal=c.workload, times=9)


def tried_by_another(c: ManualAccess) -> None:
    """live_as signs in as another role of the account, which the access role trusts as well."""
    c.tried_as = f"other-{c.key}"
    c.accounts.make_role("workload", c.tried_as, json.loads(document(EC2)))
    may = document(allow("sts:AssumeRole", c.access_arn))
    c.workload_iam.put_role_policy(RoleName=c.tried_as, PolicyName="assume", PolicyDocument=may)
    c.trusts(trusting([c.workload_arn, role_arn(WORKLOAD_ACCOUNT, c.tried_as)]))


def conditions(operator: str, key: str, value: str) -> dict:
    return {operator: {key: value}}


EXTERNAL = conditions("StringEquals", "sts:ExternalId", "team-x")
