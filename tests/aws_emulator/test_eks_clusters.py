"""Clusters. "Guide" is the EKS user guide, "reference" the EKS API reference."""

import base64
import json
import urllib.request

import pytest
from cryptography import x509
from refusals import refused

from objects import ADMIN, CLUSTER_ACCOUNT, make_cluster, make_role, trusting


@pytest.fixture
def eks(aws):
    return aws.client("cluster", "eks")


def test_a_cluster_is_described_with_its_network_and_authentication_mode(aws, eks):
    """Reference, Cluster, VpcConfigResponse, AccessConfigResponse: endpoint, CA, issuer, the subnets' VPC, the mode.
    Guide, "View Amazon EKS security group requirements for clusters": the group's tags."""
    made = make_cluster(aws, mode="API_AND_CONFIG_MAP")
    cluster = eks.describe_cluster(name="c")["cluster"]
    assert cluster["arn"] == f"arn:aws:eks:ap-south-1:{CLUSTER_ACCOUNT}:cluster/c"
    assert cluster["accessConfig"]["authenticationMode"] == "API_AND_CONFIG_MAP"
    vpc = cluster["resourcesVpcConfig"]["vpcId"]
    subnets = aws.client("cluster", "ec2").describe_subnets(SubnetIds=cluster["resourcesVpcConfig"]["subnetIds"])[
        "Subnets"
    ]
    assert {subnet["VpcId"] for subnet in subnets} == {vpc}
    group = cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]
    (shown,) = aws.client("cluster", "ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert shown["VpcId"] == vpc
    tags = {tag["Key"]: tag["Value"] for tag in shown["Tags"]}
    assert tags["aws:eks:cluster-name"] == "c" and tags["Name"] == shown["GroupName"]
    assert cluster["endpoint"].startswith("https://127.0.0.1:")
    assert cluster["identity"]["oidc"]["issuer"].startswith("https://oidc.eks.ap-south-1.amazonaws.com/id/")
    assert (made["status"], cluster["status"]) == ("ACTIVE", "ACTIVE")


def test_the_certificate_authority_is_a_real_one(aws):
    """Guide, "Connect kubectl to an EKS cluster": certificateAuthority.data goes into kubeconfig as it is."""
    data = make_cluster(aws)["certificateAuthority"]["data"]
    certificate = x509.load_pem_x509_certificate(base64.b64decode(data))
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.subject.rfc4514_string() == "CN=kubernetes"


def test_a_cluster_of_an_unknown_name_is_not_found(eks):
    """Reference, DescribeCluster: ResourceNotFoundException, 404."""
    with refused("ResourceNotFoundException", "No cluster found for name: nix.", 404):
        eks.describe_cluster(name="nix")


def test_the_mode_defaults_to_config_map(aws, eks):
    """Reference, CreateAccessConfigRequest: through the API "the default is CONFIG_MAP"."""
    make_cluster(aws, mode=None)
    assert eks.describe_cluster(name="c")["cluster"]["accessConfig"]["authenticationMode"] == "CONFIG_MAP"


@pytest.mark.parametrize("before, after", [("CONFIG_MAP", "API_AND_CONFIG_MAP"), ("API_AND_CONFIG_MAP", "API")])
def test_the_mode_moves_one_step_and_takes_its_time(aws, eks, before, after):
    """Reference, UpdateClusterConfig, DescribeUpdate: asynchronous; "the cluster status moves to UPDATING"."""
    aws.set_eks_update_seconds(3600)
    make_cluster(aws, mode=before)
    update = eks.update_cluster_config(name="c", accessConfig={"authenticationMode": after})["update"]
    assert (update["type"], update["status"]) == ("AccessConfigUpdate", "InProgress")
    assert update["params"] == [{"type": "AuthenticationMode", "value": after}]
    assert eks.list_updates(name="c")["updateIds"] == [update["id"]]
    cluster = eks.describe_cluster(name="c")["cluster"]
    assert (cluster["status"], cluster["accessConfig"]["authenticationMode"]) == ("UPDATING", before)
    with refused("ResourceInUseException", status=409):
        eks.update_cluster_config(name="c", accessConfig={"authenticationMode": after})
    aws.finish_eks_updates()
    assert eks.describe_update(name="c", updateId=update["id"])["update"]["status"] == "Successful"
    cluster = eks.describe_cluster(name="c")["cluster"]
    assert (cluster["status"], cluster["accessConfig"]["authenticationMode"]) == ("ACTIVE", after)


def test_an_upgrade_is_an_update_that_refuses_all_others(aws, eks):
    """Guide, "Update existing cluster to new Kubernetes version"; the words are those of issue 33452 of aws-cdk and of
    issue 1192 of aws-controllers-k8s/community."""
    before = make_cluster(aws, mode="CONFIG_MAP")["version"]
    update = aws.start_upgrade("c", 3600)
    assert eks.list_updates(name="c")["updateIds"] == [update]
    shown = eks.describe_update(name="c", updateId=update)["update"]
    after = eks.describe_cluster(name="c")["cluster"]
    assert (shown["type"], shown["status"]) == ("VersionUpdate", "InProgress")
    assert (after["status"], after["version"]) == ("UPDATING", before)
    for kind, change in (
        ("AccessConfigUpdate", {"accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"}}),
        ("EndpointAccessUpdate", {"resourcesVpcConfig": {"endpointPrivateAccess": True}}),
    ):
        words = f"Cannot {kind} because cluster c currently has update {update} in progress"
        with refused("ResourceInUseException", words, 409):
            eks.update_cluster_config(name="c", **change)
    aws.finish_eks_updates()
    version = shown["params"][0]["value"]
    after = eks.describe_cluster(name="c")["cluster"]
    assert (after["status"], after["version"]) == ("ACTIVE", version) and version > before
    eks.update_cluster_config(name="c", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})


