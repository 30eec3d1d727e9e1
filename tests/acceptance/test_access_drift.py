"""A sample of what drifts of `xeks_cross_account_access`, of each way in which a plan shows it, is detected and corrected.

tests/objects/drift has every attribute of every object.
"""

import pytest
from accounts import CLUSTER, Accounts
from cross_account_access import ACCESS, ACCESS_ARN, ADDRESS, BUCKETS, WORKLOAD
from drift import Row
from role_drift import OPEN, boundary, object_path, prepare

POLICY = "arn:aws:eks::aws:cluster-access-policy/"

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

    def rename(accounts: Accounts):
        accounts.eks.update_access_entry(**named, username="someone")

    def narrow(accounts: Accounts):
        accounts.eks.associate_access_policy(
            **named,
            policyArn=POLICY + "AmazonEKSClusterAdminPolicy",
            accessScope={"type": "namespace", "namespaces": ["a"]},
        )

    def untag(accounts: Accounts):
        accounts.eks.untag_resource(resourceArn=accounts.entry(ACCESS_ARN)["accessEntryArn"], tagKeys=["team"])

    def shown(key: str):
        return lambda accounts: accounts.entry(ACCESS_ARN)[key]

    tags = object_path("cluster", "eks_access_entry", f"{CLUSTER}/{ACCESS}") + ".tags"
    scope = "kubernetes.policies.AmazonEKSClusterAdminPolicy"
    return [
        Row("access entry: username", shown("username"), rename, "kubernetes.username"),
        Row("access entry: tag removed", shown("tags"), untag, tags),
        Row("access policy: scope narrowed", lambda accounts: accounts.associations(ACCESS_ARN), narrow, scope),
    ]


def role_rows() -> list[Row]:
    def trust(accounts: Accounts):
        return accounts.trust("cluster", ACCESS)

    def distrust(accounts: Accounts):
        accounts.iam("cluster").update_assume_role_policy(RoleName=ACCESS, PolicyDocument=OPEN)

    def whole(accounts: Accounts):
        return accounts.role("cluster", ACCESS) and (
            trust(accounts),
            accounts.role_tags("cluster", ACCESS).keys(),
            accounts.inline_policies("cluster", ACCESS),
            accounts.managed_policies("cluster", ACCESS),
        )

    def description(accounts: Accounts):
        return accounts.role("workload", WORKLOAD).get("Description")

    def describe(accounts: Accounts):
        accounts.iam("workload").update_role(RoleName=WORKLOAD, Description="x", MaxSessionDuration=7200)

    def detach(accounts: Accounts):
        accounts.iam("workload").detach_role_policy(RoleName=WORKLOAD, PolicyArn=BUCKETS)

    def managed(accounts: Accounts):
        return accounts.managed_policies("workload", WORKLOAD)

    def delete_profile(accounts: Accounts):
        iam = accounts.iam("workload")
        iam.remove_role_from_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
        iam.delete_instance_profile(InstanceProfileName=WORKLOAD)

    role, profile = (
        object_path("cluster", "iam_role", ACCESS),
        object_path("workload", "iam_instance_profile", WORKLOAD),
    )
    return [
        Row("access_role: trust policy", trust, distrust, f"{role}.document"),
        Row("access_role: deleted together with its policies", whole, lambda a: a.delete_role("cluster", ACCESS), role),
        Row("workload_role: description", description, describe, "workload_role.description"),
        Row("workload role: managed policy detached", managed, detach, "workload_role.managed_policy_arns"),
        Row("instance profile: deleted", lambda accounts: accounts.profile_roles(WORKLOAD), delete_profile, profile),
    ]


ROWS = [*role_rows(), *entry_rows()]


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
