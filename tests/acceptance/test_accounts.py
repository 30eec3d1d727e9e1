"""Who runs xeks, and where: wrong accounts, missing permissions, unreachable accounts, settings that are unknown at plan time."""

import json

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, traces
from cross_account_access import ACCESS, ADDRESS, WORKLOAD, access
from profiles import write_profiles
from workspaces import HEAD, PROVIDER


def provider_block(
    cluster: str = 'profile = "platform"', workload: str = 'profile = "workload"', more: str = ""
) -> str:
    return (
        f'{HEAD}provider "xeks" {{\n  cluster_account  = {{ region = "ap-south-1", {cluster} }}\n'
        f'  workload_account = {{ region = "ap-south-1", {workload} }}\n{more}}}\n'
    )


def test_a_wrong_account_is_an_error_of_the_plan(workspace):
    provider = provider_block(workload='profile = "workload", allowed_account_ids = ["111122223333"]')
    workspace(access(), provider=provider).try_plan().must_fail(WORKLOAD_ACCOUNT, "111122223333", "allowed_account_ids")


def test_a_forbidden_account_is_an_error_of_the_plan(workspace):
    provider = provider_block(cluster=f'profile = "platform", forbidden_account_ids = ["{CLUSTER_ACCOUNT}"]')
    workspace(access(), provider=provider).try_plan().must_fail(CLUSTER_ACCOUNT, "forbidden_account_ids")


def test_the_same_account_twice_is_an_error_that_names_the_callers(workspace):
    provider = provider_block(workload='profile = "platform"')
    workspace(access(), provider=provider).try_plan().must_fail(CLUSTER_ACCOUNT, "xeks-runner", "allow_same_account")


def test_the_same_account_twice_is_accepted_with_allow_same_account(workspace):
    provider = provider_block(workload='profile = "platform"', more="  allow_same_account = true\n")
    root = workspace(access(), provider=provider)
    root.plan()


def test_no_workload_account_is_an_error(workspace):
    provider = f'{HEAD}provider "xeks" {{\n  cluster_account = {{ profile = "platform", region = "ap-south-1" }}\n}}\n'
    workspace(access(), provider=provider).try_plan().must_fail("workload_account")


def test_a_resource_picks_one_of_the_named_accounts(workspace, aws):
    provider = f"""{HEAD}provider "xeks" {{
  cluster_account   = {{ profile = "platform", region = "ap-south-1" }}
  workload_accounts = {{ payments = {{ profile = "workload", region = "ap-south-1" }} }}
}}
"""
    root = workspace(access(more='workload_account = "payments"'), provider=provider)
    root.apply()
    root.assert_empty_plan()
    assert Accounts(aws).role("workload", WORKLOAD)

    root.write(access(more='workload_account = "search"'))
    root.try_plan().must_fail("workload_account", "search", "payments")


def test_a_profile_of_another_account_is_an_error_and_never_an_empty_state(workspace, aws):
    root = workspace(access())
    root.apply()
    before, state = aws.dump(), root.resources()
    third = aws.client("workload", "sts", type(aws.accounts["workload"].root)("444455556666", "test"))
    assert third.get_caller_identity()["Account"] == "444455556666"
    write_profiles(aws, root.directory / "aws", workload=type(aws.accounts["workload"].root)("444455556666", "test"))

    root.try_plan().must_fail(WORKLOAD_ACCOUNT, "444455556666")
    root.try_apply().must_fail(WORKLOAD_ACCOUNT, "444455556666")
    root.try_destroy().must_fail(WORKLOAD_ACCOUNT, "444455556666")

    assert root.resources() == state
    assert not traces(aws, before)


def test_a_pipeline_assumes_both_runner_roles(workspace, aws):
    """Long-lived keys that may do nothing but assume the runner role, with its external id."""

    def hop(account: str) -> str:
        keys, role = aws.accounts[account].pipeline, aws.accounts[account].runner_role_arn
        endpoints = ", ".join(f'{service} = "{aws.endpoint}"' for service in ("eks", "iam", "sts", "ec2"))
        return (
            f'access_key = "{keys.access_key_id}", secret_key = "{keys.secret_access_key}", '
            f'assume_role = [{{ role_arn = "{role}", external_id = "{aws.accounts[account].external_id}" }}], '
            f"endpoints = {{ {endpoints} }}"
        )

    root = workspace(access(), provider=provider_block(hop("cluster"), hop("workload")))
    root.apply()
    root.assert_empty_plan()
    root.destroy()


