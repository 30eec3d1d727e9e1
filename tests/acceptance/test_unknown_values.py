"""Values that are unknown at plan time: validate and plan accept them, and the apply is consistent with its plan."""

from dataclasses import dataclass

import pytest
from accounts import CLUSTER, TRUSTS_EC2, Accounts
from cross_account_access import ACCESS, ADDRESS, WORKLOAD, access
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, POLICY, ROLE, trust
from workspaces import PROVIDER

LATER = 'resource "terraform_data" "later" {\n  input = %s\n}\n'
UNKNOWN = "terraform_data.later.output"


@dataclass(frozen=True)
class Unknown:
    """A configuration with an unknown value, and what the value turns out to be."""

    value: str
    hcl: str
    #: Whether the configuration names a role that must exist before.
    existing_role: bool = False


ACCESS_CASES = {
    "the way of a client": Unknown('"role_arn"', access(more=f"client = {{ auth = {UNKNOWN} }}")),
    "a client's profile": Unknown("null", access(more=f"client = {{ profile_name = {UNKNOWN} }}")),
    "a client's profile by role": Unknown("null", access(more=f'client = {{ auth = "role_arn", profile_name = {UNKNOWN} }}')),
    "a client's file": Unknown("null", access(more=f"client = {{ config_file = {UNKNOWN} }}")),
    "a whole client": Unknown("null", access(more=f"client = {UNKNOWN}")),
    "the names of both roles": Unknown('"x"', access(f'name = "a-${{{UNKNOWN}}}"', f'name = "w-${{{UNKNOWN}}}"')),
    "the name of an existing role": Unknown(f'"{WORKLOAD}"', access(workload_role=f"name = {UNKNOWN}, existing = true"), existing_role=True),
    "the cluster": Unknown(f'"{CLUSTER}"', access().replace(f'"{CLUSTER}"', UNKNOWN)),
    "the cluster's region": Unknown('"ap-south-1"', access(more=f"cluster_region = {UNKNOWN}")),
    "the external id": Unknown("null", access(f'name = "{ACCESS}", external_id = {UNKNOWN}', more='client = { auth = "role_arn" }')),
    "the scope of a policy": Unknown('"cluster"', access(kubernetes=f"policies = {{ AmazonEKSViewPolicy = {{ scope = {UNKNOWN} }} }}")),
    "the user name": Unknown("null", access(kubernetes=f"username = {UNKNOWN}")),
    "tags": Unknown('{ a = "1" }', access(more=f"tags = {UNKNOWN}")),
    "managed policies": Unknown("[]", access(workload_role=f'name = "{WORKLOAD}", managed_policy_arns = {UNKNOWN}')),
    "the path of a role": Unknown("null", access(workload_role=f'name = "{WORKLOAD}", path = {UNKNOWN}')),
}  # fmt: skip

IRSA_CASES = {
    "the cluster": Unknown(f'"{CLUSTER}"', trust(clusters=f"cluster_name = {UNKNOWN}")),
    "one of the clusters": Unknown(f'"{CLUSTER}"', trust(clusters=f"cluster_names = [{UNKNOWN}]")),
    "the issuers": Unknown('["https://oidc.eks.ap-south-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"]', trust(clusters=f"issuer_urls = {UNKNOWN}")),
    "the name of the role": Unknown(f'"{ROLE}"', trust(f"name = {UNKNOWN}")),
    "the name of an existing role": Unknown(f'"{WORKLOAD}"', trust(f"name = {UNKNOWN}, existing = true"), existing_role=True),
    "the service accounts": Unknown('[{ namespace = "a", name = "b" }]', trust().replace('[{ namespace = "nodejs", name = "nodejs-sa" }]', UNKNOWN)),
    "a service account's name": Unknown('"*"', trust(service_accounts=f'{{ namespace = "a", name = {UNKNOWN} }}')),
    "an audience that is STS's": Unknown('"sts.amazonaws.com"', trust(more=f"audiences = [{UNKNOWN}]")),
    "audiences left out": Unknown("null", trust(more=f"audiences = {UNKNOWN}")),
    "inline policies": Unknown(f"{{ bucket = {POLICY} }}", trust(f'name = "{ROLE}", inline_policies = {UNKNOWN}')),
    "an inline policy": Unknown(POLICY, trust(f'name = "{ROLE}", inline_policies = {{ bucket = {UNKNOWN} }}')),
    "the pod role's name": Unknown('"pods"', trust(more=CHAINED.replace('"nodejs-pod"', UNKNOWN))),
}  # fmt: skip


