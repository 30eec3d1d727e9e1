"""What a cluster's API server answers: who the bearer of a token is, and what he may do.

Owns: SelfSubjectReview, SelfSubjectAccessReview, /version, the list of custom resources, and the refusals of
everything else.
Must not know: sockets (`api_server`), how a token is checked (`eks_tokens`).

Kubernetes API reference, "SelfSubjectReview" (authentication.k8s.io/v1) and "SelfSubjectAccessReview"
(authorization.k8s.io/v1).
RBAC rules of the cluster do not exist here: groups other than system:masters
allow nothing.
"""

import json

from ..access_policies import access_policies
from . import eks_tokens
from .call import AwsError
from .eks_clusters import DEFAULT_VERSION

#: The custom resources that every cluster here has: group, plural, kind, short names.
_CUSTOM = (("cert-manager.io", "certificates", "Certificate", ["cert", "certs"]),)


def answer(
    account: str, region: str, cluster: str, method: str, path: str, token: str, body: bytes
) -> tuple[int, dict]:
    """HTTP status and document."""
    path = path.split("?")[0]
    if (method, path) == ("GET", "/version"):
        major, minor = DEFAULT_VERSION.split(".")
        return 200, {"major": major, "minor": minor, "gitVersion": f"v{DEFAULT_VERSION}.0-eks-0000000"}
    if not token:
        return _status(403, "Forbidden", f'forbidden: User "system:anonymous" cannot {method.lower()} path "{path}"')
    try:
        user = eks_tokens.review(token, cluster, account, region)
    except (eks_tokens.Refused, AwsError):
        return _status(401, "Unauthorized", "Unauthorized")
    if (method, path) == ("GET", "/apis"):
        return 200, {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": _discovered()}
    if (method, path) == ("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews"):
        info = {"username": user.username, "groups": user.groups, "extra": {"arn": [user.arn]}}
        # Nothing in the request counts, which kubectl sends in protobuf.
        kind = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}}
        return 201, kind | {"status": {"userInfo": info}}
    if (method, path) == ("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"):
        try:
            review = json.loads(body)
        except ValueError:
            return _status(415, "UnsupportedMediaType", "this API server reads JSON alone")
        return 201, review | {"status": {"allowed": _may(user, review["spec"].get("resourceAttributes") or {})}}
    return _status(403, "Forbidden", f'forbidden: User "{user.username}" cannot {method.lower()} path "{path}"')


def _discovered() -> list[dict]:
    """Kubernetes, "Aggregated discovery": here, of the custom resources only."""
    return [
        {
            "metadata": {"name": group},
            "versions": [
                {
                    "version": "v1",
                    "resources": [
                        {
                            "resource": plural,
                            "responseKind": {"group": group, "version": "v1", "kind": kind},
                            "scope": "Namespaced",
                            "singularResource": kind.lower(),
                            "shortNames": short,
                            "verbs": ["get", "list"],
                        }
                    ],
                }
            ],
        }
        for group, plural, kind, short in _CUSTOM
    ]


def _may(user: eks_tokens.User, asked: dict) -> bool:
    if "system:masters" in user.groups:
        return True
    return any(_covers(policy["accessScope"], asked) and _allows(policy, asked) for policy in user.policies)


def _covers(scope: dict, asked: dict) -> bool:
    """EKS user guide, "Associate access policies with access entries": namespaces by name, or by a name that ends in a
    wildcard; a scope of namespaces covers no question about all of them."""
    if scope["type"] == "cluster":
        return True
    namespace = asked.get("namespace")
    return bool(namespace) and any(
        namespace.startswith(name[:-1]) if name.endswith("*") else namespace == name for name in scope["namespaces"]
    )


def _allows(policy: dict, asked: dict) -> bool:
    """As RBAC reads the rules of the policy's table."""
    sub = asked.get("subresource")
    resource = f"{asked.get('resource', '')}/{sub}" if sub else asked.get("resource", "")
    return any(
        _has([group], asked.get("group", "")) and _has(resources, resource) and _has(verbs, asked.get("verb"))
        for group, resources, verbs in access_policies().get(policy["policyArn"].split("/")[-1], [])
    )


def _has(listed: list[str], asked: str | None) -> bool:
    return "*" in listed or asked in listed


def _status(code: int, reason: str, message: str) -> tuple[int, dict]:
    kind = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return code, kind | {"message": message, "reason": reason, "code": code}
