"""The plan warns of access that reaches far, on create and when the attribute changes, and of nothing else."""

import pytest
from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT
from cross_account_access import ACCESS, access

THIRD_ACCOUNT = "111122223333"
SECRETS = "Access to the secrets of all namespaces"
PODS = "create pods that use any of their service accounts"


def holding(policy: str, scope: str = 'scope = "cluster"', description: str = "a") -> str:
    return access(
        f'name = "{ACCESS}", description = "{description}"', kubernetes=f"policies = {{ {policy} = {{ {scope} }} }}"
    )


def trusting(account: str, more: str = "") -> str:
    principals = f'trusted_principal_arns = ["arn:aws:iam::{account}:root"]'
    return access(
        f'name = "{ACCESS}", {principals}{more}',
        kubernetes='policies = { AmazonEKSViewPolicy = { scope = "cluster" } }',
    )


EXTERNAL_ID = ', external_id = "xeks-1"'

#: Configuration → the summary of its warning, and words of it.
WIDE = {
    "edit": (holding("AmazonEKSEditPolicy"), SECRETS, ["AmazonEKSEditPolicy", PODS, "kube-system"]),
    "admin": (holding("AmazonEKSAdminPolicy"), SECRETS, ["AmazonEKSAdminPolicy", PODS]),
    "admin view": (holding("AmazonEKSAdminViewPolicy"), SECRETS, ["AmazonEKSAdminViewPolicy", 'scope = "namespace"']),
    "cluster admin": (holding("AmazonEKSClusterAdminPolicy"), "Cluster-wide administrator access", ["cluster-admin"]),
    "the workload account": (
        trusting(WORKLOAD_ACCOUNT),
        f"The access role trusts all of account {WORKLOAD_ACCOUNT}",
        ["sts:AssumeRole", ACCESS],
    ),
    "the cluster account": (
        trusting(CLUSTER_ACCOUNT),
        f"The access role trusts all of account {CLUSTER_ACCOUNT}",
        ["sts:AssumeRole", ACCESS],
    ),
    "a third account": (
        trusting(THIRD_ACCOUNT),
        f"The access role trusts all of account {THIRD_ACCOUNT} without an external ID",
        ["external_id", "confused deputy", "neither the cluster account nor the workload account"],
    ),
    "a third account with an external ID": (
        trusting(THIRD_ACCOUNT, EXTERNAL_ID),
        f"The access role trusts all of account {THIRD_ACCOUNT}",
        ["List the ARNs of roles"],
    ),
}

NARROW = {
    "view": holding("AmazonEKSViewPolicy"),
    "edit in a namespace": holding("AmazonEKSEditPolicy", 'scope = "namespace", namespaces = ["team-*"]'),
    "a role of a third account": trusting(THIRD_ACCOUNT).replace(":root", ":role/ops"),
}


def summaries(root) -> list[str]:
    return [warning.summary for warning in root.plan().warnings]


@pytest.mark.parametrize("case", WIDE)
def test_a_plan_warns_of_wide_access(workspace, case):
    hcl, summary, words = WIDE[case]
    (warning,) = workspace(hcl).plan().warnings
    assert warning.summary == summary
    assert not [word for word in words if word not in warning.detail], warning.detail


@pytest.mark.parametrize("case", NARROW)
def test_a_plan_does_not_warn_of_narrow_access(workspace, case):
    assert summaries(workspace(NARROW[case])) == []


def test_wide_policies_are_warned_of_again_only_when_they_change(workspace):
    root = workspace(holding("AmazonEKSEditPolicy"))
    root.apply()
    root.write(holding("AmazonEKSEditPolicy", description="b"))
    assert summaries(root) == []
    root.write(holding("AmazonEKSAdminViewPolicy"))
    assert summaries(root) == [SECRETS]


def test_a_trusted_account_is_warned_of_again_only_when_principals_or_external_id_change(workspace):
    root = workspace(trusting(WORKLOAD_ACCOUNT, EXTERNAL_ID))
    root.apply()
    root.write(trusting(WORKLOAD_ACCOUNT, EXTERNAL_ID + ', description = "b"'))
    assert summaries(root) == []
    root.write(trusting(WORKLOAD_ACCOUNT))
    assert summaries(root) == [f"The access role trusts all of account {WORKLOAD_ACCOUNT}"]
