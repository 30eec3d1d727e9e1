"""An account is used only by what has an object in it or calls it: the other one may be missing, broken or unreachable."""

import json

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, role_arn, traces
from cross_account_access import access
from irsa_trust import ADDRESS, CHAINED, ROLE, trust
from workspaces import HEAD

ISSUER = "https://oidc.eks.ap-south-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
OF_ISSUER = trust(clusters=f'issuer_urls = ["{ISSUER}"]')
WORKLOAD = 'workload_account = { profile = "workload", region = "ap-south-1" }'
PLATFORM = 'cluster_account = { profile = "platform", region = "ap-south-1" }'
PATH = f"""
data "xeks_irsa_path" "dns" {{
  role_arn        = "{role_arn(WORKLOAD_ACCOUNT, ROLE)}"
  issuer_url      = "{ISSUER}"
  namespace       = "nodejs"
  service_account = "nodejs-sa"
}}
"""
RUNNER = f"""
data "xeks_runner_policy" "dns" {{
  irsa_trust = [{{ issuer_urls = ["{ISSUER}"], role = {{ name = "{ROLE}" }} }}]
}}
"""

#: What the provider block says of the cluster account.
NO_CLUSTER_ACCOUNT = {
    "no block": "",
    "no region": 'cluster_account = { profile = "platform-without-region" }',
    "an unknown profile": 'cluster_account = { profile = "nowhere", region = "ap-south-1" }',
    "no credentials": 'cluster_account = { region = "ap-south-1", shared_config_files = ["/dev/null"], shared_credentials_files = ["/dev/null"] }',
    "an account that is not allowed": f'cluster_account = {{ profile = "platform", region = "ap-south-1", forbidden_account_ids = ["{CLUSTER_ACCOUNT}"] }}',
    "no answer": 'cluster_account = { region = "ap-south-1", access_key = "AKIAEXAMPLE", secret_key = "x", endpoints = { sts = "http://127.0.0.1:9" }, max_retries = 0 }',
    "the workload account": 'cluster_account = { profile = "workload", region = "ap-south-1" }',
}  # fmt: skip


def block(*accounts: str, more: str = "") -> str:
    body = "\n  ".join(filter(None, [*accounts, more]))
    return f'{HEAD}provider "xeks" {{\n  {body}\n}}\n'


def callers(aws) -> set[str]:
    return {call["account"] for call in aws.calls()}


@pytest.mark.parametrize("cluster_account", NO_CLUSTER_ACCOUNT)
def test_a_trust_of_issuers_never_touches_the_cluster_account(workspace, aws, cluster_account):
    root = workspace(OF_ISSUER + RUNNER, provider=block(NO_CLUSTER_ACCOUNT[cluster_account], WORKLOAD))
    before = aws.dump()
    aws.clear_calls()

    root.apply()
    root.assert_empty_plan()
    root.write(OF_ISSUER + RUNNER + PATH)
    root.apply()
    root.write(OF_ISSUER)
    root.forget(ADDRESS)
    root.import_(ADDRESS, f"{ISSUER}/{ROLE}").must_work()
    root.assert_empty_plan()
    assert root.state(ADDRESS)["cluster_region"] is None
    root.destroy()

    assert callers(aws) == {WORKLOAD_ACCOUNT}
    assert not traces(aws, before)


def test_a_trust_of_issuers_plans_in_an_environment_that_is_signed_in_to_the_workload_account(workspace, aws):
    provider = block('workload_account = { region = "ap-south-1" }')
    root = workspace(OF_ISSUER + PATH, provider=provider)
    root.environment |= aws.accounts["workload"].runner.environment() | {"AWS_ENDPOINT_URL": aws.endpoint}

    root.apply()
    root.assert_empty_plan()
    root.destroy()

    assert callers(aws) == {WORKLOAD_ACCOUNT}


def test_one_caller_is_looked_up_however_many_trusts_there_are_and_without_preflight_too(workspace, aws):
    provider = block(WORKLOAD, more="skip_preflight = true")
    several = "".join(trust(f'name = "r{n}"', name=f"t{n}", clusters=f'issuer_urls = ["{ISSUER}"]') for n in range(4))
    root = workspace(several, provider=provider)
    aws.clear_calls()

    root.try_plan().must_work()

    assert [call["action"] for call in aws.calls()] == ["GetCallerIdentity"]


def test_the_path_of_an_issuer_says_what_it_finds_without_the_cluster_account(workspace, aws):
    root = workspace(OF_ISSUER, provider=block(WORKLOAD))
    root.apply()
    root.write(
        OF_ISSUER
        + PATH
        + 'output "path" {\n  value = { hops = data.xeks_irsa_path.dns.hops, region = data.xeks_irsa_path.dns.region }\n}\n'
    )
    root.apply()

    path = root.output("path")
    statuses = {hop["name"]: hop["status"] for hop in path["hops"]}
    assert statuses == {"issuer": "external", "oidc_provider": "ok", "trust": "ok", "permissions": "broken"}
    assert path["region"] is None


def test_the_policy_of_a_runner_for_issuers_names_no_cluster_account(workspace, aws):
    root = workspace(RUNNER + 'output "policy" {\n  value = data.xeks_runner_policy.dns\n}\n', provider=block(WORKLOAD))
    aws.clear_calls()

    root.apply()

    policy = root.output("policy")
    assert (policy["cluster_policy"], policy["cluster_account_id"]) == (None, None)
    assert policy["workload_account_id"] == WORKLOAD_ACCOUNT and "oidc.eks.ap-south-1" in policy["workload_policy"]
    assert callers(aws) == {WORKLOAD_ACCOUNT}


