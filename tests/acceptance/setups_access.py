"""Set-ups for xeks_access_path: identity, roles, access entry, policies, and the API server."""

import json
from collections.abc import Callable

from connection import EC2, EDIT, VIEW, Connection, allow, deny, document, trusting
from setups import Asked, Setup
from world import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, World, role_arn

THIRD_ACCOUNT = "111122223333"


def ask(connection: Connection, live: bool = False) -> Asked:
    arguments = connection.asks() | ({"live": True} if live else {})
    return Asked("xeks_access_path", arguments, connection.credentials(connection.tried_as) if live else None)


def sound(name: str, prepares: Callable = lambda c: None, live: bool = False, **more) -> Setup:
    return Setup(name, lambda world, key: Connection(world, key, **more), lambda c: ask(c, live), prepares)


def broken(name: str, hop: str, reason: str, breaks: Callable, fix="", status="broken", live=False, **more) -> Setup:
    made = sound(name, breaks, live, **more)
    return Setup(name, made.make, made.ask, breaks, hop, status, reason, fix)


def asking(**arguments) -> Callable:
    """Nothing is changed; the question is another one."""
    return lambda c: c.arguments.update(arguments)


def in_turn(*steps: Callable) -> Callable:
    def run(c: Connection) -> None:
        for step in steps:
            step(c)

    return run


def through_another_role(c: Connection, trusted: str | None = None) -> None:
    """workload role → middle role of the workload account → access role."""
    middle = role_arn(WORKLOAD_ACCOUNT, f"middle-{c.key}")
    c.world.make_role("workload", f"middle-{c.key}", json.loads(document(trusting(c.workload_arn))))
    c.workload_iam.put_role_policy(
        RoleName=f"middle-{c.key}", PolicyName="a", PolicyDocument=document(allow("sts:AssumeRole", c.access_arn))
    )
    c.may(allow("sts:AssumeRole", middle))
    c.trusts(trusting(trusted or middle))
    c.arguments["via_role_arns"] = [middle, c.access_arn]


def as_user(c: Connection, in_group: bool = True) -> None:
    """A user of the workload account instead of the role; what he may do comes from a managed policy of his group."""
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


def as_person(c: Connection, may: dict) -> None:
    """A role of IAM Identity Center, by one of its sessions."""
    policy = json.loads(document(may))
    arn = c.world.aws.permission_set("workload", "Developer", c.key.zfill(16), policy)
    c.trusts(trusting(arn))
    name = arn.split("/")[-1]
    c.arguments["principal_arn"] = f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{name}/ann@example.com"


def on_cluster(mode: str, then: Callable = lambda c: None) -> Callable:
    """The chain leads to a cluster of its own, of this authentication mode."""

    def run(c: Connection) -> None:
        c.cluster = f"own-{c.key}"
        c.world.make_cluster(c.cluster, mode)
        c.describes(allow("eks:DescribeCluster", c.cluster_arn))
        if mode != "CONFIG_MAP":
            c.make_entry()
        then(c)

    return run


def fails(c: Connection) -> None:
    c.world.aws.set_cluster_status(c.cluster, "FAILED")


def entry_for_the_first_role(c: Connection) -> None:
    c.remove_entry()
    c.world.eks.create_access_entry(clusterName=CLUSTER, principalArn=c.workload_arn)


def entry_for_nodes(c: Connection) -> None:
    c.remove_entry()
    c.world.eks.create_access_entry(clusterName=CLUSTER, principalArn=c.access_arn, type="EC2_LINUX")


def denied_by_the_organisation(c: Connection) -> None:
    """As a service control policy does: STS refuses, and no document of the accounts says so."""
    c.world.aws.faults.add("deny", service="sts", action="AssumeRole", principal=c.workload, times=9)


def tried_by_another(c: Connection) -> None:
    """live_as signs in as some other role of the account, which the access role trusts as well."""
    c.tried_as = f"other-{c.key}"
    c.world.make_role("workload", c.tried_as, json.loads(document(EC2)))
    may = document(allow("sts:AssumeRole", c.access_arn))
    c.workload_iam.put_role_policy(RoleName=c.tried_as, PolicyName="assume", PolicyDocument=may)
    c.trusts(trusting([c.workload_arn, role_arn(WORKLOAD_ACCOUNT, c.tried_as)]))


def conditions(operator: str, key: str, value: str) -> dict:
    return {operator: {key: value}}


EXTERNAL = conditions("StringEquals", "sts:ExternalId", "team-x")

