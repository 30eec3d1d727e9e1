"""Each cluster's API server. "Reference" is the Kubernetes API reference, "Guide" the EKS user guide."""

import ssl
import urllib.error

import pytest
from api_client import MAY, WHO, call, may
from tokens import token as cluster_token

from objects import ADMIN, CLUSTER_ACCOUNT, VIEW, make_cluster, make_role, on_instance, remove_role

ACCESS = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/access"


@pytest.fixture
def cluster(aws):
    made = make_cluster(aws)
    make_role(aws, "cluster", "access")
    return made


def admit(aws, policy=VIEW, groups=(), scope=None) -> str:
    """An entry for the access role; returns a token of a session of it."""
    eks = aws.client("cluster", "eks")
    eks.create_access_entry(clusterName="c", principalArn=ACCESS, kubernetesGroups=list(groups))
    if policy:
        scope = scope or {"type": "cluster"}
        eks.associate_access_policy(clusterName="c", principalArn=ACCESS, policyArn=policy, accessScope=scope)
    return cluster_token(on_instance(aws, "cluster", "access"))


def test_the_endpoint_shows_a_certificate_of_the_clusters_own_authority(aws, cluster):
    """Guide, "Connect kubectl to an EKS cluster": certificateAuthority.data is what endpoint is verified by."""
    assert call(cluster, "/version")[0] == 200
    other = make_cluster(aws, "other")
    with pytest.raises(urllib.error.URLError) as refused:
        call(cluster, "/version", authority=other["certificateAuthority"]["data"])
    assert isinstance(refused.value.reason, ssl.SSLCertVerificationError)


def test_a_principal_with_an_entry_gets_its_user_name(aws, cluster):
    """Reference, SelfSubjectReview: status.userInfo."""
    status, answer = call(cluster, WHO, admit(aws, groups=["ops"]), {"kind": "SelfSubjectReview"})
    assert status == 201
    user = answer["status"]["userInfo"]
    assert user["username"] == f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/access/i-0123456789abcdef0"
    assert user["groups"] == ["ops", "system:authenticated"]


def test_no_entry_a_stale_entry_and_no_token_are_refused(aws, cluster):
    """Guide, "Grant IAM users access to Kubernetes with EKS access entries": 401; without a token RBAC says 403."""
    foreign = cluster_token(on_instance(aws, "cluster", "access"))
    assert call(cluster, WHO, foreign, {})[0] == 401
    admit(aws)
    remove_role(aws, "cluster", "access")
    make_role(aws, "cluster", "access")
    status, answer = call(cluster, WHO, cluster_token(on_instance(aws, "cluster", "access")), {})
    assert (status, answer["reason"]) == (401, "Unauthorized")
    assert call(cluster, WHO, None, {})[0] == 403


@pytest.mark.parametrize(
    "policy, scope, granted, refused",
    [
        (ADMIN, None, [("delete", "nodes", "")], []),
        (
            VIEW,
            None,
            [("get", "pods", "prod"), ("list", "pods", "")],
            [("create", "pods", "a"), ("get", "secrets", "a")],
        ),
        (
            VIEW,
            {"type": "namespace", "namespaces": ["dev-*", "prod"]},
            [("get", "pods", "dev-1"), ("get", "pods", "prod")],
            [("get", "pods", "prod-2"), ("get", "pods", "")],
        ),
        (None, None, [], [("get", "pods", "prod")]),
    ],
)
def test_policies_allow_their_verbs_in_their_scope(aws, cluster, policy, scope, granted, refused):
    """Guide, "Review access policy permissions" and "Associate access policies with access entries"."""
    token = admit(aws, policy, ["ops"], scope)
    for attempt in granted:
        assert may(cluster, token, *attempt), attempt
    for attempt in refused:
        assert not may(cluster, token, *attempt), attempt


def test_permissions_depend_on_the_api_group(aws, cluster):
    """Reference, ResourceAttributes: deployments are of the group apps, and of no other."""
    token = admit(aws)
    assert may(cluster, token, "get", "deployments", group="apps")
    assert not may(cluster, token, "get", "deployments")


def test_a_server_can_be_stopped_and_replaced_by_another(aws, cluster):
    """For tests of clients: the endpoint refuses connections, or another server answers."""
    aws.set_api_server("c", "stopped")
    with pytest.raises(urllib.error.URLError):
        call(cluster, "/version")
    aws.set_api_server("c", "impostor")
    with pytest.raises(urllib.error.URLError) as refused:
        call(cluster, "/version")
    assert isinstance(refused.value.reason, ssl.SSLCertVerificationError)
    aws.set_api_server("c", "up")
    assert call(cluster, "/version")[0] == 200


def test_a_server_is_deleted_with_its_cluster(aws, cluster):
    """EKS API reference, DeleteCluster."""
    aws.client("cluster", "eks").delete_cluster(name="c")
    with pytest.raises(urllib.error.URLError):
        call(cluster, "/version")


def test_other_requests_than_reviews_are_not_answered(aws, cluster):
    """RBAC: an authenticated user may do only what something allows."""
    token = admit(aws, None, ["ops"])
    assert call(cluster, "/api/v1/pods", token)[0] == 403
    assert call(cluster, MAY, "k8s-aws-v1.nonsense", {})[0] == 401


def test_kubectl_may_ask_who_it_is_in_protobuf(aws, cluster):
    """Reference, SelfSubjectReview: there is nothing in it to be read; kubectl takes JSON for an answer."""
    assert call(cluster, WHO, admit(aws), b"k8s\0")[1]["kind"] == "SelfSubjectReview"
