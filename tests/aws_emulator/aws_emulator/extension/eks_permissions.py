"""What EKS calls need to be allowed.

Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon Elastic Kubernetes
Service". Its resource types: cluster `cluster/NAME`, access-entry `access-entry/CLUSTER/TYPE/ACCOUNT/NAME/UUID`.
"""

import re

from ministack.services import eks as stock

from . import arns
from .call import Call
from .permissions import Need, needs, request_tags, resource_tags


@needs("eks", "ListClusters", "ListAccessPolicies")
def _any(call: Call) -> list[Need]:
    return [Need(f"eks:{call.action}", "*")]


@needs("eks", "DescribeCluster", "DeleteCluster", "UpdateClusterConfig", "DescribeUpdate", "ListUpdates")
def _cluster(call: Call) -> list[Need]:
    keys = _cluster_tags(call.params["name"])
    if call.action == "UpdateClusterConfig" and call.params.get("accessConfig"):
        keys["eks:authenticationMode"] = call.params["accessConfig"].get("authenticationMode")
    return [Need(f"eks:{call.action}", _cluster_arn(call, call.params["name"]), keys)]


@needs("eks", "CreateCluster")
def _create_cluster(call: Call) -> list[Need]:
    """CreateCluster also passes the cluster's role to EKS (iam:PassRole), and tags on creation."""
    name, tags = call.params.get("name", ""), call.params.get("tags")
    wanted = [Need("eks:CreateCluster", _cluster_arn(call, name), request_tags(tags))]
    if call.params.get("roleArn"):
        wanted.append(Need("iam:PassRole", call.params["roleArn"], {"iam:PassedToService": "eks.amazonaws.com"}))
    if tags:
        wanted.append(Need("eks:TagResource", _cluster_arn(call, name), request_tags(tags)))
    return wanted


@needs("eks", "CreateAccessEntry", "ListAccessEntries")
def _entries(call: Call) -> list[Need]:
    """Both are checked on the cluster. Tags on creation need eks:TagResource as well, on the entry that is to be."""
    name, tags = call.params["clusterName"], call.params.get("tags")
    keys = _cluster_tags(name)
    if call.action == "CreateAccessEntry":
        keys |= request_tags(tags) | {
            "eks:principalArn": call.params.get("principalArn"),
            "eks:accessEntryType": call.params.get("type") or "STANDARD",
            "eks:username": call.params.get("username"),
            "eks:kubernetesGroups": call.params.get("kubernetesGroups"),
        }
    wanted = [Need(f"eks:{call.action}", _cluster_arn(call, name), keys)]
    if tags:
        wanted.append(Need("eks:TagResource", _entry_arn(call), request_tags(tags)))
    return wanted


@needs(
    "eks",
    "DescribeAccessEntry",
    "UpdateAccessEntry",
    "DeleteAccessEntry",
    "AssociateAccessPolicy",
    "DisassociateAccessPolicy",
    "ListAssociatedAccessPolicies",
)
def _entry(call: Call) -> list[Need]:
    scope = call.params.get("accessScope") or {}
    keys = {
        "eks:principalArn": call.params.get("principalArn"),
        "eks:policyArn": call.params.get("policyArn"),
        "eks:accessScope": scope.get("type"),
        "eks:namespaces": scope.get("namespaces"),
        "eks:username": call.params.get("username"),
        "eks:kubernetesGroups": call.params.get("kubernetesGroups"),
    }
    entry = stock._access_entries.get(f"{call.params['clusterName']}\x00{call.params.get('principalArn')}")
    return [Need(f"eks:{call.action}", _entry_arn(call), keys | resource_tags((entry or {}).get("tags")))]


@needs("eks", "TagResource", "UntagResource", "ListTagsForResource")
def _tags(call: Call) -> list[Need]:
    keys = request_tags(call.params.get("tags"))
    if call.params.get("tagKeys"):
        keys["aws:TagKeys"] = call.params["tagKeys"]
    return [Need(f"eks:{call.action}", call.params["resourceArn"], keys)]


def _cluster_arn(call: Call, name: str) -> str:
    return arns.eks(call.region, call.account, f"cluster/{name}")


def _cluster_tags(name: str) -> dict:
    return resource_tags((stock._clusters.get(name) or {}).get("tags"))


def _entry_arn(call: Call) -> str:
    """The entry's own ARN, or the one that an entry of this principal would have, its UUID not known yet."""
    cluster, principal = call.params["clusterName"], call.params.get("principalArn", "")
    entry = stock._access_entries.get(f"{cluster}\x00{principal}")
    if entry:
        return entry["accessEntryArn"]
    match = re.fullmatch(r"arn:[\w-]+:iam::(\d{12}):(\w+)/(?:.*/)?(.+)", principal)
    owner, kind, name = match.groups() if match else ("*", "*", "*")
    return arns.eks(call.region, call.account, f"access-entry/{cluster}/{kind}/{owner}/{name}/*")