IDENTITY = [
    broken(
        "The workload role is deleted",
        "identity",
        "There is no role workload-",
        lambda c: c.world.delete_role("workload", c.workload),
    ),
    broken(
        "principal_arn leaves the role's path out",
        "identity",
        "role/teams/workload-",
        lambda c: c.arguments.update(principal_arn=role_arn(WORKLOAD_ACCOUNT, c.workload)),
        fix="principal_arn",
        path="/teams/",
    ),
    broken(
        "principal_arn is a user who does not exist",
        "identity",
        "There is no user nobody",
        asking(principal_arn=f"arn:aws:iam::{WORKLOAD_ACCOUNT}:user/nobody"),
    ),
    broken(
        "A session of a role that does not exist",
        "identity",
        "There is no role gone",
        asking(principal_arn=f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/gone/i-0123456789abcdef0"),
    ),
    broken(
        "live_as is somebody else than principal_arn",
        "identity",
        "the role other-",
        tried_by_another,
        fix="live_as",
        status="unknown",
        live=True,
    ),
]

ASSUME_ROLE = [
    broken(
        "The access role does not exist",
        "assume_role",
        "There is no role access-",
        lambda c: c.world.delete_role("cluster", c.access),
    ),
    broken(
        "via_role_arns names the access role under another path",
        "assume_role",
        "does not exist",
        lambda c: c.arguments.update(via_role_arns=[role_arn(CLUSTER_ACCOUNT, c.access, "/x/")]),
        fix="via_role_arns",
    ),
    broken(
        "The workload role has no policy",
        "assume_role",
        "may not call sts:AssumeRole",
        lambda c: c.workload_iam.delete_role_policy(RoleName=c.workload, PolicyName="assume"),
        fix="Allow sts:AssumeRole",
    ),
    broken(
        "The workload role's policy is for another role",
        "assume_role",
        "is for the resource",
        lambda c: c.may(allow("sts:AssumeRole", role_arn(CLUSTER_ACCOUNT, "another"))),
    ),
    broken(
        "The workload role's policy is for another action",
        "assume_role",
        "is for sts:TagSession",
        lambda c: c.may(allow("sts:TagSession", c.access_arn)),
    ),
    broken(
        "The workload role's policy denies it as well",
        "assume_role",
        "denies it",
        lambda c: c.may(allow("sts:AssumeRole", c.access_arn), deny("sts:*")),
        fix="Take out",
    ),
    broken(
        "The workload role's policy has a condition on a tag that the role lacks",
        "assume_role",
        "aws:PrincipalTag/team",
        lambda c: c.may(
            allow("sts:AssumeRole", c.access_arn, Condition=conditions("StringEquals", "aws:PrincipalTag/team", "a"))
        ),
    ),
    broken(
        "The workload role's permissions boundary leaves sts:AssumeRole out",
        "assume_role",
        "permissions boundary",
        lambda c: c.bounded("workload", allow("s3:*")),
        fix="boundary-",
    ),
    broken(
        "The trust names another role",
        "assume_role",
        "is for the principal",
        lambda c: c.trusts(trusting(f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/xeks-runner")),
    ),
    broken(
        "The trust names the cluster's own account",
        "assume_role",
        "is for the principal",
        lambda c: c.trusts(trusting(f"arn:aws:iam::{CLUSTER_ACCOUNT}:root")),
        fix="access_role",
    ),
    broken(
        "The trust is for EC2 alone",
        "assume_role",
        "ec2.amazonaws.com",
        lambda c: c.trusts(
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ),
    ),
    broken(
        "The trust allows another action",
        "assume_role",
        "is for sts:TagSession",
        lambda c: c.trusts(trusting(c.workload_arn) | {"Action": "sts:TagSession"}),
    ),
    broken(
        "The trust wants an external id, and none is given",
        "assume_role",
        "wants an external id, and none is given",
        lambda c: c.trusts(trusting(c.workload_arn, **EXTERNAL)),
        fix="external_id",
    ),
    broken(
        "The trust wants another external id",
        "assume_role",
        "wants another external id than the one given",
        in_turn(lambda c: c.trusts(trusting(c.workload_arn, **EXTERNAL)), asking(external_id="team-y")),
        fix="external_id",
    ),
    broken(
        "The trust decayed: the workload role was deleted and made again",
        "assume_role",
        "the id of a principal that was deleted",
        lambda c: c.remake_workload(),
        fix="Apply xeks_cross_account_access again",
    ),
    broken(
        "The trust denies the workload role as well",
        "assume_role",
        "denies it",
        lambda c: c.trusts(trusting(c.workload_arn), trusting(c.workload_arn) | {"Effect": "Deny"}),
        fix="trust policy",
    ),
    broken(
        "The trust is in the account, for roles of another name",
        "assume_role",
        "aws:PrincipalArn",
        lambda c: c.trusts(
            trusting(
                f"arn:aws:iam::{WORKLOAD_ACCOUNT}:root",
                **conditions("ArnEquals", "aws:PrincipalArn", role_arn(WORKLOAD_ACCOUNT, "other")),
            )
        ),
    ),
    broken(
        "The trust is for members of an organisation that nobody here can know",
        "assume_role",
        "aws:PrincipalOrgID",
        lambda c: c.trusts(trusting(c.workload_arn, **conditions("StringEquals", "aws:PrincipalOrgID", "o-example"))),
        status="unknown",
    ),
    broken(
        "The middle one of three roles is not whom the last trusts",
        "assume_role",
        "is for the principal",
        lambda c: through_another_role(c, trusted=c.workload_arn),
    ),
    broken(
        "A user is not in the group whose policy allows it",
        "assume_role",
        "The user ann-",
        lambda c: as_user(c, in_group=False),
    ),
    broken(
        "A permission set of IAM Identity Center does not allow it",
        "assume_role",
        "may not call sts:AssumeRole",
        lambda c: as_person(c, allow("s3:ListAllMyBuckets")),
        fix="In the permission set",
    ),
    broken(
        "The organisation's policies deny what both documents allow (live)",
        "assume_role",
        "SCP",
        denied_by_the_organisation,
        live=True,
    ),
]

ROLE_POLICY = [
    broken(
        "The access role may not describe the cluster",
        "role_policy",
        "may not call eks:DescribeCluster",
        lambda c: c.cluster_iam.delete_role_policy(RoleName=c.access, PolicyName="describe"),
        fix="xeks-eks-describe",
    ),
    broken(
        "The access role may describe another cluster",
        "role_policy",
        "is for the resource",
        lambda c: c.describes(allow("eks:DescribeCluster", f"{c.cluster_arn}-2")),
    ),
    broken(
        "The access role's policy denies all of EKS as well",
        "role_policy",
        "denies it",
        lambda c: c.describes(allow("eks:DescribeCluster"), deny("eks:*")),
        fix="Take out",
    ),
    broken(
        "The access role's permissions boundary leaves EKS out",
        "role_policy",
        "permissions boundary",
        lambda c: c.bounded("cluster", allow("sts:*")),
        fix="boundary-",
    ),
]

ACCESS_ENTRY = [
    broken(
        "There is no access entry",
        "access_entry",
        "it answers 401",
        lambda c: c.remove_entry(),
        fix="create-access-entry",
    ),
    broken(
        "There is no access entry (direct)", "access_entry", "it answers 401", lambda c: c.remove_entry(), direct=True
    ),
    broken(
        "The access entry is for the workload role, not for the access role",
        "access_entry",
        "the cluster sees only its end",
        entry_for_the_first_role,
    ),
    broken("The access entry is for nodes", "access_entry", "EC2_LINUX", entry_for_nodes, fix="STANDARD"),
    broken(
        "The access entry is dead: the access role was deleted and made again",
        "access_entry",
        "is older than the role access-",
        lambda c: c.remake_access(),
        fix="Apply xeks_cross_account_access again",
    ),
    broken(
        "The access entry is dead: the workload role was deleted and made again (direct)",
        "access_entry",
        "is older than the role workload-",
        lambda c: c.remake_workload(),
        direct=True,
    ),
    broken(
        "The access entry is for a role of that name under another path (direct)",
        "access_entry",
        "another principal of that name",
        in_turn(
            lambda c: c.remake_workload("/new/"),
            lambda c: c.arguments.update(principal_arn=role_arn(WORKLOAD_ACCOUNT, c.workload, "/new/")),
        ),
        direct=True,
    ),
    broken(
        "The cluster does not exist",
        "access_entry",
        "There is no cluster",
        lambda c: (setattr(c, "cluster", "nowhere"), c.describes(allow("eks:DescribeCluster"))),
        fix="cluster_name",
    ),
    broken(
        "The cluster is in another region",
        "access_entry",
        "in region eu-west-1",
        in_turn(lambda c: c.describes(allow("eks:DescribeCluster")), asking(region="eu-west-1")),
    ),
    broken(
        "The cluster is on CONFIG_MAP",
        "access_entry",
        "CONFIG_MAP: it takes no access entries",
        on_cluster("CONFIG_MAP"),
        fix="on_config_map",
    ),
    broken("The cluster has failed", "access_entry", "is FAILED", on_cluster("API", fails)),
]

ACCESS_POLICY = [
    broken(
        "The access entry has neither policies nor groups",
        "access_policy",
        "may do nothing there",
        lambda c: None,
        fix="kubernetes.policies",
        policies={},
    ),
    broken(
        "The policy's scope leaves the namespace out",
        "access_policy",
        "get pods in namespace prod",
        asking(namespaces=["prod"]),
        policies={VIEW: ["dev-*"]},
    ),
    broken(
        "The policy's scope is a namespace, the question is about the cluster",
        "access_policy",
        "list pods in the whole cluster",
        asking(verbs=["list"]),
        policies={VIEW: ["prod"]},
    ),
    broken(
        "The policy is to view, the question to create",
        "access_policy",
        "create pods",
        asking(verbs=["create"]),
        policies={VIEW: []},
    ),
    broken(
        "The policy to view leaves secrets out",
        "access_policy",
        "get secrets in namespace prod",
        asking(namespaces=["prod"], resource="secrets"),
        policies={VIEW: []},
    ),
    broken(
        "The policy to edit leaves role bindings out",
        "access_policy",
        "create rolebindings",
        asking(namespaces=["prod"], verbs=["create"], resource="rolebindings.rbac.authorization.k8s.io"),
        policies={EDIT: []},
    ),
]

API_SERVER = [
    broken(
        "The groups allow nothing in the cluster (live)",
        "api_server",
        "It may not get pods in namespace prod",
        asking(namespaces=["prod"]),
        live=True,
        policies={},
        groups=("ops",),
    ),
    broken(
        "Somebody else answers at the endpoint (live)",
        "api_server",
        "does not show a certificate of the cluster's authority",
        on_cluster("API", lambda c: c.world.aws.set_api_server(c.cluster, "impostor")),
        live=True,
    ),
    broken(
        "Nobody answers at the endpoint (live)",
        "api_server",
        "can't be reached from where Terraform runs",
        on_cluster("API", lambda c: c.world.aws.set_api_server(c.cluster, "stopped")),
        status="unknown",
        live=True,
    ),
]

BROKEN = IDENTITY + ASSUME_ROLE + ROLE_POLICY + ACCESS_ENTRY + ACCESS_POLICY + API_SERVER

SOUND = [
    sound("As the story has it: workload role, access role, entry, cluster administrator"),
    sound("The same, tried (live)", live=True),
    sound("Direct: the workload role has the entry itself", direct=True),
    sound("Direct, tried (live)", direct=True, live=True),
    sound(
        "With an external id (live)",
        in_turn(lambda c: c.trusts(trusting(c.workload_arn, **EXTERNAL)), asking(external_id="team-x")),
        live=True,
    ),
    sound(
        "The trust is in the account, bound to the role by its ARN",
        lambda c: c.trusts(
            trusting(
                f"arn:aws:iam::{WORKLOAD_ACCOUNT}:root", **conditions("ArnEquals", "aws:PrincipalArn", c.workload_arn)
            )
        ),
    ),
    sound("The trust is in the account by its number", lambda c: c.trusts(trusting(WORKLOAD_ACCOUNT))),
    sound(
        "The trust was written again after the workload role was made again (live)",
        in_turn(lambda c: c.remake_workload(), lambda c: c.trusts(trusting(c.workload_arn))),
        live=True,
    ),
    sound("The workload role stands under a path", path="/teams/payments/"),
    sound(
        "By a session of the workload role",
        lambda c: c.arguments.update(
            principal_arn=f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{c.workload}/i-0123456789abcdef0"
        ),
        path="/teams/",
    ),
    sound("Three roles, one after the other (live)", through_another_role, live=True),
    sound("A user whose group's managed policy allows it", as_user),
    sound(
        "A person of IAM Identity Center",
        lambda c: as_person(c, allow("sts:AssumeRole", c.access_arn)),
    ),
    sound(
        "Boundaries on both roles that leave what is needed",
        lambda c: (c.bounded("workload", allow("sts:*")), c.bounded("cluster", allow("eks:Describe*"))),
    ),
    sound(
        "A deny that is for something else",
        lambda c: c.may(allow("sts:AssumeRole", "*"), deny("sts:AssumeRole", role_arn(CLUSTER_ACCOUNT, "secret-*"))),
    ),
    sound(
        "A condition on a tag that the role has",
        lambda c: (
            c.workload_iam.tag_role(RoleName=c.workload, Tags=[{"Key": "team", "Value": "a"}]),
            c.trusts(trusting(c.workload_arn, **conditions("StringLike", "aws:PrincipalTag/team", "?"))),
        ),
    ),
    sound(
        "Namespaces by wildcard, asked about and tried (live)",
        asking(namespaces=["dev-1", "prod"], verbs=["get", "list"]),
        live=True,
        policies={VIEW: ["dev-*", "prod"]},
    ),
    sound(
        "To edit deployments (live)",
        asking(namespaces=["prod"], verbs=["create"], resource="deployments.apps"),
        live=True,
        policies={EDIT: ["prod"]},
    ),
    sound("A cluster on API alone", on_cluster("API")),
]


def third_account(world: World, key: str) -> Connection:
    """A principal of an account that is none of the provider's."""
    connection = Connection(world, key)
    connection.arguments["principal_arn"] = role_arn(THIRD_ACCOUNT, "somebody")
    return connection
