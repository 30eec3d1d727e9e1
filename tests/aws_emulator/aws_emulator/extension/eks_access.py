"""EKS access entries and access policies as AWS does them.

Owns: all calls on access entries and their policy associations, ListAccessPolicies, the tags of entries and
clusters, and whether an entry still admits its principal. Must not know: tokens (`eks_tokens`), how clusters are made.

EKS user guide, "Create access entries": the rules on principals, types, user names and groups.
"""

import re
import time
import uuid

from ministack.services import eks as stock

from . import arns, consistency, identities, lags
from .call import AwsError, Call, handles
from .eks_clusters import authentication_mode, find, paged

POLICIES = (
    "AmazonAIOpsAssistantPolicy",
    "AmazonARCRegionSwitchScalingPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSBlockStorageClusterPolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSClusterInsightsPolicy",
    "AmazonEKSComputeClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSEventPolicy",
    "AmazonEKSHybridPolicy",
    "AmazonEKSLoadBalancingClusterPolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingClusterPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSSecretReaderPolicy",
    "AmazonEKSViewPolicy",
)
TYPES = ("STANDARD", "EC2", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "HYBRID_LINUX", "HYPERPOD_LINUX")
RESERVED = ("system:", "eks:", "aws:", "amazon:", "iam:")
_NODE_NAMES = {"FARGATE_LINUX": "system:node:{{SessionName}}"}
_PRINCIPAL = re.compile(r"arn:(aws|aws-cn|aws-us-gov):iam::(\d{12}):(role|user)/(?:.*/)?([\w+=,.@-]+)")
_NOT_FOUND = (
    "The specified principalArn could not be found. "
    "You can view your available access entries with 'list-access-entries'."
)
_MODE_REFUSED = (
    "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."
)


def entries_of(cluster: dict) -> list[dict]:
    account, region = _place(cluster)
    found = stock._access_entries.items_scoped(account, region)
    return [entry for key, entry in found if key.startswith(f"{cluster['name']}\x00")]


def policies_of(cluster: dict, entry: dict) -> list[dict]:
    account, region = _place(cluster)
    prefix = f"{cluster['name']}\x00{entry['principalArn']}\x00"
    return [policy for key, policy in stock._access_policies.items_scoped(account, region) if key.startswith(prefix)]


def is_alive(entry: dict) -> bool:
    """EKS user guide, "Create access entries": an entry for an IAM principal that was deleted and recreated under
    the same ARN "won't work", since the roleID or userID differs; nothing in DescribeAccessEntry shows it."""
    return identities.unique_id(entry["principalArn"]) == entry["_principalId"]


def admit_creator(cluster: dict, principal: str) -> None:
    if identities.unique_id(principal) is None or any(e["principalArn"] == principal for e in entries_of(cluster)):
        return  # the root user, whom no entry can name, or an entry that is there already
    entry = _store(cluster, principal, "STANDARD", _default_username(principal, "STANDARD"), [], {})
    _associate(
        cluster, entry, _policy_arn(cluster, "AmazonEKSClusterAdminPolicy"), {"type": "cluster", "namespaces": []}
    )


@handles("eks", "ListAccessPolicies")
def list_access_policies(call: Call) -> dict:
    prefix = f"arn:{arns.partition(call.region)}:eks::aws:cluster-access-policy/"
    return paged(call, "accessPolicies", [{"name": name, "arn": prefix + name} for name in POLICIES])


@handles("eks", "CreateAccessEntry")
def create_access_entry(call: Call) -> dict:
    """API reference: ResourceInUseException where the principal has an entry. One that was deleted a moment ago can
    still count. No page of AWS says so: it follows from the late sight of new entries (see `consistency`)."""
    cluster = _open(call)
    principal, kind = call.params["principalArn"], call.params.get("type") or "STANDARD"
    if kind not in TYPES:
        raise _invalid(f"The specified type {kind} is not supported.")
    _check_principal(principal, kind, call.account)
    username, groups = call.params.get("username"), call.params.get("kubernetesGroups")
    if kind != "STANDARD" and (username or groups):
        raise _invalid(f"The type {kind} does not allow a username or kubernetesGroups.")
    _check_names(username, groups)
    if identities.unique_id(principal) is None:
        raise _invalid("The specified principalArn is invalid: invalid principal.")
    exists = any(entry["principalArn"] == principal for entry in entries_of(cluster))
    if exists or lags.DELETED_ENTRIES.left(*_place(cluster), cluster["name"], principal):
        raise AwsError(
            "ResourceInUseException", "The specified access entry resource is already in use on this cluster."
        )
    username = username or _default_username(principal, kind)
    lags.NEW_ENTRIES.begin(*_place(cluster), cluster["name"], principal)
    return {"accessEntry": _store(cluster, principal, kind, username, groups or [], call.params.get("tags") or {})}


