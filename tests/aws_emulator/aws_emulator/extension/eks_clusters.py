"""EKS clusters as AWS does them: creation, authentication mode, updates that take their time.

Owns: CreateCluster to DeleteCluster, UpdateClusterConfig, DescribeUpdate, ListUpdates, tags; what the tests set by hand
(a cluster's status, how long an update takes, an upgrade of its version). Must not know: access entries beyond the
creator's own.
Clusters are ACTIVE at once, unlike AWS's: no test waits for ten minutes. Their endpoint is on this machine, where
their API server listens (`api_server`); AWS's is a name such as https://ID.gr7.REGION.eks.amazonaws.com.
"""

import itertools
import secrets
import time
import uuid

from ministack.core.responses import AccountRegionScopedDict, request_scope
from ministack.services import ec2 as stock_ec2
from ministack.services import eks as stock

from . import api_server, arns, lags
from .call import AwsError, Call, handles
from .ec2_calls import put_tags

MODES = ("CONFIG_MAP", "API_AND_CONFIG_MAP", "API")
DEFAULT_VERSION = "1.33"

_updates = AccountRegionScopedDict()  # "cluster|update id" -> the update, with _until and _apply

#: How long an update is InProgress unless a test says otherwise.
UPDATE_SECONDS = 0.5
update_seconds = UPDATE_SECONDS


def find(name: str, account: str | None = None, region: str | None = None) -> dict:
    """The cluster as it is now: updates that are due have taken effect. Raises ResourceNotFoundException."""
    cluster = stock._clusters.get_scoped(account, region, name) if account else stock._clusters.get(name)
    if cluster is None:
        raise AwsError("ResourceNotFoundException", f"No cluster found for name: {name}.", clusterName=name)
    _settle(cluster)
    return cluster


def authentication_mode(cluster: dict) -> str:
    return cluster["accessConfig"]["authenticationMode"]


def set_status(name: str, account: str, region: str, status: str) -> None:
    """For the tests: DescribeCluster answers this from now on."""
    find(name, account, region)["status"] = status


def alter(name: str, account: str, region: str, answer: dict[str, str]) -> None:
    """For the tests: DescribeCluster answers this from now on, as a machine between xeks and EKS could make it.

    `answer` has any of issuer, endpoint and authority (in base64).
    """
    cluster = find(name, account, region)
    if "issuer" in answer:
        cluster["identity"] = {"oidc": {"issuer": answer["issuer"]}}
    if "endpoint" in answer:
        cluster["endpoint"] = answer["endpoint"]
    if "authority" in answer:
        cluster["certificateAuthority"] = {"data": answer["authority"]}


def set_update_seconds(seconds: float) -> None:
    global update_seconds
    update_seconds = seconds


def start_upgrade(name: str, account: str, region: str, seconds: float) -> dict:
    """For the tests: someone upgrades the cluster to the next minor version (UpdateClusterVersion), for so long.

    EKS user guide, "Update existing cluster to new Kubernetes version": a VersionUpdate, which "typically takes several
    minutes"; the cluster's status is UPDATING meanwhile.
    """
    cluster = find(name, account, region)
    major, minor = cluster["version"].split(".")
    version = f"{major}.{int(minor) + 1}"
    with request_scope(account, region):
        return _begin(cluster, "VersionUpdate", {"Version": version}, {"version": version}, seconds)


def finish_updates() -> None:
    """For the tests: every update in progress is due now."""
    for update in _updates.all_values():
        update["_until"] = 0