def run_through(workspace, aws, address: str, unknown: Unknown) -> None:
    if unknown.existing_role:
        Accounts(aws).make_role("workload", WORKLOAD, TRUSTS_EC2)
    root = workspace(LATER % unknown.value + unknown.hcl)

    root.validate().must_work()
    assert root.plan().actions(address) == ["create"]
    root.apply()
    root.assert_empty_plan()
    root.destroy()


# What a CLI sends of unknown values is the same for all attributes of a kind: a name, a name in a text, a set, a set of objects.
WITH_EVERY_CLI = {
    "the cluster": (ADDRESS, ACCESS_CASES.pop("the cluster")),
    "the names of both roles": (ADDRESS, ACCESS_CASES.pop("the names of both roles")),
    "the issuers": (TRUST, IRSA_CASES.pop("the issuers")),
    "the service accounts": (TRUST, IRSA_CASES.pop("the service accounts")),
}


@pytest.mark.parametrize("case", WITH_EVERY_CLI)
def test_an_unknown_value_plans_and_applies_with_every_cli(workspace, aws, case):
    run_through(workspace, aws, *WITH_EVERY_CLI[case])


@pytest.mark.one_cli
@pytest.mark.parametrize("case", ACCESS_CASES)
def test_an_access_with_an_unknown_value_plans_and_applies(workspace, aws, case):
    run_through(workspace, aws, ADDRESS, ACCESS_CASES[case])


@pytest.mark.one_cli
@pytest.mark.parametrize("case", IRSA_CASES)
def test_a_trust_with_an_unknown_value_plans_and_applies(workspace, aws, case):
    run_through(workspace, aws, TRUST, IRSA_CASES[case])


# Variables are unknown to `validate`: what their values may allow is not refused.
OPTIONAL = (
    access(
        f'name = "{ACCESS}", existing = true, path = var.x, description = var.x, external_id = var.x',
        f'name = "{WORKLOAD}", instance_profile_name = var.x',
        more='client = { auth = "role_arn", credential_source = "Environment", source_profile = var.x }',
    )
    + trust(clusters=f'cluster_name = "{CLUSTER}"\n  cluster_names = var.s\n  issuer_urls = var.s')
    + trust(clusters="cluster_name = var.x\n  issuer_urls = var.s", name="open")
)


def test_validate_accepts_conflicting_arguments_whose_variables_may_be_null(workspace):
    declared = 'variable "x" {\n  type = string\n  default = null\n}\nvariable "s" {\n  type = set(string)\n  default = null\n}\n'
    workspace(declared + OPTIONAL).validate().must_work()


def test_a_rename_with_an_unknown_provider_configuration_replaces(workspace, aws):
    provider = PROVIDER.replace('profile = "workload"', "profile = terraform_data.profile.output") % ""
    profile = 'resource "terraform_data" "profile" {\n  input = "workload"\n  triggers_replace = "%s"\n}\n'
    root = workspace(profile % "1" + access(), provider=provider)
    root.apply()

    root.write(profile % "2" + access(workload_role='name = "renamed"'))
    assert root.plan().actions(ADDRESS) == ["delete", "create"]
    root.apply()
    root.assert_empty_plan()
    assert Accounts(aws).role("workload", WORKLOAD) is None
    root.destroy()


def test_an_unknown_provider_configuration_alone_changes_nothing(workspace, aws):
    provider = PROVIDER.replace('profile = "workload"', "profile = terraform_data.profile.output") % ""
    profile = 'resource "terraform_data" "profile" {\n  input = "workload"\n  triggers_replace = "%s"\n}\n'
    root = workspace(profile % "1" + access() + trust(), provider=provider)
    root.apply()

    root.write(profile % "2" + access() + trust())
    root.apply()
    root.assert_empty_plan()
    root.destroy()
