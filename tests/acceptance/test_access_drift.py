"""Every attribute of every object of `xeks_cross_account_access`, changed behind Terraform's back, is seen and healed."""

import json

import pytest
from conftest import workspaces
from drift import Applied, Row
from world import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, World, role_arn

ACCESS, WORKLOAD = "EKS-CrossAccount-Access-Role", "EC2-EKS-CrossAccount-Role"
ACCESS_ARN = role_arn(CLUSTER_ACCOUNT, ACCESS)
ADDRESS = "xeks_cross_account_access.ec2"
POLICY = "arn:aws:eks::aws:cluster-access-policy/"
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
BUCKETS = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
DESCRIBE, ASSUME = "xeks-eks-describe", f"xeks-assume-{ACCESS}"
NOTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}

HCL = f"""
resource "xeks_cross_account_access" "ec2" {{
  cluster_name = "{CLUSTER}"
  access_role = {{
    name                 = "{ACCESS}"
    description          = "access"
    max_session_duration = 7200
    permissions_boundary = "arn:aws:iam::{CLUSTER_ACCOUNT}:policy/boundary"
    tags                 = {{ side = "cluster" }}
  }}
  workload_role = {{
    name                 = "{WORKLOAD}"
    description          = "workload"
    max_session_duration = 7200
    permissions_boundary = "arn:aws:iam::{WORKLOAD_ACCOUNT}:policy/boundary"
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


def piece(account: str, kind: str, name: str) -> str:
    return f'pieces["{account}/{kind}/{name}"]'


def role_rows(account: str, label: str, attribute: str, role: str, inline: str) -> list[Row]:
    """What can drift on either role."""

    def change(operation: str, **arguments):
        return lambda world: getattr(world.iam(account), operation)(RoleName=role, **arguments)

    def shown(key: str):
        return lambda world: world.role(account, role).get(key)

    def its_tags(world: World) -> dict:
        return world.role_tags(account, role)

    trust = json.dumps(
        {"Version": "2012-10-17", "Statement": [trusting("ec2.amazonaws.com"), trusting("eks.amazonaws.com")]}
    )
    of_role, of_policy = piece(account, "iam_role", role), piece(account, "iam_role_policy", f"{role}/{inline}")
    other_boundary = f"arn:aws:iam::{CLUSTER_ACCOUNT if account == 'cluster' else WORKLOAD_ACCOUNT}:policy/other"

    def documents(world: World):
        return world.trust(account, role)

    def inline_document(world: World):
        return world.inline_policy(account, role, inline)

    def inline_names(world: World):
        return world.inline_policies(account, role)

    def managed(world: World):
        return world.managed_policies(account, role)

    def tag(key: str, value: str):
        return change("tag_role", Tags=[{"Key": key, "Value": value}])

    def untag(key: str):
        return change("untag_role", TagKeys=[key])

    return [
        Row(f"{label}: trust policy", documents, change("update_assume_role_policy", PolicyDocument=trust), f"{of_role}.document"),
        Row(f"{label}: description", shown("Description"), change("update_role", Description="x"), f"{attribute}.description"),
        Row(f"{label}: session duration", shown("MaxSessionDuration"), change("update_role", MaxSessionDuration=3600), f"{attribute}.max_session_duration"),
        Row(f"{label}: boundary changed", shown("PermissionsBoundary"), change("put_role_permissions_boundary", PermissionsBoundary=other_boundary), f"{attribute}.permissions_boundary"),
        Row(f"{label}: boundary removed", shown("PermissionsBoundary"), change("delete_role_permissions_boundary"), f"{attribute}.permissions_boundary"),
        Row(f"{label}: tag changed", its_tags, tag("team", "y"), f"{of_role}.tags"),
        Row(f"{label}: own tag changed", its_tags, tag("side", "y"), f"{of_role}.tags"),
        Row(f"{label}: tag removed", its_tags, untag("team"), f"{of_role}.tags"),
        Row(f"{label}: tag added", its_tags, tag("stray", "y"), f"{of_role}.tags"),
        Row(f"{label}: inline policy changed", inline_document, change("put_role_policy", PolicyName=inline, PolicyDocument=json.dumps(NOTHING)), f"{of_policy}.document"),
        Row(f"{label}: inline policy deleted", inline_document, change("delete_role_policy", PolicyName=inline), of_policy),
        Row(f"{label}: inline policy added", inline_names, change("put_role_policy", PolicyName="stray", PolicyDocument=json.dumps(NOTHING)), "pieces["),
        Row(f"{label}: managed policy attached", managed, change("attach_role_policy", PolicyArn=READ_ONLY), ""),
    ]  # fmt: skip


def trusting(service: str) -> dict:
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}


def entry_rows() -> list[Row]:
    def change(operation: str, **arguments):
        return lambda world: getattr(world.eks, operation)(clusterName=CLUSTER, principalArn=ACCESS_ARN, **arguments)

    def shown(key: str):
        return lambda world: (world.entry(ACCESS_ARN) or {}).get(key)

    def associated(world: World):
        return world.associations(ACCESS_ARN)

    def associate(policy: str, **scope):
        return change("associate_access_policy", policyArn=POLICY + policy, accessScope=scope)

    def disassociate(policy: str):
        return change("disassociate_access_policy", policyArn=POLICY + policy)

    def retag(**changed: str):
        return lambda world: world.eks.tag_resource(resourceArn=world.entry(ACCESS_ARN)["accessEntryArn"], tags=changed)

    def untag(key: str):
        return lambda world: world.eks.untag_resource(
            resourceArn=world.entry(ACCESS_ARN)["accessEntryArn"], tagKeys=[key]
        )

    entry = piece("cluster", "eks_access_entry", f"{CLUSTER}/{ACCESS_ARN}")
    in_policies = "kubernetes.policies"
    return [
        Row("access entry: username", shown("username"), change("update_access_entry", username="someone"), "kubernetes.username"),
        Row("access entry: groups", shown("kubernetesGroups"), change("update_access_entry", kubernetesGroups=["a"]), "kubernetes.groups"),
        Row("access entry: tag changed", shown("tags"), retag(team="y"), f"{entry}.tags"),
        Row("access entry: tag removed", shown("tags"), untag("team"), f"{entry}.tags"),
        Row("access entry: tag added", shown("tags"), retag(stray="y"), f"{entry}.tags"),
        Row("access entry: deleted", shown("principalArn"), change("delete_access_entry"), entry),
        Row("access policy: scope narrowed", associated, associate("AmazonEKSClusterAdminPolicy", type="namespace", namespaces=["a"]), f"{in_policies}.AmazonEKSClusterAdminPolicy"),
        Row("access policy: scope widened", associated, associate("AmazonEKSViewPolicy", type="cluster"), f"{in_policies}.AmazonEKSViewPolicy"),
        Row("access policy: namespaces", associated, associate("AmazonEKSViewPolicy", type="namespace", namespaces=["a", "c"]), f"{in_policies}.AmazonEKSViewPolicy"),
        Row("access policy: removed", associated, disassociate("AmazonEKSViewPolicy"), f"{in_policies}.AmazonEKSViewPolicy"),
        Row("access policy: added", associated, associate("AmazonEKSEditPolicy", type="cluster"), in_policies),
    ]  # fmt: skip


def workload_rows() -> list[Row]:
    def change(operation: str, **arguments):
        return lambda world: getattr(world.iam("workload"), operation)(**arguments)

    def delete_profile(world: World):
        iam = world.iam("workload")
        iam.remove_role_from_instance_profile(InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
        iam.delete_instance_profile(InstanceProfileName=WORKLOAD)

    def profile_tags(world: World):
        return sorted((tag["Key"], tag["Value"]) for tag in world.instance_profile(WORKLOAD)["Tags"])

    def managed(world: World):
        return world.managed_policies("workload", WORKLOAD)

    def retag(key: str):
        return change("tag_instance_profile", InstanceProfileName=WORKLOAD, Tags=[{"Key": key, "Value": "y"}])

    profile = piece("workload", "iam_instance_profile", WORKLOAD)
    detach = change("detach_role_policy", RoleName=WORKLOAD, PolicyArn=BUCKETS)
    empty = change("remove_role_from_instance_profile", InstanceProfileName=WORKLOAD, RoleName=WORKLOAD)
    return [
        Row("workload role: managed policy detached", managed, detach, "workload_role.managed_policy_arns"),
        Row("instance profile: role taken out", lambda world: world.profile_roles(WORKLOAD), empty, profile),
        Row("instance profile: deleted", lambda world: world.profile_roles(WORKLOAD), delete_profile, profile),
        Row("instance profile: tag changed", profile_tags, retag("team"), f"{profile}.tags"),
        Row("instance profile: tag added", profile_tags, retag("stray"), f"{profile}.tags"),
    ]


ROWS = [
    *role_rows("cluster", "access role", "access_role", ACCESS, DESCRIBE),
    *role_rows("workload", "workload role", "workload_role", WORKLOAD, ASSUME),
    *workload_rows(),
    *entry_rows(),
]


@pytest.fixture(scope="module")
def applied(cli, running_aws, tmp_path_factory):
    world = World(running_aws)

    def begin():
        running_aws.reset()
        for account in ("cluster", "workload"):
            for name in ("boundary", "other"):
                world.iam(account).create_policy(PolicyName=name, PolicyDocument=json.dumps(NOTHING | {}))
        workspace = workspaces(cli, running_aws, tmp_path_factory.mktemp("drift"))(HCL)
        workspace.apply()
        workspace.assert_empty_plan()
        return workspace

    applied = Applied(f"xeks_cross_account_access-{cli.name}", world, ADDRESS, begin)
    yield applied
    applied.write_table()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_drift_is_named_by_the_plan_and_healed_by_an_apply(applied, row):
    applied.check(row)