@handles("eks", "CreateCluster")
def create_cluster(call: Call) -> dict:
    """EKS API reference, CreateCluster and CreateAccessConfigRequest: the mode defaults to CONFIG_MAP, the creator
    becomes an administrator by default, which CONFIG_MAP does not allow."""
    params = call.params
    name = params.get("name", "")
    if name in stock._clusters:
        raise AwsError("ResourceInUseException", f"Cluster already exists with name: {name}", clusterName=name)
    access = params.get("accessConfig") or {}
    mode = access.get("authenticationMode", MODES[0])
    bootstrap = access.get("bootstrapClusterCreatorAdminPermissions", True)
    if mode == "CONFIG_MAP" and not bootstrap:
        raise AwsError(
            "InvalidParameterException",
            "bootstrapClusterCreatorAdminPermissions must be true if cluster authentication mode is set to CONFIG_MAP",
        )
    arn = arns.eks(call.region, call.account, f"cluster/{name}")
    identifier = secrets.token_hex(16).upper()
    vpc = _vpc_config(name, identifier, params.get("resourcesVpcConfig") or {}, call.account)
    listener = api_server.open_for(call.account, call.region, name)
    cluster = {
        "name": name,
        "arn": arn,
        "createdAt": time.time(),
        "version": params.get("version", DEFAULT_VERSION),
        "endpoint": listener.endpoint,
        "roleArn": params.get("roleArn"),
        "resourcesVpcConfig": vpc,
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv4"}
        | (params.get("kubernetesNetworkConfig") or {}),
        "logging": params.get("logging") or {"clusterLogging": []},
        "identity": {"oidc": {"issuer": arns.issuer(call.region, identifier)}},
        "status": "ACTIVE",
        "certificateAuthority": {"data": listener.authority.data},
        "platformVersion": "eks.9",
        "tags": params.get("tags") or {},
        "accessConfig": {"authenticationMode": mode},
        "_creator": call.caller.principal_arn if bootstrap else None,
    }
    stock._clusters[name] = cluster
    if mode != "CONFIG_MAP":
        _admit_creator(cluster)
    return {"cluster": cluster}


@handles("eks", "DescribeCluster")
def describe_cluster(call: Call) -> dict:
    return {"cluster": find(call.params["name"])}


@handles("eks", "ListClusters")
def list_clusters(call: Call) -> dict:
    return paged(call, "clusters", sorted(stock._clusters.keys()))


@handles("eks", "DeleteCluster")
async def delete_cluster(call: Call) -> dict:
    name = call.params["name"]
    cluster = find(name)
    groups = {cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]}
    await call.stock()
    api_server.close(call.account, call.region, name)
    for key in [key for key in _updates if key.startswith(f"{name}|")]:
        del _updates[key]
    for group in groups & set(stock_ec2._security_groups.keys()):
        del stock_ec2._security_groups[group]
        put_tags(group, [])
    return {"cluster": cluster | {"status": "DELETING"}}


@handles("eks", "UpdateClusterConfig")
def update_cluster_config(call: Call) -> dict:
    """EKS user guide, "Change authentication mode to use access entries": CONFIG_MAP to API_AND_CONFIG_MAP to API,
    one step at a time and one way; the words are those of AWS's knowledge centre, "troubleshoot access entries"."""
    cluster = find(call.params["name"])
    _check_idle(cluster, "AccessConfigUpdate" if "accessConfig" in call.params else "EndpointAccessUpdate")
    if "accessConfig" in call.params:
        before = authentication_mode(cluster)
        after = (call.params["accessConfig"] or {}).get("authenticationMode")
        if (before, after) not in itertools.pairwise(MODES):
            message = f"Unsupported authentication mode update from {before} to {after}"
            raise AwsError("InvalidParameterException", message, clusterName=cluster["name"])
        changes = {"accessConfig": {"authenticationMode": after}}
        return {"update": _begin(cluster, "AccessConfigUpdate", {"AuthenticationMode": after}, changes)}
    endpoint = {
        name: value
        for name, value in (call.params.get("resourcesVpcConfig") or {}).items()
        if name in ("endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs")
    }
    if not endpoint:
        raise AwsError("InvalidParameterException", "No changes needed.", clusterName=cluster["name"])
    shown = {name[0].upper() + name[1:]: str(value).lower() for name, value in endpoint.items()}
    return {"update": _begin(cluster, "EndpointAccessUpdate", shown, {"resourcesVpcConfig": endpoint})}


@handles("eks", "DescribeUpdate")
def describe_update(call: Call) -> dict:
    """API reference: ResourceNotFoundException; issue 10252 of aws-cli has the words. No page of AWS says that an
    update that began a moment ago may be unknown; it is, where a test delays updates."""
    cluster = find(call.params["name"])
    update = _updates.get(f"{cluster['name']}|{call.params['updateId']}")
    if update is None or lags.NEW_UPDATES.left(update["id"]):
        raise AwsError("ResourceNotFoundException", f"No update found for ID: {call.params['updateId']}")
    return {"update": update}


@handles("eks", "ListUpdates")
def list_updates(call: Call) -> dict:
    return paged(call, "updateIds", [update["id"] for update in _updates_of(find(call.params["name"]))])


def paged(call: Call, member: str, items: list) -> dict:
    """One page: maxResults up to 100, the token is the place of the next item."""
    begin = int(call.params.get("nextToken") or 0)
    end = begin + min(int(call.params.get("maxResults") or 100), 100)
    return {member: items[begin:end]} | ({"nextToken": str(end)} if end < len(items) else {})


