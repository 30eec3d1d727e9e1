"""Values that a plan does not know yet: no wrong error at validate or plan, and an apply that is consistent with its plan."""

import pytest
from cross_account_access import ACCESS, ADDRESS, WORKLOAD, access
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, POLICY, ROLE, trust
from workspaces import PROVIDER
from world import CLUSTER, World

TRUSTING_EC2 = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}'

LATER = 'resource "terraform_data" "later" {\n  input = %s\n}\n'
UNKNOWN = "terraform_data.later.output"

# What the unknown value turns out to be → the configuration that names it.
ACCESS_CASES = {
    "the way of a client": ('"role_arn"', access(more=f"client = {{ auth = {UNKNOWN} }}")),
    "a client's profile": ("null", access(more=f"client = {{ profile_name = {UNKNOWN} }}")),
    "a client's profile by role": ("null", access(more=f'client = {{ auth = "role_arn", profile_name = {UNKNOWN} }}')),
    "a client's file": ("null", access(more=f"client = {{ config_file = {UNKNOWN} }}")),
    "a whole client": ("null", access(more=f"client = {UNKNOWN}")),
    "the names of both roles": ('"x"', access(f'name = "a-${{{UNKNOWN}}}"', f'name = "w-${{{UNKNOWN}}}"')),
    "the name of an existing role": (f'"{WORKLOAD}"', access(workload_role=f"name = {UNKNOWN}, existing = true")),
    "the cluster": (f'"{CLUSTER}"', access().replace(f'"{CLUSTER}"', UNKNOWN)),
    "the cluster's region": ('"ap-south-1"', access(more=f"cluster_region = {UNKNOWN}")),
    "the external id": ("null", access(f'name = "{ACCESS}", external_id = {UNKNOWN}', more='client = { auth = "role_arn" }')),
    "the scope of a policy": ('"cluster"', access(kubernetes=f"policies = {{ AmazonEKSViewPolicy = {{ scope = {UNKNOWN} }} }}")),
    "the user name": ("null", access(kubernetes=f"username = {UNKNOWN}")),
    "tags": ('{ a = "1" }', access(more=f"tags = {UNKNOWN}")),
    "managed policies": ("[]", access(workload_role=f'name = "{WORKLOAD}", managed_policy_arns = {UNKNOWN}')),
    "the path of a role": ("null", access(workload_role=f'name = "{WORKLOAD}", path = {UNKNOWN}')),
}  # fmt: skip

IRSA_CASES = {
    "the cluster": (f'"{CLUSTER}"', trust(clusters=f"cluster_name = {UNKNOWN}")),
    "one of the clusters": (f'"{CLUSTER}"', trust(clusters=f"cluster_names = [{UNKNOWN}]")),
    "the issuers": ('["https://oidc.eks.ap-south-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"]', trust(clusters=f"issuer_urls = {UNKNOWN}")),
    "the name of the role": (f'"{ROLE}"', trust(f"name = {UNKNOWN}")),
    "the name of an existing role": (f'"{WORKLOAD}"', trust(f"name = {UNKNOWN}, existing = true")),
    "the service accounts": ('[{ namespace = "a", name = "b" }]', trust().replace('[{ namespace = "nodejs", name = "nodejs-sa" }]', UNKNOWN)),
    "a service account's name": ('"*"', trust(service_accounts=f'{{ namespace = "a", name = {UNKNOWN} }}')),
    "an audience that is STS's": ('"sts.amazonaws.com"', trust(more=f"audiences = [{UNKNOWN}]")),
    "audiences left out": ("null", trust(more=f"audiences = {UNKNOWN}")),
    "inline policies": (f"{{ bucket = {POLICY} }}", trust(f'name = "{ROLE}", inline_policies = {UNKNOWN}')),
    "an inline policy": (POLICY, trust(f'name = "{ROLE}", inline_policies = {{ bucket = {UNKNOWN} }}')),
    "the pod role's name": ('"pods"', trust(more=CHAINED.replace('"nodejs-pod"', UNKNOWN))),
}  # fmt: skip


def run_through(workspace, aws, address: str, value: str, hcl: str) -> None:
    World(aws).iam("workload").create_role(RoleName=WORKLOAD, AssumeRolePolicyDocument=TRUSTING_EC2)
    if "existing" not in hcl:
        World(aws).iam("workload").delete_role(RoleName=WORKLOAD)
    root = workspace(LATER % value + hcl)

    root.validate().must_work()
    assert root.plan().actions(address) == ["create"]
    root.apply()
    root.assert_empty_plan()
    root.destroy()


@pytest.mark.parametrize("case", ACCESS_CASES)
def test_what_is_not_known_yet_plans_and_applies(workspace, aws, case):
    run_through(workspace, aws, ADDRESS, *ACCESS_CASES[case])


@pytest.mark.parametrize("case", IRSA_CASES)
def test_what_is_not_known_yet_plans_and_applies_for_pods(workspace, aws, case):
    run_through(workspace, aws, TRUST, *IRSA_CASES[case])


# Variables are unknown to `validate`: what their values may allow is not refused.
VARIABLES = {
    "null": access(
        f'name = "{ACCESS}", existing = true, path = var.x, description = var.x, external_id = var.x',
        f'name = "{WORKLOAD}", instance_profile_name = var.x',
        more='client = { auth = "role_arn", credential_source = "Environment", source_profile = var.x }',
    )
    + trust(clusters=f'cluster_name = "{CLUSTER}"\n  cluster_names = var.s\n  issuer_urls = var.s')
    + trust(clusters="cluster_name = var.x\n  issuer_urls = var.s", name="open"),
}


def test_validate_does_not_refuse_what_a_variable_may_leave_out(workspace):
    declared = 'variable "x" {\n  type = string\n  default = null\n}\nvariable "s" {\n  type = set(string)\n  default = null\n}\n'
    workspace(declared + VARIABLES["null"]).validate().must_work()


def test_a_rename_while_the_provider_is_not_known_yet_replaces(workspace, aws):
    provider = PROVIDER.replace('profile = "workload"', "profile = terraform_data.profile.output") % ""
    profile = 'resource "terraform_data" "profile" {\n  input = "workload"\n  triggers_replace = "%s"\n}\n'
    root = workspace(profile % "1" + access(), provider=provider)
    root.apply()

    root.write(profile % "2" + access(workload_role='name = "renamed"'))
    assert root.plan().actions(ADDRESS) == ["delete", "create"]
    root.apply()
    root.assert_empty_plan()
    assert World(aws).role("workload", WORKLOAD) is None
    root.destroy()


def test_an_update_while_the_provider_is_not_known_yet_is_none(workspace, aws):
    provider = PROVIDER.replace('profile = "workload"', "profile = terraform_data.profile.output") % ""
    profile = 'resource "terraform_data" "profile" {\n  input = "workload"\n  triggers_replace = "%s"\n}\n'
    root = workspace(profile % "1" + access() + trust(), provider=provider)
    root.apply()

    root.write(profile % "2" + access() + trust())
    root.apply()
    root.assert_empty_plan()
    root.destroy()
