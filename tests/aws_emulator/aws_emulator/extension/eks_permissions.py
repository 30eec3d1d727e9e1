"""What a caller of EKS must be allowed: on which object, with which values of condition keys.

Owns: the ARN of what a call of EKS names, and its keys' values. Must not know: which resource types and keys an action
takes (`service_authorization`), how needs are evaluated (`permissions`) or calls answered.
"""

import re

from ministack.services import eks as stock

from . import arns
from .call import Call
from .permissions import Need, needs, request_tags, resource_tags
from .service_authorization import Undocumented, action


@needs("eks")
def _of_call(call: Call) -> list[Need]:
    """On the cluster or the access entry that the call names, as the reference gives for the action."""
    name, keys = f"eks:{call.action}", _requested(call)
    wanted = [Need(name, arn, keys | tags) for arn, tags in _named(call, name)] or [Need(name, "*", keys)]
    return wanted + _along(call)


@needs("eks", "TagResource", "UntagResource", "ListTagsForResource")
def _tags(call: Call) -> list[Need]:
    """On the resource that is named by its ARN. The reference does not list access entries for ListTagsForResource: no
    policy that names one allows it."""
    name, arn = f"eks:{call.action}", call.params["resourceArn"]
    owners = [*stock._clusters.values(), *stock._access_entries.values()]
    owner = next((each for each in owners if arn in (each.get("arn"), each.get("accessEntryArn"))), {})
    taken = any(kind.arn.fullmatch(arn) for kind in action(name).types.values())
    return [Need(name, arn if taken else "*", _requested(call) | resource_tags(owner.get("tags")))]


def _named(call: Call, name: str) -> list[tuple[str, dict]]:
    found = []
    for kind in action(name).required:
        if kind.name == "cluster":
            cluster = call.params.get("clusterName") or call.params["name"]
            found.append((_cluster_arn(call, cluster), resource_tags(stock._clusters.get(cluster, {}).get("tags"))))
        elif kind.name == "access-entry":
            found.append((_entry_arn(call), resource_tags(_entry(call).get("tags"))))
        else:
            raise Undocumented(f"this emulator has no {kind.name}")
    return found


def _along(call: Call) -> list[Need]:
    """EKS user guide, "Amazon EKS identity-based policy examples": CreateCluster passes the cluster's role. "Tagging
    your Amazon EKS resources": what is made with tags takes eks:TagResource on what is to be."""
    wanted, tags = [], call.params.get("tags")
    if call.action == "CreateCluster":
        wanted = [Need("iam:PassRole", call.params["roleArn"], {"iam:PassedToService": "eks.amazonaws.com"})]
    if tags and call.action.startswith("Create"):
        arn = _entry_arn(call) if call.action == "CreateAccessEntry" else _cluster_arn(call, call.params["name"])
        wanted.append(Need("eks:TagResource", arn, _requested(call)))
    return wanted


def _requested(call: Call) -> dict:
    """The reference, condition keys for Amazon EKS: all but a resource's tags filter by what the request has."""
    access, scope = call.params.get("accessConfig") or {}, call.params.get("accessScope") or {}
    present = {
        "aws:TagKeys": call.params.get("tagKeys"),
        "eks:accessEntryType": call.params.get("type"),
        "eks:accessScope": scope.get("type"),
        "eks:authenticationMode": access.get("authenticationMode"),
        "eks:bootstrapClusterCreatorAdminPermissions": access.get("bootstrapClusterCreatorAdminPermissions"),
        "eks:clusterName": call.params.get("clusterName"),
        "eks:kubernetesGroups": call.params.get("kubernetesGroups"),
        "eks:namespaces": scope.get("namespaces"),
        "eks:policyArn": call.params.get("policyArn"),
        "eks:principalArn": call.params.get("principalArn"),
        "eks:username": call.params.get("username"),
    }
    return request_tags(call.params.get("tags")) | {name: one for name, one in present.items() if one is not None}


def _cluster_arn(call: Call, name: str) -> str:
    return arns.eks(call.region, call.account, f"cluster/{name}")


def _entry(call: Call) -> dict:
    return stock._access_entries.get(f"{call.params['clusterName']}\x00{call.params['principalArn']}") or {}


def _entry_arn(call: Call) -> str:
    """The entry's own ARN, or the one that an entry of this principal would have, its UUID not known yet."""
    entry = _entry(call)
    if entry:
        return entry["accessEntryArn"]
    match = re.fullmatch(r"arn:[\w-]+:iam::(\d{12}):(\w+)/(?:.*/)?(.+)", call.params["principalArn"])
    owner, kind, name = match.groups() if match else ("*", "*", "*")
    cluster = call.params["clusterName"]
    return arns.eks(call.region, call.account, f"access-entry/{cluster}/{kind}/{owner}/{name}/*")
