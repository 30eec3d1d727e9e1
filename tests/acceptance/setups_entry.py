"""Broken set-ups for xeks_access_path: the access entry, its policies, and the API server."""

from alterations import (
    asking,
    broken,
    entry_for_nodes,
    entry_for_the_first_role,
    fails,
    in_turn,
    on_cluster,
)
from connection import EDIT, VIEW, allow
from world import WORKLOAD_ACCOUNT, role_arn

ACCESS_ENTRY = [
    broken(
        "There is no access entry",
        "access_entry",
        "so it answers 401",
        lambda c: c.remove_entry(),
        fix="create-access-entry",
    ),
    broken(
        "There is no access entry (direct)",
        "access_entry",
        "so it answers 401",
        lambda c: c.remove_entry(),
        direct=True,
    ),
    broken(
        "The access entry is for the workload role, not for the access role",
        "access_entry",
        "the cluster sees only the last principal",
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
        "a different principal with the same name",
        in_turn(
            lambda c: c.remake_workload("/new/"),
            lambda c: c.arguments.update(principal_arn=role_arn(WORKLOAD_ACCOUNT, c.workload, "/new/")),
        ),
        direct=True,
    ),
    broken(
        "The cluster does not exist",
        "access_entry",
        "No cluster nowhere",
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
        "CONFIG_MAP, which does not support access entries",
        on_cluster("CONFIG_MAP"),
        fix="on_config_map",
    ),
    broken("The cluster has failed", "access_entry", "is FAILED", on_cluster("API", fails)),
]

ACCESS_POLICY = [
    broken(
        "The access entry has neither policies nor groups",
        "access_policy",
        "authorizes nothing",
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
        "It can't get pods in namespace prod",
        asking(namespaces=["prod"]),
        live=True,
        policies={},
        groups=("ops",),
    ),
    broken(
        "Somebody else answers at the endpoint (live)",
        "api_server",
        "does not present a certificate of the cluster's certificate authority",
        on_cluster("API", lambda c: c.world.aws.set_api_server(c.cluster, "impostor")),
        live=True,
    ),
    broken(
        "Nobody answers at the endpoint (live)",
        "api_server",
        "can't be reached from the machine that runs Terraform",
        on_cluster("API", lambda c: c.world.aws.set_api_server(c.cluster, "stopped")),
        status="unknown",
        live=True,
    ),
]

BROKEN = ACCESS_ENTRY + ACCESS_POLICY + API_SERVER
