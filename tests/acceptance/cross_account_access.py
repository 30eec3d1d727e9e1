"""`xeks_cross_account_access` as HCL: its modes, options and updates, and the names that most tests give to its objects."""

from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, role_arn
from configurations import Update
from role_drift import boundary

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

#: Each mode and option.
CASES = {
    "as in the story": STORY,
    "direct": access(access_role=None, more='mode = "direct"'),
    "an external id": access(access_role=f'name = "{ACCESS}", external_id = "team-x/1"'),
    "trust in the account": access(access_role=f'name = "{ACCESS}", trust = "account"'),
    "paths": access(access_role=f'name = "{ACCESS}", path = "/eks/"', workload_role=f'name = "{WORKLOAD}", path = "/team/x/"'),
    "other services": access(workload_role=f'name = "{WORKLOAD}", trusted_services = ["ec2.amazonaws.com", "lambda.amazonaws.com"]'),
    "a named instance profile": access(workload_role=f'name = "{WORKLOAD}", instance_profile = true, instance_profile_name = "p"'),
    "managed policies": access(workload_role=f'name = "{WORKLOAD}", managed_policy_arns = ["{BUCKETS}"]'),
    "longer sessions": access(access_role=f'name = "{ACCESS}", max_session_duration = 43200', workload_role=f'name = "{WORKLOAD}", max_session_duration = 7200'),
    "groups without policies": access(kubernetes='username = "team", groups = ["viewers", "team:x"]'),
    "a policy by ARN": access(kubernetes=f'policies = {{ "{ADMIN}" = {{ scope = "cluster" }} }}'),
    "namespaces": access(kubernetes='policies = { AmazonEKSEditPolicy = { scope = "namespace", namespaces = ["dev-*", "team"] } }'),
    "kubeconfig by role": access(more='client = { auth = "role_arn" }'),
    "a client of its own": access(more='client = { profile_name = "eks", source_profile = "base", session_name = "me" }'),
    "tags and time-outs": access(more='tags = { team = "x" }\ntimeouts = { create = "5m", delete = "90s" }'),
}  # fmt: skip

#: What changes in place.
UPDATES = {
    "username": Update(access(), access(kubernetes='username = "x", policies = { AmazonEKSClusterAdminPolicy = { scope = "cluster" } }')),
    "scope": Update(access(), access(kubernetes='policies = { AmazonEKSClusterAdminPolicy = { scope = "namespace", namespaces = ["a"] } }')),
    "another policy": Update(access(), access(kubernetes='policies = { AmazonEKSViewPolicy = { scope = "cluster" } }')),
    "groups": Update(access(), access(kubernetes='groups = ["a"]')),
    "external id": Update(access(), access(f'name = "{ACCESS}", external_id = "ex"')),
    "trust": Update(access(), access(f'name = "{ACCESS}", trust = "account"')),
    "description": Update(access(), access(f'name = "{ACCESS}", description = "d"')),
    "boundaries": Update(access(), access(f'name = "{ACCESS}", permissions_boundary = "{boundary("cluster")}"', f'name = "{WORKLOAD}", permissions_boundary = "{boundary("workload")}"')),
    "session duration": Update(access(), access(f'name = "{ACCESS}", max_session_duration = 7200')),
    "an instance profile": Update(access(), access(workload_role=f'name = "{WORKLOAD}", instance_profile = true')),
    "managed policies": Update(access(), access(workload_role=f'name = "{WORKLOAD}", managed_policy_arns = ["{BUCKETS}"]')),
    "services": Update(access(), access(workload_role=f'name = "{WORKLOAD}", trusted_services = ["lambda.amazonaws.com"]')),
    "tags": Update(access(more='tags = { a = "1" }'), access(more='tags = { b = "2" }')),
    "client": Update(access(), access(more='client = { session_name = "me" }')),
}  # fmt: skip


def assert_story_in_place(accounts: Accounts, workload: str = WORKLOAD) -> None:
    """Every object of `STORY` exists, with the workload role under this name."""
    for account, role, policy in [
        ("cluster", ACCESS, f"xeks-describe-{CLUSTER}"),
        ("workload", workload, f"xeks-assume-{ACCESS}"),
    ]:
        assert accounts.inline_policies(account, role) == [accounts.own_policy(account, role, policy)]
    assert accounts.profile_roles(workload) == [workload]
    assert accounts.associations(ACCESS_ARN) == {"AmazonEKSClusterAdminPolicy": {"type": "cluster", "namespaces": []}}