def test_an_update_refuses_others_even_while_the_cluster_shows_as_active(aws, eks):
    """Issue 1500 of aws/containers-roadmap: during an update by AWS itself DescribeCluster shows ACTIVE."""
    make_cluster(aws, mode="CONFIG_MAP")
    aws.start_upgrade("c", 3600)
    aws.set_cluster_status("c", "ACTIVE")
    with refused("ResourceInUseException", "currently has update", 409):
        eks.update_cluster_config(name="c", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})


@pytest.mark.parametrize(
    "before, after",
    [
        ("CONFIG_MAP", "API"),
        ("API_AND_CONFIG_MAP", "CONFIG_MAP"),
        ("API", "API_AND_CONFIG_MAP"),
        ("API", "CONFIG_MAP"),
    ],
)
def test_the_mode_moves_no_other_way(aws, eks, before, after):
    """AWS's knowledge centre, "How do I troubleshoot issues with access entries in my Amazon EKS cluster?"."""
    make_cluster(aws, mode=before)
    with refused("InvalidParameterException", f"Unsupported authentication mode update from {before} to {after}", 400):
        eks.update_cluster_config(name="c", accessConfig={"authenticationMode": after})


def test_the_creator_is_an_administrator_as_soon_as_there_are_entries(aws, eks):
    """Reference, CreateAccessConfigRequest: the creator is "a cluster admin access entry"; guide, "Grant IAM users
    access": a cluster that gets to know entries later gets that one then."""
    aws.set_eks_update_seconds(0)
    trust = trusting({"AWS": f"arn:aws:iam::{CLUSTER_ACCOUNT}:user/xeks-pipeline"})
    creator = make_role(aws, "cluster", "creator", trust, {"Action": ["eks:*", "iam:PassRole"], "Resource": "*"})
    make_cluster(aws, mode="CONFIG_MAP", creds=aws.assume("cluster", creator, "pipeline"))
    eks.update_cluster_config(name="c", accessConfig={"authenticationMode": "API_AND_CONFIG_MAP"})
    assert eks.list_access_entries(clusterName="c")["accessEntries"] == [creator]
    found = eks.list_associated_access_policies(clusterName="c", principalArn=creator)["associatedAccessPolicies"]
    assert [policy["policyArn"] for policy in found] == [ADMIN]


def test_config_map_wants_the_creator_as_administrator(aws):
    """The service's own refusal, as users report it for CONFIG_MAP without the bootstrap flag."""
    with refused("InvalidParameterException", "bootstrapClusterCreatorAdminPermissions must be true", 400):
        make_cluster(
            aws,
            mode=None,
            accessConfig={"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": False},
        )


def test_deleting_a_cluster_deletes_its_entries(aws, eks):
    """Reference, DeleteCluster; a cluster recreated under the name begins without entries and with another issuer."""
    old = make_cluster(aws)
    role = make_role(aws, "cluster", "viewer")
    eks.create_access_entry(clusterName="c", principalArn=role)
    eks.delete_cluster(name="c")
    new = make_cluster(aws)
    assert eks.list_access_entries(clusterName="c")["accessEntries"] == []
    assert old["identity"]["oidc"]["issuer"] != new["identity"]["oidc"]["issuer"]


def test_each_issuer_shows_its_own_key(aws):
    """Guide, "IAM roles for service accounts": each cluster hosts its own OIDC discovery endpoint with its own keys."""
    sets = []
    for name in ("a", "b"):
        issuer = make_cluster(aws, name)["identity"]["oidc"]["issuer"]
        place = aws.endpoint + "/id/" + issuer.rsplit("/", 1)[1]
        assert _fetched(f"{place}/.well-known/openid-configuration")["issuer"] == issuer
        sets.append(_fetched(f"{place}/keys")["keys"])
    assert sets[0][0]["n"] != sets[1][0]["n"]


def test_a_cluster_can_be_put_into_any_status(aws, eks):
    """The project's own demand: a preflight must find a cluster that is not ACTIVE."""
    make_cluster(aws)
    aws.set_cluster_status("c", "CREATING")
    assert eks.describe_cluster(name="c")["cluster"]["status"] == "CREATING"


def test_clusters_are_listed_in_pages(aws, eks):
    """Reference, ListClusters: maxResults and nextToken."""
    for name in ("a", "b", "c"):
        make_cluster(aws, name)
    first = eks.list_clusters(maxResults=2)
    assert first["clusters"] == ["a", "b"]
    assert eks.list_clusters(nextToken=first["nextToken"])["clusters"] == ["c"]


def _fetched(url: str) -> dict:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
        return json.load(answer)