@pytest.mark.parametrize("failures", [0, 2])
def test_a_pipeline_without_keys_signs_in_with_a_token_and_assumes_the_runner_role(workspace, aws, tmp_path, failures):
    """A token of an identity provider, for a role that may do nothing but assume the runner role. STS may not get the
    provider's keys for a moment."""
    aws.faults.add(
        "error",
        service="sts",
        action="AssumeRoleWithWebIdentity",
        code="InvalidIdentityToken",
        message="Couldn't retrieve verification key from your identity provider, please reference "
        "AssumeRoleWithWebIdentity documentation for requirements",
        times=failures,
    )
    ci, runner = Accounts(aws).make_pipeline_role(), aws.accounts["workload"].runner_role_arn
    trusted = {"Effect": "Allow", "Principal": {"AWS": ci}, "Action": "sts:AssumeRole"}
    aws.client("workload", "iam").update_assume_role_policy(RoleName="xeks-runner", PolicyDocument=document(trusted))

    token = tmp_path / "token"
    token.write_text(aws.service_account_token(CLUSTER, "ci", "deploy"))
    endpoints = ", ".join(f'{service} = "{aws.endpoint}"' for service in ("eks", "iam", "sts"))
    workload = (
        f'assume_role_with_web_identity = {{ role_arn = "{ci}", web_identity_token_file = "{token}" }}, '
        f'assume_role = [{{ role_arn = "{runner}" }}], endpoints = {{ {endpoints} }}'
    )
    root = workspace(access(), provider=provider_block(workload=workload))
    root.apply()
    root.assert_empty_plan()
    root.destroy()

    token.write_text(aws.service_account_token(CLUSTER, "ci", "another"))
    root.try_plan().must_fail("sts:AssumeRoleWithWebIdentity", ci, "workload_account")


# One of the least permissions is denied: the error names it, the call and the account.
MISSING = [
    ("cluster", "iam:CreateRole", CLUSTER_ACCOUNT),
    ("cluster", "iam:PutRolePolicy", CLUSTER_ACCOUNT),
    ("cluster", "eks:CreateAccessEntry", CLUSTER_ACCOUNT),
    ("cluster", "eks:AssociateAccessPolicy", CLUSTER_ACCOUNT),
    ("workload", "iam:CreateRole", WORKLOAD_ACCOUNT),
    ("workload", "iam:PutRolePolicy", WORKLOAD_ACCOUNT),
    ("workload", "iam:PassRole", WORKLOAD_ACCOUNT),
]


@pytest.mark.parametrize(("account", "permission", "number"), MISSING, ids=lambda value: str(value))
def test_a_missing_permission_is_named_with_its_call_and_account(workspace, aws, account, permission, number):
    deny(aws, account, permission)
    root = workspace(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true'))

    root.try_apply().must_fail(permission, number, "AccessDenied")

    allow_again(aws, account)
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert Accounts(aws).role("cluster", ACCESS) is None


def test_an_unreachable_account_is_one_warning_of_the_plan(workspace):
    provider = provider_block(
        workload='access_key = "AKIAEXAMPLE", secret_key = "x", endpoints = { iam = "http://127.0.0.1:9", sts = "http://127.0.0.1:9" }, max_retries = 0'
    )
    plan = workspace(access(), provider=provider).plan()

    assert len([warning for warning in plan.warnings if "workload" in str(warning)]) == 1
    assert plan.actions(ADDRESS) == ["create"]


def test_unknown_provider_settings_plan_as_unknown(workspace):
    provider = PROVIDER.replace('profile = "workload"', "profile = terraform_data.profile.output")
    root = workspace(
        'resource "terraform_data" "profile" {\n  input = "workload"\n}\n' + access(), provider=provider % ""
    )

    plan = root.plan()
    assert plan.actions(ADDRESS) == ["create"]
    root.apply()
    root.assert_empty_plan()


def document(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def deny(aws, account: str, permission: str) -> None:
    statement = {"Effect": "Deny", "Action": permission, "Resource": "*"}
    put_policy(aws, account, {"Version": "2012-10-17", "Statement": [statement]})


def allow_again(aws, account: str) -> None:
    aws.client(account, "iam").delete_role_policy(RoleName="xeks-runner", PolicyName="denied")


def put_policy(aws, account: str, document: dict) -> None:
    iam = aws.client(account, "iam")
    iam.put_role_policy(RoleName="xeks-runner", PolicyName="denied", PolicyDocument=json.dumps(document))


def test_for_each_creates_one_resource_per_account(workspace, aws):
    provider = """
terraform {
  required_providers { xeks = { source = "xeks/xeks" } }
}
provider "xeks" {
  cluster_account   = { profile = "platform", region = "ap-south-1" }
  workload_accounts = {
    one = { profile = "workload", region = "ap-south-1" }
    two = { profile = "workload", region = "ap-south-1" }
  }
}
"""
    hcl = f"""
resource "xeks_cross_account_access" "ec2" {{
  for_each         = toset(["one", "two"])
  workload_account = each.key
  cluster_name     = "{CLUSTER}"
  access_role      = {{ name = "a-${{each.key}}" }}
  workload_role    = {{ name = "w-${{each.key}}", instance_profile = true }}
  kubernetes       = {{ policies = {{ AmazonEKSViewPolicy = {{ scope = "cluster" }} }} }}
}}
"""
    before = aws.dump()
    root = workspace(hcl, provider=provider)
    root.apply()
    root.assert_empty_plan()
    address = f'{ADDRESS}["one"]'
    id = root.state(address)["id"]
    assert id == f"{CLUSTER}/a-one/w-one/one"
    root.forget(address)
    root.import_(address, id).must_work()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)
