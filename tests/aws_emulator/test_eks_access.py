"""Access entries and access policies. "Guide" is the EKS user guide, "reference" the EKS API reference."""

import pytest
from refusals import refused

from objects import ADMIN, CLUSTER_ACCOUNT, VIEW, WORKLOAD_ACCOUNT, make_cluster, make_role

CLUSTER = {"type": "cluster"}


@pytest.fixture
def eks(aws):
    return aws.client("cluster", "eks")


@pytest.fixture
def role(aws):
    make_cluster(aws)
    return make_role(aws, "workload", "app", Path="/team/")


def create(eks, principal, **more):
    return eks.create_access_entry(clusterName="c", principalArn=principal, **more)["accessEntry"]


def test_an_entry_of_another_account_gets_the_default_username_without_the_path(eks, role):
    """Guide, "Set a custom username" and "Create access entries": STANDARD entries may be of any account; the path
    goes."""
    entry = create(eks, role)
    assert entry["username"] == f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/app/{{{{SessionName}}}}"
    assert (entry["type"], entry["kubernetesGroups"], entry["principalArn"]) == ("STANDARD", [], role)
    assert entry["accessEntryArn"].startswith(
        f"arn:aws:eks:ap-south-1:{CLUSTER_ACCOUNT}:access-entry/c/role/{WORKLOAD_ACCOUNT}/app/"
    )
    assert eks.describe_access_entry(clusterName="c", principalArn=role)["accessEntry"] == entry


def test_a_second_entry_for_a_principal_is_refused(eks, role):
    """Reference, CreateAccessEntry: ResourceInUseException; the words are those that users report."""
    create(eks, role)
    with refused(
        "ResourceInUseException", "The specified access entry resource is already in use on this cluster.", 409
    ):
        create(eks, role)


