"""`xeks_irsa_trust`, each mode and option: applied, present in AWS, an empty plan, destroyed without a trace."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from accounts import CLUSTER, WORKLOAD_ACCOUNT, Accounts, role_arn, traces
from configurations import Refusal
from irsa_trust import ADDRESS, CASES, ROLE, UPDATES, assume, pod_credentials, trust


@pytest.mark.parametrize("case", CASES)
def test_a_case_applies_plans_empty_and_destroys_without_a_trace(workspace, aws, case):
    accounts = Accounts(aws)
    before = aws.dump()
    root = workspace(CASES[case])

    root.apply()
    assert accounts.role("workload", ROLE)
    root.assert_empty_plan()

    root.destroy()
    for provider in accounts.oidc_providers() if case == "a retained provider" else []:
        accounts.iam("workload").delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    assert not traces(aws, before)


def test_the_story_admits_one_service_account_and_no_other(workspace, aws):
    workspace(CASES["as in the story"]).apply()
    accounts = Accounts(aws)
    issuer = accounts.issuer().removeprefix("https://")

    (statement,) = accounts.trust("workload", ROLE)["Statement"]
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}"}
    assert statement["Action"] in ("sts:AssumeRoleWithWebIdentity", ["sts:AssumeRoleWithWebIdentity"])
    assert statement["Condition"]["StringEquals"] == {
        f"{issuer}:aud": "sts.amazonaws.com",
        f"{issuer}:sub": "system:serviceaccount:nodejs:nodejs-sa",
    }
    assert assume(aws, "nodejs", "nodejs-sa").startswith(f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{ROLE}/")
    assert assume(aws, "nodejs", "default") == "AccessDenied"


def test_two_trusts_share_one_new_oidc_provider_in_one_apply(workspace, aws):
    accounts = Accounts(aws)
    before = aws.dump()
    both = trust() + trust('name = "other"', '{ namespace = "b", name = "y" }', name="other")
    root = workspace(both)

    root.apply()
    assert len(accounts.oidc_providers()) == 1
    root.assert_empty_plan()

    root.write(trust())
    root.apply()
    assert len(accounts.oidc_providers()) == 1, "the provider goes with its last user only"
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_a_foreign_oidc_provider_is_used_and_restored(workspace, aws):
    accounts = Accounts(aws)
    arn = accounts.make_oidc_provider("other")
    before = aws.dump()
    root = workspace(trust())

    root.apply()
    assert accounts.oidc_providers() == [arn]
    assert sorted(accounts.oidc_provider(arn)["ClientIDList"]) == ["other", "sts.amazonaws.com"]
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("manage", ["shared", "existing"])
def test_a_client_id_on_a_foreign_provider_is_removed_with_the_last_trust_that_needs_it(workspace, aws, manage):
    accounts = Accounts(aws)
    arn = accounts.make_oidc_provider("other")
    before = aws.dump()
    more = f'oidc_provider = {{ manage = "{manage}" }}'
    first, second = (
        workspace(trust(more=more)),
        workspace(trust('name = "other"', '{ namespace = "b", name = "y" }', more=more)),
    )
    first.apply()
    second.apply()
    second.assert_empty_plan()
    first.destroy()
    assert accounts.oidc_providers() == [arn]
    assert sorted(accounts.oidc_provider(arn)["ClientIDList"]) == ["other", "sts.amazonaws.com"]
    second.assert_empty_plan()
    second.destroy()
    assert not traces(aws, before)


def test_a_provider_deleted_while_a_trust_is_created_is_created_again(workspace, aws):
    """As when the last trust that uses it is destroyed at that moment: between the read and the write of this one."""
    accounts = Accounts(aws)
    arn = accounts.make_oidc_provider("other")
    root = workspace(trust())
    aws.faults.add("hold", account="workload", service="iam", action="TagOpenIDConnectProvider")

    def leave() -> None:
        assert aws.faults.hit(60)
        accounts.iam("workload").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        aws.faults.release()

    with ThreadPoolExecutor() as pool:
        left = pool.submit(leave)
        root.apply()
        left.result()
    assert accounts.oidc_provider(arn)["ClientIDList"] == ["sts.amazonaws.com"]
    root.assert_empty_plan()
    root.destroy()
    assert accounts.oidc_providers() == []


def test_a_missing_existing_provider_is_a_warning_of_the_plan_and_an_error_of_the_apply(workspace, aws):
    before = aws.dump()
    root = workspace(trust(more='oidc_provider = { manage = "existing" }'))
    assert [w for w in root.plan().warnings if "does not exist" in w.summary]
    root.try_apply().must_fail(
        "iam_oidc_provider", Accounts(aws).issuer().removeprefix("https://"), "Nothing was created"
    )
    assert not traces(aws, before)


def test_one_role_serves_blue_and_green_clusters(workspace, aws):
    accounts = Accounts(aws)
    accounts.make_cluster("green", "API")
    root = workspace(trust(clusters=f'cluster_names = ["{CLUSTER}", "green"]'))

    root.apply()
    root.assert_empty_plan()
    assert set(root.state(ADDRESS)["oidc_provider_arns"]) == {accounts.issuer(), accounts.issuer("green")}
    assert assume(aws, "nodejs", "nodejs-sa", "green").startswith("arn:aws:sts::")

    root.write(trust(clusters='cluster_names = ["green"]'))
    root.apply()
    root.assert_empty_plan()
    assert len(accounts.oidc_providers()) == 1
    assert assume(aws, "nodejs", "nodejs-sa") == "InvalidIdentityToken", "blue's provider is gone"
    root.destroy()


def test_an_issuer_needs_no_cluster(workspace, aws):
    issuer = "https://oidc.eks.ap-south-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
    root = workspace(trust(clusters=f'issuer_urls = ["{issuer}"]'))
    root.apply()
    root.assert_empty_plan()
    root.destroy()


def test_an_existing_role_gains_and_loses_only_one_statement(workspace, aws):
    accounts = Accounts(aws)
    theirs = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
    accounts.iam("workload").create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
    before = aws.dump()
    root = workspace(trust(f'name = "{ROLE}", existing = true'))

    root.apply()
    assert theirs in accounts.trust("workload", ROLE)["Statement"]
    assert assume(aws, "nodejs", "nodejs-sa").startswith("arn:aws:sts::")
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_chained_pods_reach_the_role_through_the_pod_role_without_a_provider_there(workspace, aws):
    root = workspace(CASES["chained"])
    root.apply()
    accounts = Accounts(aws)

    assert accounts.oidc_providers() == []
    assert aws.assume("workload", role_arn(WORKLOAD_ACCOUNT, ROLE), pod_credentials(aws)).session_token
    assert not root.state(ADDRESS)["service_account_annotations"]


@pytest.mark.parametrize("case", UPDATES)
def test_an_update_happens_in_place_there_and_back(workspace, aws, case):
    update = UPDATES[case]
    root = workspace(update.before)
    root.apply()

    for hcl in (update.after, update.before):
        root.write(hcl)
        assert root.plan().actions(ADDRESS) == ["update"]
        root.apply()
        root.assert_empty_plan()
    root.destroy()


INVALID = {
    "a name of 65 characters": Refusal(trust(f'name = "{"r" * 65}"'), ["role.name", "64"]),
    "broken JSON": Refusal(trust(f'name = "{ROLE}", inline_policies = {{ bucket = "{{" }}'), ["role.inline_policies", "bucket", "JSON"]),
    "no service account": Refusal(trust(service_accounts=""), ["service_accounts"]),
    "no source of issuers": Refusal(trust(clusters=""), ["cluster_name", "cluster_names", "issuer_urls"]),
    "two sources of issuers": Refusal(trust(clusters=f'cluster_name = "{CLUSTER}"\n  cluster_names = ["x"]'), ["cluster_name", "cluster_names"]),
    "an issuer without https": Refusal(trust(clusters='issuer_urls = ["oidc.example.com"]'), ["issuer_urls", "https://"]),
    "a wildcard in an issuer": Refusal(trust(clusters='issuer_urls = ["https://oidc.eks.ap-south-1.amazonaws.com/id/*"]'), ["issuer_urls", "wildcards"]),
    "a variable in an issuer": Refusal(trust(clusters='issuer_urls = ["https://oidc.example.com/$${aws:username}"]'), ["issuer_urls", "variables"]),
    "a variable in an audience": Refusal(trust(more='audiences = ["$${aws:username}"]'), ["audiences", "policy variables"]),
    "an audience of two lines": Refusal(trust(more='audiences = ["a\\nb"]'), ["audiences", "sts.amazonaws.com"]),
    "chained without a pod role": Refusal(trust(more='mode = "chained"'), ["pod_role", "chained"]),
    "a pod role without chaining": Refusal(trust(more='pod_role = { name = "p" }'), ["pod_role", "chained"]),
    "a namespace that can't be": Refusal(trust(service_accounts='{ namespace = "No_Such", name = "x" }'), ["service_accounts", "namespace"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_validate_refuses_invalid_arguments_without_calling_aws(workspace, aws, case):
    refusal = INVALID[case]
    aws.clear_calls()

    workspace(refusal.hcl).validate().must_fail(*refusal.words)

    assert aws.calls() == []


def test_many_trusts_share_one_new_provider_in_one_apply(workspace, aws):
    accounts = Accounts(aws)
    before = aws.dump()
    many = "".join(
        trust(f'name = "r{i}"', f'{{ namespace = "n", name = "s{i}" }}', name=f"t{i}", more=f'audiences = ["sts.amazonaws.com", "a{i % 2}"]')
        for i in range(8)
    )  # fmt: skip
    root = workspace(many)
    root.apply("-parallelism=8")
    root.assert_empty_plan()
    (arn,) = accounts.oidc_providers()
    assert sorted(accounts.oidc_provider(arn)["ClientIDList"]) == ["a0", "a1", "sts.amazonaws.com"]
    root.destroy("-parallelism=8")
    assert not traces(aws, before)
