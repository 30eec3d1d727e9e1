"""Invalid configurations are refused as early as possible, with the path of the attribute and what is valid."""

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, Accounts, traces
from configurations import Refusal
from cross_account_access import ACCESS, ACCESS_ARN, WORKLOAD, access

LONG = "r" * 65
GOV = "arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess"

# Refused by `validate`, without AWS: configuration, then words of the error, the attribute's path among them.
INVALID = {
    "a name of 65 characters": Refusal(access(f'name = "{LONG}"'), ["access_role.name", "64"]),
    "a name with a space": Refusal(access(f'name = "{ACCESS}", path = "/x/"', 'name = "a b"'), ["workload_role.name"]),
    "a path that does not end": Refusal(access(f'name = "{ACCESS}", path = "/x"'), ["access_role.path", "/"]),
    "an ARN that is none": Refusal(access(workload_role=f'name = "{WORKLOAD}", managed_policy_arns = ["ReadOnlyAccess"]'), ["workload_role.managed_policy_arns"]),
    "ARNs of two partitions": Refusal(access(f'name = "{ACCESS}", permissions_boundary = "arn:aws:iam::{CLUSTER_ACCOUNT}:policy/b", trusted_principal_arns = ["arn:aws-cn:iam::{CLUSTER_ACCOUNT}:role/x"]'), ["access_role", "partition"]),
    "a duration of a day": Refusal(access(f'name = "{ACCESS}", max_session_duration = 86400'), ["access_role.max_session_duration", "43200"]),
    "an unknown mode": Refusal(access(more='mode = "tunnel"'), ["mode", "direct"]),
    "direct with an access role": Refusal(access(more='mode = "direct"'), ["access_role", "direct"]),
    "no access role": Refusal(access(access_role=None), ["access_role"]),
    "an existing role described": Refusal(access(workload_role=f'name = "{WORKLOAD}", existing = true, description = "x"'), ["workload_role.description", "existing"]),
    "a reserved username": Refusal(access(kubernetes='username = "system:admin"'), ["kubernetes.username", "system:"]),
    "a reserved group": Refusal(access(kubernetes='groups = ["system:masters"]'), ["kubernetes.groups", "system:"]),
    "namespaces of the whole cluster": Refusal(access(kubernetes='policies = { AmazonEKSViewPolicy = { scope = "cluster", namespaces = ["a"] } }'), ["namespaces"]),
    "no namespace": Refusal(access(kubernetes='policies = { AmazonEKSViewPolicy = { scope = "namespace" } }'), ["namespaces"]),
    "one policy twice": Refusal(access(kubernetes='policies = { AmazonEKSViewPolicy = { scope = "cluster" }, "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy" = { scope = "cluster" } }'), ["kubernetes.policies", "AmazonEKSViewPolicy"]),
    "get-token with an external id": Refusal(access(f'name = "{ACCESS}", external_id = "ex"', more='client = { auth = "role_arn" }'), ["external_id", "get-token"]),
    "a short external id": Refusal(access(f'name = "{ACCESS}", external_id = "x"'), ["access_role.external_id"]),
    "a profile that ends its section": Refusal(access(more='client = { profile_name = "p]\\ncredential_process = touch /tmp/x" }'), ["client.profile_name", "line breaks", "team@prac-eks-abhi"]),
    "a source profile of two lines": Refusal(access(more='client = { source_profile = "p\\ncredential_process = touch /tmp/x" }'), ["client.source_profile", "line breaks"]),
    "a config file of two lines": Refusal(access(more='client = { config_file = "c\\nx" }'), ["client.config_file", "~/.aws/config"]),
    "a user name with an escape": Refusal(access(kubernetes='username = "ops\\u001b[2J"'), ["kubernetes.username", "control characters"]),
    "a group with an escape": Refusal(access(kubernetes='groups = ["ops\\u202e"]'), ["kubernetes.groups", "control characters"]),
    "a wildcard in a path": Refusal(access(f'name = "{ACCESS}", trust = "account"', f'name = "{WORKLOAD}", path = "/*/"'), ["workload_role.path", "wildcard", "/teams/payments/"]),
    "a variable in a path": Refusal(access(workload_role=f'name = "{WORKLOAD}", path = "/$${{aws:username}}/"'), ["workload_role.path", "variable"]),
    "a variable in a principal": Refusal(access(f'name = "{ACCESS}", trusted_principal_arns = ["arn:aws:iam::{CLUSTER_ACCOUNT}:role/$${{aws:username}}"]'), ["access_role.trusted_principal_arns", "principal"]),
    "a lookalike of a service": Refusal(access(workload_role=f'name = "{WORKLOAD}", trusted_services = ["ec2.amazonaws.com.evil.example"]'), ["workload_role.trusted_services", "ec2.amazonaws.com"]),
    "a wildcard for services": Refusal(access(workload_role=f'name = "{WORKLOAD}", trusted_services = ["*.amazonaws.com"]'), ["workload_role.trusted_services", "wildcards"]),
    "a time-out that is none": Refusal(access(more='timeouts = { create = "soon" }'), ["timeouts.create", "10m"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_validate_refuses_invalid_arguments_without_calling_aws(workspace, aws, case):
    refusal = INVALID[case]
    aws.clear_calls()

    workspace(refusal.hcl).validate().must_fail(*refusal.words)

    assert aws.calls() == []


def refused_by_plan(aws, root, *words: str) -> None:
    before = aws.dump()
    root.try_plan().must_fail(*words)
    assert not traces(aws, before)
    root.try_apply().must_fail(*words)
    assert not traces(aws, before), "something was made before the error"


def test_a_cluster_on_config_map_is_an_error_of_the_plan(workspace, aws):
    Accounts(aws).make_cluster("old", "CONFIG_MAP")
    hcl = access().replace(f'cluster_name = "{CLUSTER}"', 'cluster_name = "old"')
    refused_by_plan(aws, workspace(hcl), "CONFIG_MAP", "on_config_map", "update-cluster-config")


def test_a_cluster_on_config_map_can_be_upgraded_and_stays_so(workspace, aws):
    accounts = Accounts(aws)
    accounts.make_cluster("old", "CONFIG_MAP")
    root = workspace(
        access(more='on_config_map = "upgrade"').replace(f'cluster_name = "{CLUSTER}"', 'cluster_name = "old"')
    )

    assert any("API_AND_CONFIG_MAP" in str(warning) for warning in root.plan().warnings)
    root.apply()
    root.assert_empty_plan()
    assert accounts.associations(ACCESS_ARN, "old")
    root.destroy()
    assert (
        accounts.eks.describe_cluster(name="old")["cluster"]["accessConfig"]["authenticationMode"]
        == "API_AND_CONFIG_MAP"
    )


def test_a_missing_cluster_is_a_warning_of_the_plan_and_an_error_of_the_apply(workspace, aws):
    before = aws.dump()
    root = workspace(access().replace(CLUSTER, "nowhere"))
    assert [w for w in root.plan().warnings if "nowhere" in w.detail]
    root.try_apply().must_fail("nowhere", CLUSTER_ACCOUNT, "ap-south-1")
    assert not traces(aws, before)


def test_a_misspelt_access_policy_is_an_error_of_the_plan(workspace, aws):
    hcl = access(kubernetes='policies = { AmazonEKSClusterAdmimPolicy = { scope = "cluster" } }')
    refused_by_plan(aws, workspace(hcl), "AmazonEKSClusterAdmimPolicy", "AmazonEKSClusterAdminPolicy")