@pytest.mark.parametrize(
    "principal, words",
    [
        (f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/app/me", "The principalArn parameter format is not valid"),
        ("app", "The principalArn parameter format is not valid"),
        (f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/absent", "The specified principalArn is invalid: invalid principal."),
        (f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/app", "The specified principalArn is invalid: invalid principal."),
        (f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role/aws-service-role/eks.amazonaws.com/X", "Service Linked Role"),
    ],
)
def test_a_principal_must_be_one_that_exists(eks, role, principal, words):
    """Guide, "Create access entries": one existing IAM principal, its ARN with the path; the words are those that users
    report for session ARNs, missing roles and service-linked roles."""
    with refused("InvalidParameterException", words, 400):
        create(eks, principal)


@pytest.mark.parametrize("prefix", ["system:", "eks:", "aws:", "amazon:", "iam:"])
def test_reserved_names_are_refused(eks, role, prefix):
    """Guide, "Set a custom username" and "Create access entries": neither username nor group may start with these."""
    with refused("InvalidParameterException", f"The username must not begin with {prefix}", 400):
        create(eks, role, username=f"{prefix}me")
    with refused("InvalidParameterException", f"group name {prefix}all is invalid, it cannot start with {prefix}", 400):
        create(eks, role, kubernetesGroups=["fine", f"{prefix}all"])
    create(eks, role)
    with refused("InvalidParameterException", f"The username must not begin with {prefix}", 400):
        eks.update_access_entry(clusterName="c", principalArn=role, username=f"{prefix}me")


def test_a_session_name_needs_a_colon_before_it(eks, role):
    """Guide, "Set a custom username": "the username must include a colon before {{SessionName}}"."""
    with refused("InvalidParameterException", "colon", 400):
        create(eks, role, username="dev-{{SessionName}}")
    assert create(eks, role, username="dev:{{SessionName}}")["username"] == "dev:{{SessionName}}"


def test_node_types_take_only_a_role_of_the_clusters_account(aws, eks, role):
    """Guide, "Create access entries": types other than STANDARD need the cluster's account, and take no username or
    groups."""
    with refused("InvalidParameterException", status=400):
        create(eks, role, type="EC2_LINUX")
    node = make_role(aws, "cluster", "node")
    with refused("InvalidParameterException", status=400):
        create(eks, node, type="EC2_LINUX", kubernetesGroups=["nodes"])
    assert create(eks, node, type="EC2_LINUX")["username"] == "system:node:{{EC2PrivateDNSName}}"


def test_groups_and_username_change_in_place(eks, role):
    """Reference, UpdateAccessEntry: groups are replaced as a whole, what is left out stays."""
    before = create(eks, role, kubernetesGroups=["a", "b"], username="me")
    after = eks.update_access_entry(clusterName="c", principalArn=role, kubernetesGroups=["c"])["accessEntry"]
    assert (after["kubernetesGroups"], after["username"]) == (["c"], "me")
    assert after["modifiedAt"] > before["modifiedAt"] == before["createdAt"]
    after = eks.update_access_entry(clusterName="c", principalArn=role, username="you")["accessEntry"]
    assert (after["kubernetesGroups"], after["username"]) == (["c"], "you")


def test_an_absent_entry_is_not_found_by_any_call(eks, role):
    """Reference: ResourceNotFoundException; the words are those that users report."""
    words = "The specified principalArn could not be found."
    entry = {"clusterName": "c", "principalArn": role}
    for call in (eks.describe_access_entry, eks.delete_access_entry, eks.list_associated_access_policies):
        with refused("ResourceNotFoundException", words, 404):
            call(**entry)
    with refused("ResourceNotFoundException", words, 404):
        eks.associate_access_policy(**entry, policyArn=VIEW, accessScope=CLUSTER)


def test_a_config_map_cluster_refuses_every_call_on_entries(aws, eks):
    """Observed: the same 400 from every call on access entries and their policies, DescribeAccessEntry included."""
    make_cluster(aws, mode="CONFIG_MAP")
    entry = {"clusterName": "c", "principalArn": make_role(aws, "workload", "app")}
    words = (
        "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation."
    )
    calls = [
        lambda: eks.create_access_entry(**entry),
        lambda: eks.describe_access_entry(**entry),
        lambda: eks.update_access_entry(**entry),
        lambda: eks.delete_access_entry(**entry),
        lambda: eks.list_access_entries(clusterName="c"),
        lambda: eks.associate_access_policy(**entry, policyArn=VIEW, accessScope=CLUSTER),
        lambda: eks.disassociate_access_policy(**entry, policyArn=VIEW),
        lambda: eks.list_associated_access_policies(**entry),
    ]
    for call in calls:
        with refused("InvalidRequestException", words, 400):
            call()


def test_associating_again_changes_the_scope_in_place(eks, role):
    """Guide, "Associate access policies with access entries": one association per policy, its scope can be changed."""
    create(eks, role)
    entry = {"clusterName": "c", "principalArn": role}
    first = eks.associate_access_policy(**entry, policyArn=VIEW, accessScope=CLUSTER)["associatedAccessPolicy"]
    scope = {"type": "namespace", "namespaces": ["nodejs", "dev-*"]}
    eks.associate_access_policy(**entry, policyArn=VIEW, accessScope=scope)
    [found] = eks.list_associated_access_policies(**entry)["associatedAccessPolicies"]
    assert (found["accessScope"], found["associatedAt"]) == (scope, first["associatedAt"])
    assert eks.list_access_entries(clusterName="c", associatedPolicyArn=VIEW)["accessEntries"] == [role]
    assert eks.list_access_entries(clusterName="c", associatedPolicyArn=ADMIN)["accessEntries"] == []
    eks.disassociate_access_policy(**entry, policyArn=VIEW)
    assert eks.list_associated_access_policies(**entry)["associatedAccessPolicies"] == []
    with refused("ResourceNotFoundException", status=404):
        eks.disassociate_access_policy(**entry, policyArn=VIEW)


@pytest.mark.parametrize(
    "policy, scope",
    [
        (VIEW.replace("View", "Vew"), CLUSTER),
        (VIEW.replace("arn:aws:", "arn:aws-cn:"), CLUSTER),
        ("AmazonEKSViewPolicy", CLUSTER),
        (VIEW, {"type": "namespace"}),
        (VIEW, {"type": "cluster", "namespaces": ["a"]}),
        (VIEW, {"type": "galaxy"}),
        (VIEW, {"type": "namespace", "namespaces": ["a*b"]}),
    ],
)
def test_unknown_policies_and_scopes_are_refused(eks, role, policy, scope):
    """Reference, AssociateAccessPolicy, AccessScope: InvalidParameterException."""
    create(eks, role)
    with refused("InvalidParameterException", status=400):
        eks.associate_access_policy(clusterName="c", principalArn=role, policyArn=policy, accessScope=scope)


def test_the_policies_are_listed_by_name_and_arn(eks):
    """Guide, "Review access policy permissions": list-access-policies names them all."""
    found = {policy["name"]: policy["arn"] for policy in eks.list_access_policies()["accessPolicies"]}
    assert found["AmazonEKSClusterAdminPolicy"] == ADMIN
    assert found["AmazonEKSViewPolicy"] == VIEW


def test_deleting_an_entry_drops_its_associations(eks, role):
    """Guide, "Delete access entries": its policy associations go with it."""
    create(eks, role)
    eks.associate_access_policy(clusterName="c", principalArn=role, policyArn=VIEW, accessScope=CLUSTER)
    eks.delete_access_entry(clusterName="c", principalArn=role)
    create(eks, role)
    found = eks.list_associated_access_policies(clusterName="c", principalArn=role)["associatedAccessPolicies"]
    assert found == []


def test_an_entry_is_tagged_on_creation_and_later(eks, role):
    """Reference, TagResource, UntagResource, ListTagsForResource: access entries are taggable."""
    arn = create(eks, role, tags={"a": "1"})["accessEntryArn"]
    eks.tag_resource(resourceArn=arn, tags={"b": "2"})
    eks.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert eks.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}
    assert eks.describe_access_entry(clusterName="c", principalArn=role)["accessEntry"]["tags"] == {"b": "2"}
    with refused("NotFoundException", status=404):
        eks.tag_resource(resourceArn=arn + "0", tags={"b": "2"})
