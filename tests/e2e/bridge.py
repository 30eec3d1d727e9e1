"""Access entries and access policies, as EKS puts them into effect: mappings of the authenticator, and RBAC.

EKS authorizes access policies by an authorizer of its own, which is not public. Here each policy is a cluster role
with the rules of its table in the EKS user guide, "Review access policy permissions" (`aws_emulator.access_policies`),
bound to a group that only the principal of one entry has: `EKS:` and the unique id.

Knows the emulated AWS and the control plane. Knows nothing of the provider.
"""

import fnmatch
import hashlib
import json
import threading
import time

from aws_emulator.access_policies import access_policies
from aws_emulator.client import Aws
from control_plane import ControlPlane

POLICIES = access_policies()
OURS = {"xeks-e2e": "bridge"}
GROUP = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group"}
PAUSE = 0.2
#: The authenticator reads its file again after a change, and the API server caches its answers for a second.
LATE = 1.2


def cluster_roles() -> list[dict]:
    def rule(group: str, resources: list[str], verbs: list[str]) -> dict:
        return {"apiGroups": [group], "resources": resources, "verbs": verbs}

    made = []
    for name, rules in POLICIES.items():
        everything = [{"nonResourceURLs": ["*"], "verbs": ["*"]}] if name == "AmazonEKSClusterAdminPolicy" else []
        metadata = {"name": f"eks:{name}"}
        rules = [rule(*row) for row in rules] + everything
        made.append(
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}
        )
    return made


class Bridge:
    """Follows the entries of one cluster for as long as it runs; a context manager."""

    def __init__(self, aws: Aws, control_plane: ControlPlane, cluster: str):
        self._aws, self._control_plane, self._cluster = aws, control_plane, cluster
        self._seen: tuple[list[dict], dict] = ([], {})
        self._bound: dict[str, dict] = {}
        self._changed = 0.0
        self._lock, self._ended = threading.Lock(), threading.Event()

    def __enter__(self) -> "Bridge":
        self._control_plane.apply(cluster_roles())
        self.settle()
        threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()

    def settle(self) -> None:
        """Until what the accounts have now is in effect."""
        self._reconcile()
        time.sleep(max(0.0, self._changed + LATE - time.monotonic()))

    def _follow(self) -> None:
        while not self._ended.wait(PAUSE):
            try:
                self._reconcile()
            except OSError:
                return  # the emulated AWS has ended

    def _reconcile(self) -> None:
        with self._lock:
            state = self._aws.dump()[self._aws.accounts["cluster"].id]["eks"]
            entries = [e for e in state.get("access_entries", {}).values() if e["clusterName"] == self._cluster]
            policies = state.get("access_policies", {})
            if (entries, policies) == self._seen:
                return
            self._bind(self._bindings(entries, policies))
            self._control_plane.map_users([mapping(entry) for entry in entries])
            self._seen, self._changed = (entries, policies), time.monotonic()

    def _bindings(self, entries: list[dict], policies: dict[str, dict]) -> dict[str, dict]:
        namespaces = self._control_plane.must("get", "namespaces", "-o", "name").replace("namespace/", "").split()
        made = {}
        for entry in entries:
            for key, policy in policies.items():
                if f"|{entry['principalArn']}|" in key and key.split("/", 1)[1].startswith(f"{self._cluster}|"):
                    for place in places(policy["accessScope"], namespaces):
                        document = binding(entry, policy["policyArn"], place)
                        made[json.dumps(document["metadata"], sort_keys=True)] = document
        return made

    def _bind(self, bound: dict[str, dict]) -> None:
        if added := [document for key, document in bound.items() if key not in self._bound]:
            self._control_plane.apply(added)
        for document in (document for key, document in self._bound.items() if key not in bound):
            metadata = document["metadata"]
            where = ["--namespace", metadata["namespace"]] if "namespace" in metadata else []
            self._control_plane.must("delete", document["kind"], metadata["name"], *where, "--ignore-not-found")
        self._bound = bound


def mapping(entry: dict) -> dict:
    """By unique id alone (`dynamicfileUserIDStrict`); the ARN is for the log."""
    unique = entry["_principalId"]
    kind = "user" if unique.startswith("AIDA") else "role"
    groups = [*entry["kubernetesGroups"], f"EKS:{unique}"]
    return {f"{kind}arn": entry["principalArn"], "userid": unique, "username": entry["username"], "groups": groups}


def places(scope: dict, namespaces: list[str]) -> list[str | None]:
    """None for the whole cluster, or the namespaces that there are of those in the scope."""
    if scope["type"] == "cluster":
        return [None]
    return [name for name in namespaces if any(fnmatch.fnmatchcase(name, written) for written in scope["namespaces"])]


def binding(entry: dict, policy_arn: str, namespace: str | None) -> dict:
    name = policy_arn.split("/")[-1]
    digest = hashlib.sha256(f"{entry['principalArn']} {entry['_principalId']}".encode()).hexdigest()[:12]
    metadata = {"name": f"eks:{name}:{digest}", "labels": OURS} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"eks:{name}"},
        "subjects": [GROUP | {"name": f"EKS:{entry['_principalId']}"}],
    }
