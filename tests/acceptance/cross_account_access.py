"""`xeks_cross_account_access` as HCL, and the names that most tests give to its objects."""

from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, role_arn

ADDRESS = "xeks_cross_account_access.ec2"
ACCESS, WORKLOAD = "EKS-CrossAccount-Access-Role", "EC2-EKS-CrossAccount-Role"
ACCESS_ARN, WORKLOAD_ARN = role_arn(CLUSTER_ACCOUNT, ACCESS), role_arn(WORKLOAD_ACCOUNT, WORKLOAD)
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
BUCKETS = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def access(
    access_role: str | None = f'name = "{ACCESS}"',
    workload_role: str = f'name = "{WORKLOAD}"',
    kubernetes: str = 'policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }',
    more: str = "",
    name: str = "ec2",
) -> str:
    """A resource; each argument is the text between the braces."""
    lines = [
        f'cluster_name = "{CLUSTER}"',
        f"workload_role = {{ {workload_role} }}",
        f"kubernetes = {{ {kubernetes} }}",
    ]
    lines += [f"access_role = {{ {access_role} }}"] if access_role else []
    body = "\n  ".join([*lines, *more.splitlines()])
    return f'resource "xeks_cross_account_access" "{name}" {{\n  {body}\n}}\n'


#: As in the first story: with an instance profile.
STORY = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true')


def assert_story_in_place(accounts: Accounts, workload: str = WORKLOAD) -> None:
    """Every object of `STORY` exists, with the workload role under this name."""
    assert accounts.inline_policies("cluster", ACCESS) == ["xeks-eks-describe"]
    assert accounts.inline_policies("workload", workload) == [f"xeks-assume-{ACCESS}"]
    assert accounts.profile_roles(workload) == [workload]
    assert accounts.associations(ACCESS_ARN) == {"AmazonEKSClusterAdminPolicy": {"type": "cluster", "namespaces": []}}