@pytest.mark.parametrize("hcl", [trust(), trust(clusters=f'issuer_urls = ["{ISSUER}"]', more=CHAINED), access()])
def test_what_has_objects_or_calls_in_the_cluster_account_asks_for_it(workspace, hcl):
    provider = block(NO_CLUSTER_ACCOUNT["an unknown profile"], WORKLOAD)
    workspace(hcl, provider=provider).try_plan().must_fail("cluster_account can't be used", "nowhere")


CLUSTER_ONLY = {
    "a cluster": f'data "xeks_cluster" "it" {{\n  name = "{CLUSTER}"\n}}\n',
    "the path of a principal of the cluster account": f'data "xeks_access_path" "it" {{\n  cluster_name = "{CLUSTER}"\n  principal_arn = "{role_arn(CLUSTER_ACCOUNT, "xeks-runner")}"\n}}\n',
    "the path of a role of the cluster account": f'data "xeks_irsa_path" "it" {{\n  cluster_name = "{CLUSTER}"\n  role_arn = "{role_arn(CLUSTER_ACCOUNT, "xeks-runner")}"\n  namespace = "a"\n  service_account = "b"\n}}\n',
    "the policy of a runner that reads clusters": 'data "xeks_runner_policy" "it" {\n  data_sources = ["xeks_cluster"]\n}\n',
}  # fmt: skip


@pytest.mark.parametrize("workload", ["", 'workload_account = { profile = "nowhere", region = "ap-south-1" }'])
@pytest.mark.parametrize("read", CLUSTER_ONLY)
def test_what_is_of_the_cluster_account_alone_never_touches_the_workload_account(workspace, aws, read, workload):
    root = workspace(CLUSTER_ONLY[read], provider=block(PLATFORM, workload))
    aws.clear_calls()

    root.apply()

    assert callers(aws) == {CLUSTER_ACCOUNT}


def test_a_trust_that_turns_from_clusters_to_issuers_is_replaced_and_works_in_one_account(workspace, aws):
    accounts = Accounts(aws)
    before = aws.dump()
    root = workspace(trust(clusters=f'cluster_names = ["{CLUSTER}"]'))
    root.apply()

    root.write(trust(clusters=f'issuer_urls = ["{accounts.issuer()}"]'))
    assert root.plan().actions(ADDRESS) == ["delete", "create"]
    root.apply()
    root.assert_empty_plan()
    root.write(block(WORKLOAD), "provider.tf")
    aws.clear_calls()
    root.assert_empty_plan()
    assert callers(aws) == {WORKLOAD_ACCOUNT}
    root.destroy()
    assert not traces(aws, before)


def test_a_chained_trust_turns_from_clusters_to_issuers_in_place(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(trust(clusters=f'cluster_names = ["{CLUSTER}"]', more=CHAINED))
    root.apply()
    root.write(trust(clusters=f'issuer_urls = ["{accounts.issuer()}"]', more=CHAINED))
    assert root.plan().actions(ADDRESS) == ["update"]
    root.apply()
    root.assert_empty_plan()
    root.destroy()


def test_an_issuer_that_is_known_after_apply_only_still_needs_one_account(workspace, aws):
    unknown = f'resource "terraform_data" "issuer" {{\n  input = "{ISSUER}"\n}}\n'
    root = workspace(unknown + trust(clusters="issuer_urls = [terraform_data.issuer.output]"), provider=block(WORKLOAD))
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert callers(aws) == {WORKLOAD_ACCOUNT}


#: What is known after apply only, and leaves open until then which accounts are needed.
OPEN = {
    "mode": trust(clusters=f'issuer_urls = ["{ISSUER}"]', more="mode = terraform_data.it.output"),
    "cluster_name": trust(
        clusters=f'cluster_name = terraform_data.it.output == "federated" ? null : "c"\n  issuer_urls = ["{ISSUER}"]'
    ),
    "every source": trust(
        clusters='cluster_name = terraform_data.it.output == "federated" ? null : "c"\n  '
        f'issuer_urls = terraform_data.it.output == "federated" ? ["{ISSUER}"] : null'
    ),
}


@pytest.mark.parametrize("open", OPEN)
def test_what_is_open_in_the_plan_needs_one_account_in_the_apply(workspace, aws, open):
    unknown = 'resource "terraform_data" "it" {\n  input = "federated"\n}\n'
    root = workspace(unknown + OPEN[open], provider=block(WORKLOAD))
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert callers(aws) == {WORKLOAD_ACCOUNT}


@pytest.mark.parametrize("open", ["mode", "every source"])
def test_what_is_open_in_the_plan_may_need_both_accounts_in_the_apply(workspace, aws, open):
    mode = "mode = terraform_data.it.output" if open == "mode" else 'mode = "chained"'
    pods = f'pod_role = {{ name = "nodejs-pod" }}\n{mode}'
    sources = {
        "mode": f'issuer_urls = ["{ISSUER}"]',
        "every source": f'cluster_name = terraform_data.it.output == "x" ? null : "{CLUSTER}"\n  '
        f'issuer_urls = terraform_data.it.output == "x" ? ["{ISSUER}"] : null',
    }
    root = workspace(
        'resource "terraform_data" "it" {\n  input = "chained"\n}\n' + trust(clusters=sources[open], more=pods),
    )
    before = aws.dump()
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def test_a_state_with_objects_in_the_cluster_account_opens_it_whatever_the_configuration_says(workspace, aws):
    """A chained trust that becomes a federated one of issuers: the pod role goes, from the cluster account."""
    before = aws.dump()
    root = workspace(trust(clusters=f'issuer_urls = ["{ISSUER}"]', more=CHAINED))
    root.apply()
    root.write(OF_ISSUER)
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)
    assert json.dumps(root.resources()) == "{}"
