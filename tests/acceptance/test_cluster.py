"""The data source xeks_cluster: what EKS says of a cluster, in every authentication mode, and what it says where that fails."""

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, Accounts, role_arn, traces
from workspaces import PROVIDER

VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
READER = role_arn(CLUSTER_ACCOUNT, "reader")
CREATOR = role_arn(CLUSTER_ACCOUNT, "platform-admin")

DATA = 'data "xeks_cluster" "it" {\n  name = %s\n%s}\n\noutput "it" {\n  value = data.xeks_cluster.it\n}\n'


def cluster(name: str = f'"{CLUSTER}"', more: str = "") -> str:
    return DATA % (name, more)


def read(root) -> dict:
    root.apply()
    return root.output("it")


@pytest.fixture
def reader(aws) -> Accounts:
    """An access entry with groups and two policies, beside the creator's own."""
    accounts = Accounts(aws)
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    accounts.make_role("cluster", "reader", {"Version": "2012-10-17", "Statement": [statement]})
    entry = {"clusterName": CLUSTER, "principalArn": READER}
    accounts.eks.create_access_entry(**entry, username="reader", kubernetesGroups=["viewers", "auditors"])
    namespaces = {"type": "namespace", "namespaces": ["team-a", "dev-*"]}
    accounts.eks.associate_access_policy(**entry, policyArn=VIEW, accessScope=namespaces)
    accounts.eks.associate_access_policy(**entry, policyArn=ADMIN, accessScope={"type": "cluster"})
    return accounts


def test_a_cluster_is_reported_as_eks_describes_it(workspace, aws, reader):
    reader.eks.tag_resource(
        resourceArn=f"arn:aws:eks:ap-south-1:{CLUSTER_ACCOUNT}:cluster/{CLUSTER}",
        tags={"team": "platform", "last-scan": "today"},
    )
    described = reader.eks.describe_cluster(name=CLUSTER)["cluster"]
    vpc = described["resourcesVpcConfig"]
    before = aws.dump()
    root = workspace(cluster(), in_provider='  ignore_tags = { keys = ["last-scan"] }\n')

    found = read(root)

    assert found == {
        "name": CLUSTER,
        "region": "ap-south-1",
        "arn": described["arn"],
        "status": "ACTIVE",
        "version": described["version"],
        "platform_version": described["platformVersion"],
        "endpoint": described["endpoint"],
        "certificate_authority": described["certificateAuthority"]["data"],
        "issuer": described["identity"]["oidc"]["issuer"],
        "authentication_mode": "API_AND_CONFIG_MAP",
        "ip_family": "ipv4",
        "vpc_id": vpc["vpcId"],
        "subnet_ids": sorted(vpc["subnetIds"]),
        "security_group_id": vpc["clusterSecurityGroupId"],
        "additional_security_group_ids": vpc.get("securityGroupIds", []),
        "endpoint_public_access": vpc["endpointPublicAccess"],
        "endpoint_private_access": vpc["endpointPrivateAccess"],
        "public_access_cidrs": vpc["publicAccessCidrs"],
        "access_entries": {
            CREATOR: {
                "username": reader.entry(CREATOR)["username"],
                "groups": [],
                "type": "STANDARD",
                "policies": {ADMIN: {"scope": "cluster", "namespaces": []}},
            },
            READER: {
                "username": "reader",
                "groups": ["auditors", "viewers"],
                "type": "STANDARD",
                "policies": {
                    ADMIN: {"scope": "cluster", "namespaces": []},
                    VIEW: {"scope": "namespace", "namespaces": ["dev-*", "team-a"]},
                },
            },
        },
        "tags": {"team": "platform"},
    }
    root.assert_empty_plan()
    assert not traces(aws, before), "a data source changes nothing"

    reader.eks.delete_access_entry(clusterName=CLUSTER, principalArn=READER)
    assert list(read(root)["access_entries"]) == [CREATOR]


def test_a_cluster_on_the_config_map_has_no_entries(workspace, aws):
    Accounts(aws).make_cluster("old", "CONFIG_MAP")

    found = read(workspace(cluster('"old"')))

    assert (found["authentication_mode"], found["access_entries"]) == ("CONFIG_MAP", {})


def test_denied_access_entries_are_null_with_a_warning(workspace, aws):
    aws.faults.add("deny", service="eks", action="ListAccessEntries", account="cluster")
    root = workspace(cluster())

    warnings = root.apply().warnings

    assert root.output("it")["access_entries"] is None
    assert warnings and "eks:ListAccessEntries" in warnings[0].detail and "Grant" in warnings[0].detail


def test_a_missing_cluster_is_an_error_that_names_region_and_account(workspace):
    words = ["Cluster nowhere does not exist", "region eu-west-1", CLUSTER_ACCOUNT]
    workspace(cluster('"nowhere"', '  region = "eu-west-1"\n')).try_plan().must_fail(*words)


def test_an_invalid_name_is_refused_without_calling_aws(workspace, aws):
    aws.clear_calls()
    workspace(cluster('"a b"')).validate().must_fail("name")
    workspace(cluster(more='  region = "nowhere"\n')).validate().must_fail("region")
    assert aws.calls() == []


def test_an_unknown_name_is_read_by_the_apply(workspace):
    later = f'resource "terraform_data" "later" {{\n  input = "{CLUSTER}"\n}}\n'
    root = workspace(later + cluster("terraform_data.later.output"))
    root.validate().must_work()

    assert read(root)["status"] == "ACTIVE"

    root.assert_empty_plan()


def test_an_unknown_provider_configuration_is_an_error_that_says_so(workspace):
    later = 'resource "terraform_data" "later" {\n  input = "ap-south-1"\n}\n'
    known = 'profile = "platform", region = "ap-south-1"'
    unknown = (PROVIDER % "").replace(known, 'profile = "platform", region = terraform_data.later.output')
    workspace(later + cluster(), provider=unknown).try_plan().must_fail("not known yet", "-target")