@handles("eks", "DescribeAccessEntry")
def describe_access_entry(call: Call) -> dict:
    return {"accessEntry": _entry(_open(call), call)}


@handles("eks", "ListAccessEntries")
def list_access_entries(call: Call) -> dict:
    cluster, policy = _open(call), call.params.get("associatedPolicyArn")
    principals = [
        entry["principalArn"]
        for entry in entries_of(cluster)
        if not consistency.is_unseen(entry["createdAt"])
        if policy is None or policy in [associated["policyArn"] for associated in policies_of(cluster, entry)]
    ]
    return paged(call, "accessEntries", sorted(principals))


@handles("eks", "UpdateAccessEntry")
def update_access_entry(call: Call) -> dict:
    """EKS API reference, UpdateAccessEntry: groups are declarative, what is left out stays; principal and type
    cannot change."""
    entry = _entry(_open(call), call)
    username, groups = call.params.get("username"), call.params.get("kubernetesGroups")
    if entry["type"] != "STANDARD":
        raise _invalid('This operation can only be performed on Access Entries with a type of "STANDARD".')
    _check_names(username, groups)
    if username is not None:
        entry["username"] = username or _default_username(entry["principalArn"], entry["type"])
    if groups is not None:
        entry["kubernetesGroups"] = groups
    entry["modifiedAt"] = time.time()
    return {"accessEntry": entry}


@handles("eks", "DeleteAccessEntry")
def delete_access_entry(call: Call) -> dict:
    """EKS user guide, "Delete access entries": the policies that are associated with it go with it."""
    cluster = _open(call)
    entry = _entry(cluster, call)
    for policy in policies_of(cluster, entry):
        del stock._access_policies[_key(cluster, entry["principalArn"], policy["policyArn"])]
    del stock._access_entries[_key(cluster, entry["principalArn"])]
    lags.DELETED_ENTRIES.begin(*_place(cluster), cluster["name"], entry["principalArn"])
    return {}


@handles("eks", "AssociateAccessPolicy")
def associate_access_policy(call: Call) -> dict:
    """EKS user guide, "Associate access policies with access entries": the scope is the cluster or named namespaces,
    a name may end in a wildcard; associating a policy again changes its scope."""
    cluster = _open(call)
    entry = _entry(cluster, call)
    arn, scope = call.params["policyArn"], call.params.get("accessScope") or {}
    if arn not in [_policy_arn(cluster, name) for name in POLICIES]:
        raise _invalid(f"The specified policyArn is invalid: {arn} is no access policy. See 'list-access-policies'.")
    if entry["type"] not in ("STANDARD", "EC2"):
        raise _invalid('This operation can only be performed on Access Entries with a type of "STANDARD".')
    kind, namespaces = scope.get("type"), scope.get("namespaces") or []
    if (kind == "namespace") != bool(namespaces):
        raise _invalid("Namespaces must be specified for, and only for, an accessScope of type namespace.")
    wrong = [
        name
        for name in namespaces
        if not re.fullmatch(r"\*|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|[a-z0-9][a-z0-9-]{0,61}\*", name)
    ]
    if wrong:
        raise _invalid(f"The namespace {wrong[0]} is invalid.")
    return _shown(cluster, entry) | {
        "associatedAccessPolicy": _associate(cluster, entry, arn, {"type": kind, "namespaces": namespaces})
    }


@handles("eks", "DisassociateAccessPolicy")
def disassociate_access_policy(call: Call) -> dict:
    cluster = _open(call)
    entry = _entry(cluster, call)
    key = _key(cluster, entry["principalArn"], call.params["policyArn"])
    if stock._access_policies.pop(key, None) is None:
        raise AwsError("ResourceNotFoundException", "The specified policyArn is not associated with the access entry.")
    return {}


@handles("eks", "ListAssociatedAccessPolicies")
def list_associated_access_policies(call: Call) -> dict:
    cluster = _open(call)
    entry = _entry(cluster, call)
    found = sorted(policies_of(cluster, entry), key=lambda policy: policy["policyArn"])
    return _shown(cluster, entry) | paged(call, "associatedAccessPolicies", found)


@handles("eks", "TagResource", "UntagResource", "ListTagsForResource")
async def tags(call: Call):
    """EKS API reference, TagResource: clusters, access entries and others, by ARN."""
    arn = call.params["resourceArn"]
    owners = [*stock._clusters.values(), *stock._access_entries.values()]
    owner = next((o for o in owners if arn in (o.get("arn"), o.get("accessEntryArn"))), None)
    if owner is None:
        if re.search(r":(cluster|access-entry)/", arn):
            raise AwsError("NotFoundException", f"Resource {arn} was not found.", 404)
        return await call.forward()
    if call.action == "TagResource":
        owner["tags"] |= call.params["tags"]
    elif call.action == "UntagResource":
        owner["tags"] = {key: value for key, value in owner["tags"].items() if key not in call.params["tagKeys"]}
    return {"tags": owner["tags"]} if call.action == "ListTagsForResource" else {}


