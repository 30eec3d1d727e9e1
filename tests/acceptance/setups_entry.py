"""Broken set-ups for xeks_access_path: the access entry, its policies, and the API server."""

from accounts import WORKLOAD_ACCOUNT, role_arn
from manual_access import EDIT, VIEW, allow
from manual_access_changes import (
    asking,
    broken,
    entry_for_nodes,
    entry_for_the_first_role,
    fails,
    in_turn,
    on_cluster,
)

ACCESS_ENTRY = [
    broken(
        "There is no access entry, and the cluster is on API",
        hop="access_entry",
        reason="so it answers 401",
        breaks=on_cluster("API", lambda c: c.remove_entry()),
        fix="create-access-entry",
    ),
    broken(
        "There is no access entry, and the cluster is on API_AND_CONFIG_MAP",
        hop="access_entry",
        status="unknown",
        reason="the aws-auth ConfigMap may contain the principal",
        breaks=lambda c: c.remove_entry(),
        fix="Set live = true",
    ),
    broken(
        "The same, tried (live)",
        hop="access_entry",
        reason="so it answers 401",
        breaks=lambda c: c.remove_entry(),
        fix="create-access-entry",
        live=True,
    ),
    broken(
        "There is no access entry (direct)",
        hop="access_entry",
        status="unknown",
        reason="the aws-auth ConfigMap may contain the principal",
        breaks=lambda c: c.remove_entry(),
        direct=True,
    ),
    broken(
        "The access entry is for the workload role, not for the access role",
        hop="access_entry",
        status="unknown",
        reason="the cluster sees only the last principal",
        breaks=entry_for_the_first_role,
    ),
    broken(
        "The access entry is for nodes", hop="access_entry", reason="EC2_LINUX", breaks=entry_for_nodes, fix="STANDARD"
    ),
    broken(
        "The access role was deleted and recreated after the access entry",
        hop="access_entry",
        reason="is older than the role access-",
        breaks=lambda c: c.recreate_access(),
        fix="Apply xeks_cross_account_access again",
    ),
    broken(
        "The workload role was deleted and recreated after the access entry (direct)",
        hop="access_entry",
        reason="is older than the role workload-",
        breaks=lambda c: c.recreate_workload(),
        direct=True,
    ),
    broken(
        "The access entry is for a role of that name under another path (direct)",
        hop="access_entry",
        status="unknown",
        reason="a different principal with the same name",
        breaks=in_turn(
            lambda c: c.recreate_workload("/new/"),
            lambda c: c.arguments.update(principal_arn=role_arn(WORKLOAD_ACCOUNT, c.workload, "/new/")),
        ),
        direct=True,
    ),
    broken(
        "The cluster does not exist",
        hop="access_entry",
        reason="No cluster nowhere",
        breaks=lambda c: (setattr(c, "cluster", "nowhere"), c.describes(allow("eks:DescribeCluster"))),
        fix="cluster_name",
    ),
    broken(
        "The cluster is in another region",
        hop="access_entry",
        reason="in region eu-west-1",
        breaks=in_turn(lambda c: c.describes(allow("eks:DescribeCluster")), asking(region="eu-west-1")),
    ),
    broken(
        "The cluster is on CONFIG_MAP",
        hop="access_entry",
        reason="CONFIG_MAP, which does not support access entries",
        breaks=on_cluster("CONFIG_MAP"),
        fix="on_config_map",
    ),
    broken("The cluster has failed", hop="access_entry", reason="is FAILED", breaks=on_cluster("API", fails)),
]

ACCESS_POLICY = [
    broken(
        "The access entry has neither policies nor groups",
        hop="access_policy",
        reason="authorizes nothing",
        breaks=lambda c: None,
        fix="kubernetes.policies",
        policies={},
    ),
    broken(
        "The policy's scope leaves the namespace out",
        hop="access_policy",
        reason="get pods in namespace prod",
        breaks=asking(namespaces=["prod"]),
        policies={VIEW: ["dev-*"]},
    ),
    broken(
        "The policy's scope is a namespace, the question is about the cluster",
        hop="access_policy",
        reason="list pods in the whole cluster",
        breaks=asking(verbs=["list"]),
        policies={VIEW: ["prod"]},
    ),
    broken(
        "The policy is to view, the question to create",
        hop="access_policy",
        reason="create pods",
        breaks=asking(verbs=["create"]),
        policies={VIEW: []},
    ),
    broken(
        "The policy to view leaves secrets out",
        hop="access_policy",
        reason="get secrets in namespace prod",
        breaks=asking(namespaces=["prod"], resource="secrets"),
        policies={VIEW: []},
    ),
    broken(
        "The policy to edit leaves role bindings out",
        hop="access_policy",
        reason="create rolebindings",
        breaks=asking(namespaces=["prod"], verbs=["create"], resource="rolebindings.rbac.authorization.k8s.io"),
        policies={EDIT: []},
    ),
]

API_SERVER = [
    broken(
        "The groups allow nothing in the cluster (live)",
        hop="api_server",
        reason="It can't get pods in namespace prod",
        breaks=asking(namespaces=["prod"]),
        live=True,
        policies={},
        groups=("ops",),
    ),
    broken(
        "Somebody else answers at the endpoint (live)",
        hop="api_server",
        reason="does not present a certificate of the cluster's certificate authority",
        breaks=on_cluster("API", lambda c: c.accounts.aws.set_api_server(c.cluster, "impostor")),
        live=True,
    ),
    broken(
        "The endpoint does not answer (live)",
        hop="api_server",
        reason="can't be reached from the machine that runs Terraform",
        breaks=on_cluster("API", lambda c: c.accounts.aws.set_api_server(c.cluster, "stopped")),
        status="unknown",
        live=True,
    ),
]

BROKEN = ACCESS_ENTRY + ACCESS_POLICY + API_SERVER
