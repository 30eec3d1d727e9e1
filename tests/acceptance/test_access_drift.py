"""Every attribute of every object of `xeks_cross_account_access`, changed outside Terraform, is detected and corrected."""

import pytest
from accounts import CLUSTER, Accounts
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, BUCKETS, WORKLOAD
from drift import Row
from role_drift import boundary, object_path, prepare, role_rows

POLICY = "arn:aws:eks::aws:cluster-access-policy/"
DESCRIBE, ASSUME = "xeks-eks-describe", f"xeks-assume-{ACCESS}"

HCL = f"""
resource "xeks_cross_account_access" "ec2" {{
  cluster_name = "{CLUSTER}"
  access_role = {{
    name                 = "{ACCESS}"
    description          = "access"
    max_session_duration = 7200
    permissions_boundary = "{boundary("cluster")}"
    tags                 = {{ side = "cluster" }}
  }}
  workload_role = {{
    name                 = "{WORKLOAD}"
    description          = "workload"
    max_session_duration = 7200
    permissions_boundary = "{boundary("workload")}"
    instance_profile     = true
    managed_policy_arns  = ["{BUCKETS}"]
    tags                 = {{ side = "workload" }}
  }}
  kubernetes = {{
    username = "team:{{{{SessionName}}}}"
    groups   = ["team"]
    policies = {{
      AmazonEKSClusterAdminPolicy = {{ scope = "cluster" }}
      AmazonEKSViewPolicy         = {{ scope = "namespace", namespaces = ["a", "b"] }}
    }}
  }}
  tags = {{ team = "x" }}
}}
"""


def entry_rows() -> list[Row]:
    named = {"clusterName": CLUSTER, "principalArn": ACCESS_ARN}

    def update(**arguments):
        return lambda accounts: accounts.eks.update_access_entry(**named, **arguments)

    def delete(accounts: Accounts):
        accounts.eks.delete_access_entry(**named)

    def shown(key: str):
        return lambda accounts: (accounts.entry(ACCESS_ARN) or {}).get(key)

    def associated(accounts: Accounts):
        return accounts.associations(ACCESS_ARN)

    def associate(policy: str, **scope):
        return lambda accounts: accounts.eks.associate_access_policy(
            **named, policyArn=POLICY + policy, accessScope=scope
        )

    def disassociate(policy: str):
        return lambda accounts: accounts.eks.disassociate_access_policy(**named, policyArn=POLICY + policy)

    def retag(**changed: str):
        return lambda accounts: accounts.eks.tag_resource(
            resourceArn=accounts.entry(ACCESS_ARN)["accessEntryArn"], tags=changed
        )

    def untag(key: str):
        return lambda accounts: accounts.eks.untag_resource(
            resourceArn=accounts.entry(ACCESS_ARN)["accessEntryArn"], tagKeys=[key]
        )

    entry = object_path("cluster", "eks_access_entry", f"{CLUSTER}/{ACCESS}")
    in_policies = "kubernetes.policies"
    return [
        Row("access entry: username", shown("username"), update(username="someone"), "kubernetes.username"),
        Row("access entry: groups", shown("kubernetesGroups"), update(kubernetesGroups=["a"]), "kubernetes.groups"),
        Row("access entry: tag changed", shown("tags"), retag(team="y"), f"{entry}.tags"),
        Row("access entry: tag removed", shown("tags"), untag("team"), f"{entry}.tags"),
        Row("access entry: tag added", shown("tags"), retag(stray="y"), f"{entry}.tags"),
        Row("access entry: deleted", shown("principalArn"), delete, entry),
        Row("access policy: scope narrowed", associated, associate("AmazonEKSClusterAdminPolicy", type="namespace", namespaces=["a"]), f"{in_policies}.AmazonEKSClusterAdminPolicy"),
        Row("access policy: scope widened", associated, associate("AmazonEKSViewPolicy", type="cluster"), f"{in_policies}.AmazonEKSViewPolicy"),
        Row("access policy: namespaces", associated, associate("AmazonEKSViewPolicy", type="namespace", namespaces=["a", "c"]), f"{in_policies}.AmazonEKSViewPolicy"),
        Row("access policy: removed", associated, disassociate("AmazonEKSViewPolicy"), f"{in_policies}.AmazonEKSViewPolicy"),
        Row("access policy: added", associated, associate("AmazonEKSEditPolicy", type="cluster"), in_policies),
    ]  # fmt: skip


def workload_rows() -> list[Row]:
    def delete_profile(accounts: Accounts):
        iam = accounts.iam("workload")
        iam.remove_role_from_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
        iam.delete_instance_profile(InstanceProfileName=WORKLOAD)

    def detach(accounts: Accounts):
        accounts.iam("workload").detach_role_policy(RoleName=WORKLOAD, PolicyArn=BUCKETS)

    def empty(accounts: Accounts):
        iam = accounts.iam("workload")
        iam.remove_role_from_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)

    def profile_tags(accounts: Accounts):
        return sorted((tag["Key"], tag["Value"]) for tag in accounts.instance_profile(WORKLOAD)["Tags"])

    def managed(accounts: Accounts):
        return accounts.managed_policies("workload", WORKLOAD)

    def retag(key: str):
        tags = [{"Key": key, "Value": "y"}]
        return lambda accounts: accounts.iam("workload").tag_instance_profile(InstanceProfileName=WORKLOAD, Tags=tags)

    profile = object_path("workload", "iam_instance_profile", WORKLOAD)
    membership = object_path("workload", "iam_instance_profile_role", f"{WORKLOAD}/{WORKLOAD}")
    return [
        Row("workload role: managed policy detached", managed, detach, "workload_role.managed_policy_arns"),
        Row("instance profile: role taken out", lambda accounts: accounts.profile_roles(WORKLOAD), empty, membership),
        Row("instance profile: deleted", lambda accounts: accounts.profile_roles(WORKLOAD), delete_profile, profile),
        Row("instance profile: tag changed", profile_tags, retag("team"), f"{profile}.tags"),
        Row("instance profile: tag added", profile_tags, retag("stray"), f"{profile}.tags"),
    ]


ROWS = [
    *role_rows("cluster", "access_role", ACCESS, DESCRIBE),
    *role_rows("workload", "workload_role", WORKLOAD, ASSUME),
    *workload_rows(),
    *entry_rows(),
]


@pytest.fixture(scope="module")
def applied(running_aws, drifting):
    accounts = Accounts(running_aws)

    def set_up() -> str:
        prepare(accounts)
        return HCL

    return drifting("xeks_cross_account_access", ADDRESS, accounts, set_up)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_drift_is_named_by_the_plan_and_corrected_by_an_apply(applied, row):
    applied.check(row)