def _check_idle(cluster: dict, wanted: str) -> None:
    """One update at a time. Users quote these words for both kinds of update: issue 33452 of aws-cdk (during a version
    upgrade), issue 1192 of aws-controllers-k8s/community."""
    running = next((update["id"] for update in _updates_of(cluster) if update["status"] == "InProgress"), None)
    if running or cluster["status"] != "ACTIVE":
        what = f"currently has update {running} in progress" if running else f"is in status {cluster['status']}"
        message = f"Cannot {wanted} because cluster {cluster['name']} {what}"
        raise AwsError("ResourceInUseException", message, clusterName=cluster["name"])


def _begin(cluster: dict, kind: str, shown: dict, changes: dict, seconds: float | None = None) -> dict:
    update = {
        "id": str(uuid.uuid4()),
        "status": "InProgress",
        "type": kind,
        "params": [{"type": name, "value": value} for name, value in shown.items()],
        "createdAt": time.time(),
        "errors": [],
        "_until": time.time() + (update_seconds if seconds is None else seconds),
        "_changes": changes,
    }
    _updates[f"{cluster['name']}|{update['id']}"] = update
    cluster["status"] = "UPDATING"
    lags.NEW_UPDATES.begin(update["id"])
    return dict(update)


def _settle(cluster: dict) -> None:
    for update in _updates_of(cluster):
        if update["status"] != "InProgress" or update["_until"] > time.time():
            continue
        update["status"] = "Successful"
        cluster["status"] = "ACTIVE"
        for name, change in update["_changes"].items():
            cluster[name] = cluster[name] | change if isinstance(change, dict) else change
        if "accessConfig" in update["_changes"]:
            _admit_creator(cluster)


def _updates_of(cluster: dict) -> list[dict]:
    account, region = cluster["arn"].split(":")[4], cluster["arn"].split(":")[3]
    found = _updates.items_scoped(account, region)
    return [update for key, update in found if key.startswith(f"{cluster['name']}|")]


def _admit_creator(cluster: dict) -> None:
    """EKS API reference, CreateAccessConfigRequest: the creator gets a cluster admin access entry.

    EKS user guide, "Grant IAM users access with EKS access entries": on a cluster that gets to know access entries
    later, EKS makes that entry then.
    """
    from . import eks_access

    if cluster["_creator"]:
        eks_access.admit_creator(cluster, cluster["_creator"])


def _vpc_config(name: str, identifier: str, asked: dict, account: str) -> dict:
    """The VPC is that of the subnets, and EKS makes a security group of its own in it.

    EKS user guide, "View Amazon EKS security group requirements for clusters": named eks-cluster-sg-NAME-ID, with three
    tags.
    """
    subnets = asked.get("subnetIds") or []
    vpcs = {stock_ec2._subnets[subnet]["VpcId"] for subnet in subnets if subnet in stock_ec2._subnets}
    missing = [subnet for subnet in subnets if subnet not in stock_ec2._subnets]
    if missing or len(vpcs) > 1 or not subnets:
        what = f"The subnet ID '{missing[0]}' does not exist" if missing else "Subnets must all be in one VPC"
        raise AwsError("InvalidParameterException", what)
    vpc = vpcs.pop()
    group = f"sg-{secrets.token_hex(8)}0"
    everything = {"IpProtocol": "-1", "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": []}
    called = f"eks-cluster-sg-{name}-{int(identifier[:8], 16) % 10**9}"
    tags = {f"kubernetes.io/cluster/{name}": "owned", "aws:eks:cluster-name": name, "Name": called}
    put_tags(group, [{"Key": key, "Value": value} for key, value in tags.items()])
    stock_ec2._security_groups[group] = {
        "GroupId": group,
        "GroupName": called,
        "Description": "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes",
        "VpcId": vpc,
        "OwnerId": account,
        "IpPermissions": [everything | {"UserIdGroupPairs": [{"GroupId": group, "UserId": account}]}],
        "IpPermissionsEgress": [everything | {"IpRanges": [{"CidrIp": "0.0.0.0/0"}], "UserIdGroupPairs": []}],
    }
    return {
        "subnetIds": subnets,
        "securityGroupIds": asked.get("securityGroupIds") or [],
        "clusterSecurityGroupId": group,
        "vpcId": vpc,
        "endpointPublicAccess": asked.get("endpointPublicAccess", True),
        "endpointPrivateAccess": asked.get("endpointPrivateAccess", False),
        "publicAccessCidrs": asked.get("publicAccessCidrs") or ["0.0.0.0/0"],
    }