def _open(call: Call) -> dict:
    """The cluster, if it knows access entries at all: a CONFIG_MAP cluster refuses every call on them."""
    cluster = find(call.params["clusterName"])
    if authentication_mode(cluster) == "CONFIG_MAP":
        raise AwsError("InvalidRequestException", _MODE_REFUSED)
    return cluster


def _entry(cluster: dict, call: Call) -> dict:
    principal = call.params["principalArn"]
    if not _PRINCIPAL.fullmatch(principal):
        raise _invalid("The principalArn parameter format is not valid")
    entry = stock._access_entries.get(_key(cluster, principal))
    late = call.action not in ("DeleteAccessEntry", "UpdateAccessEntry", "DisassociateAccessPolicy")
    if entry is None or (late and consistency.is_unseen(entry["createdAt"])):
        raise AwsError("ResourceNotFoundException", _NOT_FOUND)
    return entry


def _check_principal(principal: str, kind: str, account: str) -> None:
    match = _PRINCIPAL.fullmatch(principal)
    if not match:
        raise _invalid("The principalArn parameter format is not valid")
    if ":role/aws-service-role/" in principal:
        raise _invalid(
            "The caller is not allowed to modify access entries with a principalArn value of a Service Linked Role"
        )
    if kind != "STANDARD" and (match[2] != account or match[3] != "role"):
        raise _invalid(f"An access entry of type {kind} needs an IAM role of the cluster's own account.")


def _check_names(username: str | None, groups: list | None) -> None:
    for prefix in RESERVED:
        if username and username.lower().startswith(prefix):
            raise _invalid(f"The username must not begin with {prefix}")
        for group in groups or []:
            if group.lower().startswith(prefix):
                raise _invalid(f"The kubernetes group name {group} is invalid, it cannot start with {prefix}")
    template = re.search(r"\{\{SessionName(Raw)?\}\}", username or "")
    if template and ":" not in username[: template.start()]:
        raise _invalid("The username must contain a colon before {{SessionName}}")


def _default_username(principal: str, kind: str) -> str:
    """EKS user guide, "Set a custom username for EKS access entries": a user's ARN, or for a role the STS ARN
    without the path."""
    partition, account, what, name = _PRINCIPAL.fullmatch(principal).groups()
    if kind != "STANDARD":
        return _NODE_NAMES.get(kind, "system:node:{{EC2PrivateDNSName}}")
    if what == "user":
        return principal
    return f"arn:{partition}:sts::{account}:assumed-role/{name}/{{{{SessionName}}}}"


def _store(cluster: dict, principal: str, kind: str, username: str, groups: list, entry_tags: dict) -> dict:
    account, region = _place(cluster)
    _, owner, what, name = _PRINCIPAL.fullmatch(principal).groups()
    now = time.time()
    entry = {
        "clusterName": cluster["name"],
        "principalArn": principal,
        "kubernetesGroups": groups,
        "accessEntryArn": arns.eks(
            region, account, f"access-entry/{cluster['name']}/{what}/{owner}/{name}/{uuid.uuid4()}"
        ),
        "createdAt": now,
        "modifiedAt": now,
        "tags": dict(entry_tags),
        "username": username,
        "type": kind,
        "_principalId": identities.unique_id(principal),
    }
    stock._access_entries.set_scoped(account, region, _key(cluster, principal), entry)
    return entry


def _associate(cluster: dict, entry: dict, arn: str, scope: dict) -> dict:
    account, region = _place(cluster)
    key = _key(cluster, entry["principalArn"], arn)
    before = stock._access_policies.get_scoped(account, region, key) or {"associatedAt": time.time()}
    policy = {"policyArn": arn, "accessScope": scope, "associatedAt": before["associatedAt"], "modifiedAt": time.time()}
    stock._access_policies.set_scoped(account, region, key, policy)
    return policy


def _shown(cluster: dict, entry: dict) -> dict:
    return {"clusterName": cluster["name"], "principalArn": entry["principalArn"]}


def _policy_arn(cluster: dict, name: str) -> str:
    return f"arn:{arns.partition(_place(cluster)[1])}:eks::aws:cluster-access-policy/{name}"


def _place(cluster: dict) -> tuple[str, str]:
    parts = cluster["arn"].split(":")
    return parts[4], parts[3]


def _key(cluster: dict, *parts: str) -> str:
    return "\x00".join((cluster["name"], *parts))


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)
