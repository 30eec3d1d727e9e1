"""`xeks_irsa_trust`, each mode and option: applied, really there, an empty plan, destroyed without a trace."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from irsa_trust import ADDRESS, BUCKETS, CHAINED, POD, POLICY, ROLE, assume, trust
from world import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, World, role_arn, traces

CASES = {
    "as in the story": trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}'),
    "several service accounts": trust(service_accounts='{ namespace = "a", name = "x" }, { namespace = "b", name = "y" }'),
    "a wildcard": trust(service_accounts='{ namespace = "team-*", name = "?pp" }'),
    "another audience": trust(more='audiences = ["sts.amazonaws.com", "vault"]'),
    "managed policies": trust(f'name = "{ROLE}", managed_policy_arns = ["{BUCKETS}"]'),
    "path and duration": trust(f'name = "{ROLE}", path = "/irsa/", description = "d", max_session_duration = 7200'),
    "a retained provider": trust(more='oidc_provider = { manage = "retain" }'),
    "thumbprints": trust(more='oidc_provider = { thumbprints = ["9e99a48a9960b14926bb7f3b02e22da2b0ab7280"] }'),
    "chained": trust(more=CHAINED),
    "tags": trust(f'name = "{ROLE}", tags = {{ side = "w" }}', more='tags = { team = "x" }'),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_case_applies_plans_empty_and_destroys_without_a_trace(workspace, aws, case):
    world = World(aws)
    before = aws.dump()
    root = workspace(CASES[case])

    root.apply()
    assert world.role("workload", ROLE)
    root.assert_empty_plan()

    root.destroy()
    for provider in world.oidc_providers() if case == "a retained provider" else []:
        world.iam("workload").delete_open_id_connect_provider(OpenIDConnectProviderArn=provider)
    assert not traces(aws, before)


def test_the_story_lets_in_one_service_account_and_no_other(workspace, aws):
    workspace(CASES["as in the story"]).apply()
    world = World(aws)
    issuer = world.issuer().removeprefix("https://")

    (statement,) = world.trust("workload", ROLE)["Statement"]
    assert statement["Principal"] == {"Federated": f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}"}
    assert statement["Action"] in ("sts:AssumeRoleWithWebIdentity", ["sts:AssumeRoleWithWebIdentity"])
    assert statement["Condition"]["StringEquals"] == {
        f"{issuer}:aud": "sts.amazonaws.com",
        f"{issuer}:sub": "system:serviceaccount:nodejs:nodejs-sa",
    }
    assert assume(aws, "nodejs", "nodejs-sa").startswith(f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{ROLE}/")
    assert assume(aws, "nodejs", "default") == "AccessDenied"


def test_two_trusts_share_one_new_oidc_provider_in_one_apply(workspace, aws):
    world = World(aws)
    before = aws.dump()
    both = trust() + trust('name = "other"', '{ namespace = "b", name = "y" }', name="other")
    root = workspace(both)

    root.apply()
    assert len(world.oidc_providers()) == 1
    root.assert_empty_plan()

    root.write(trust())
    root.apply()
    assert len(world.oidc_providers()) == 1, "the provider goes with its last user only"
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_an_oidc_provider_of_others_is_used_and_left(workspace, aws):
    world = World(aws)
    arn = world.make_oidc_provider("other")
    before = aws.dump()
    root = workspace(trust())

    root.apply()
    assert world.oidc_providers() == [arn]
    assert sorted(world.oidc_provider(arn)["ClientIDList"]) == ["other", "sts.amazonaws.com"]
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


@pytest.mark.parametrize("manage", ["shared", "existing"])
def test_what_two_trusts_rely_on_at_a_provider_of_others_goes_with_the_last_of_them(workspace, aws, manage):
    world = World(aws)
    arn = world.make_oidc_provider("other")
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
    assert world.oidc_providers() == [arn]
    assert sorted(world.oidc_provider(arn)["ClientIDList"]) == ["other", "sts.amazonaws.com"]
    second.assert_empty_plan()
    second.destroy()
    assert not traces(aws, before)


def test_a_provider_that_goes_while_a_trust_comes_to_rely_on_it_is_made_again(workspace, aws):
    """As when the last one that relied on it leaves at that very moment: its call is between our look and our own."""
    world = World(aws)
    arn = world.make_oidc_provider("other")
    root = workspace(trust())
    aws.faults.add("hold", account="workload", service="iam", action="TagOpenIDConnectProvider")

    def leave() -> None:
        assert aws.faults.hit(60)
        world.iam("workload").delete_open_id_connect_provider(OpenIDConnectProviderArn=arn)
        aws.faults.release()

    with ThreadPoolExecutor() as pool:
        left = pool.submit(leave)
        root.apply()
        left.result()
    assert world.oidc_provider(arn)["ClientIDList"] == ["sts.amazonaws.com"]
    root.assert_empty_plan()
    root.destroy()
    assert world.oidc_providers() == []


def test_a_provider_that_must_exist_is_an_error_of_the_plan_if_it_does_not(workspace, aws):
    before = aws.dump()
    workspace(trust(more='oidc_provider = { manage = "existing" }')).try_plan().must_fail(
        "iam_oidc_provider", World(aws).issuer().removeprefix("https://")
    )
    assert not traces(aws, before)


def test_one_role_serves_blue_and_green_clusters(workspace, aws):
    world = World(aws)
    world.make_cluster("green", "API")
    root = workspace(trust(clusters=f'cluster_names = ["{CLUSTER}", "green"]'))

    root.apply()
    root.assert_empty_plan()
    assert set(root.state(ADDRESS)["oidc_provider_arns"]) == {world.issuer(), world.issuer("green")}
    assert assume(aws, "nodejs", "nodejs-sa", "green").startswith("arn:aws:sts::")

    root.write(trust(clusters='cluster_names = ["green"]'))
    root.apply()
    root.assert_empty_plan()
    assert len(world.oidc_providers()) == 1
    assert assume(aws, "nodejs", "nodejs-sa") == "InvalidIdentityToken", "blue's provider is gone"
    root.destroy()


def test_an_issuer_needs_no_cluster(workspace, aws):
    issuer = "https://oidc.eks.ap-south-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
    root = workspace(trust(clusters=f'issuer_urls = ["{issuer}"]'))
    root.apply()
    root.assert_empty_plan()
    root.destroy()


def test_an_existing_role_gets_our_statement_and_loses_only_that(workspace, aws):
    world = World(aws)
    theirs = {
        "Sid": "Theirs",
        "Effect": "Allow",
        "Principal": {"Service": "ec2.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
    world.iam("workload").create_role(RoleName=ROLE, AssumeRolePolicyDocument=document)
    before = aws.dump()
    root = workspace(trust(f'name = "{ROLE}", existing = true'))

    root.apply()
    assert theirs in world.trust("workload", ROLE)["Statement"]
    assert assume(aws, "nodejs", "nodejs-sa").startswith("arn:aws:sts::")
    root.assert_empty_plan()

    root.destroy()
    assert not traces(aws, before)


def test_chained_pods_reach_the_role_through_the_pod_role_without_a_provider_there(workspace, aws):
    root = workspace(CASES["chained"])
    root.apply()
    world = World(aws)

    assert world.oidc_providers() == []
    pod = role_arn(CLUSTER_ACCOUNT, POD)
    token = aws.service_account_token(CLUSTER, "nodejs", "nodejs-sa")
    first = aws.client("cluster", "sts").assume_role_with_web_identity(
        RoleArn=pod, RoleSessionName="pod", WebIdentityToken=token
    )
    keys = first["Credentials"]
    credentials = type(aws.accounts["cluster"].root)(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
    assert aws.assume("cluster", role_arn(WORKLOAD_ACCOUNT, ROLE), credentials).session_token
    assert not root.state(ADDRESS)["service_account_annotations"]


UPDATES = {
    "a service account": (trust(), trust(service_accounts='{ namespace = "nodejs", name = "nodejs-sa" }, { namespace = "b", name = "y" }')),
    "a wildcard": (trust(), trust(service_accounts='{ namespace = "nodejs", name = "*" }')),
    "audience": (trust(), trust(more='audiences = ["vault"]')),
    "an inline policy": (trust(), trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}')),
    "managed policies": (trust(), trust(f'name = "{ROLE}", managed_policy_arns = ["{BUCKETS}"]')),
    "session duration": (trust(), trust(f'name = "{ROLE}", max_session_duration = 7200')),
    "tags": (trust(more='tags = { a = "1" }'), trust(more='tags = { b = "2" }')),
}  # fmt: skip


@pytest.mark.parametrize("case", UPDATES)
def test_an_update_happens_in_place_there_and_back(workspace, aws, case):
    one, other = UPDATES[case]
    root = workspace(one)
    root.apply()

    for hcl in (other, one):
        root.write(hcl)
        assert root.plan().actions(ADDRESS) == ["update"]
        root.apply()
        root.assert_empty_plan()
    root.destroy()


INVALID = {
    "a name of 65 characters": (trust(f'name = "{"r" * 65}"'), ["role.name", "64"]),
    "broken JSON": (trust(f'name = "{ROLE}", inline_policies = {{ bucket = "{{" }}'), ["role.inline_policies", "bucket", "JSON"]),
    "no service account": (trust(service_accounts=""), ["service_accounts"]),
    "no source of issuers": (trust(clusters=""), ["cluster_name", "cluster_names", "issuer_urls"]),
    "two sources of issuers": (trust(clusters=f'cluster_name = "{CLUSTER}"\n  cluster_names = ["x"]'), ["cluster_name", "cluster_names"]),
    "an issuer without https": (trust(clusters='issuer_urls = ["oidc.example.com"]'), ["issuer_urls", "https://"]),
    "chained without a pod role": (trust(more='mode = "chained"'), ["pod_role", "chained"]),
    "a pod role without chaining": (trust(more='pod_role = { name = "p" }'), ["pod_role", "chained"]),
    "a namespace that can't be": (trust(service_accounts='{ namespace = "No_Such", name = "x" }'), ["service_accounts", "namespace"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_validate_refuses_without_aws(workspace, aws, case):
    hcl, words = INVALID[case]
    aws.clear_calls()

    workspace(hcl).validate().must_fail(*words)

    assert aws.calls() == []


def test_many_trusts_share_one_new_provider_in_one_apply(workspace, aws):
    world = World(aws)
    before = aws.dump()
    many = "".join(
        trust(f'name = "r{i}"', f'{{ namespace = "n", name = "s{i}" }}', name=f"t{i}", more=f'audiences = ["sts.amazonaws.com", "a{i % 2}"]')
        for i in range(8)
    )  # fmt: skip
    root = workspace(many)
    root.apply("-parallelism=8")
    root.assert_empty_plan()
    (arn,) = world.oidc_providers()
    assert sorted(world.oidc_provider(arn)["ClientIDList"]) == ["a0", "a1", "sts.amazonaws.com"]
    root.destroy("-parallelism=8")
    assert not traces(aws, before)
