"""What comes with the same apply: the cluster, roles and policies that a configuration creates beside what uses them."""

import json
import sys
from pathlib import Path

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, TRUSTS_EC2, WORKLOAD_ACCOUNT, Accounts, role_arn, traces
from cross_account_access import ACCESS, ADDRESS, WORKLOAD, access
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, ROLE, trust

GREEN = "green"
MAKE = """
import json, sys
import boto3

call = json.loads(open(sys.argv[1]).read())
client = boto3.client(call["service"], **call["client"])
for operation, arguments in call["calls"]:
    getattr(client, operation)(**arguments)
"""


def stand_in(aws, directory: Path, name: str, account: str, service: str, *calls, on: str = "create") -> str:
    """Another provider's resource that makes these calls in the same apply."""
    root = aws.accounts[account].root
    client = {
        "endpoint_url": aws.endpoint,
        "region_name": aws.region,
        "aws_access_key_id": root.access_key_id,
        "aws_secret_access_key": root.secret_access_key,
    }
    (directory / "make.py").write_text(MAKE)
    (directory / f"{name}.json").write_text(json.dumps({"service": service, "client": client, "calls": calls}))
    command = f"{sys.executable} {directory}/make.py {directory}/{name}.json"
    return f"""
resource "terraform_data" "{name}" {{
  provisioner "local-exec" {{
    command = "{command}"
  }}
}}
"""


def after(hcl: str, name: str) -> str:
    return hcl.rstrip()[:-1] + f"  depends_on = [terraform_data.{name}]\n}}\n"


def creates_cluster(accounts: Accounts, name: str = GREEN) -> tuple[str, dict]:
    like = accounts.eks.describe_cluster(name=CLUSTER)["cluster"]
    subnets = {"subnetIds": like["resourcesVpcConfig"]["subnetIds"]}
    mode = {"authenticationMode": "API"}
    arguments = {"name": name, "roleArn": like["roleArn"], "resourcesVpcConfig": subnets, "accessConfig": mode}
    return "create_cluster", arguments


def of_green(hcl: str) -> str:
    return hcl.replace(f'"{CLUSTER}"', f'"{GREEN}"')


STORIES = {
    "access": of_green(access()),
    "direct": of_green(access(None, more='mode = "direct"')),
    "federated": of_green(trust()),
    "two clusters": trust(clusters=f'cluster_names = ["{CLUSTER}", "{GREEN}"]'),
    "chained": of_green(trust(more=CHAINED)),
}


@pytest.mark.parametrize("story", STORIES)
def test_the_cluster_is_made_in_the_same_apply(workspace, aws, tmp_path, story):
    accounts = Accounts(aws)
    made = stand_in(aws, tmp_path, "cluster", "cluster", "eks", creates_cluster(accounts))
    root = workspace(made + after(STORIES[story], "cluster"))
    run = root.try_plan().must_work()
    assert [w for w in run.warnings if "does not exist" in w.summary and GREEN in w.detail], run.text
    root.apply()
    root.assert_empty_plan()
    root.destroy()


@pytest.mark.parametrize("story", STORIES)
def test_a_cluster_that_does_not_come_fails_the_apply_before_anything_is_made(workspace, aws, story):
    before = aws.dump()
    root = workspace(STORIES[story])
    assert [w for w in root.plan().warnings if GREEN in w.detail]
    root.try_apply().must_fail(GREEN, "does not exist")
    assert not traces(aws, before) and not root.resources()


@pytest.mark.parametrize("story", STORIES)
def test_a_cluster_that_is_made_after_the_plan_was_saved_is_used(workspace, aws, story):
    accounts = Accounts(aws)
    root = workspace(STORIES[story])
    root.plan()
    accounts.make_cluster(GREEN, "API")
    root.apply("tfplan")
    root.assert_empty_plan()


def test_documents_and_files_can_be_reviewed_before_the_first_apply(workspace, aws):
    accounts = Accounts(aws)
    issuer = accounts.issuer().removeprefix("https://")
    plan = workspace(access() + trust()).plan()
    after_access, after_trust = plan.changes[ADDRESS]["after"], plan.changes[TRUST]["after"]
    assert issuer in after_trust["objects"][f"workload/iam_role/{ROLE}"]["document"]
    assert f"workload/iam_oidc_provider/{issuer}" in after_trust["objects"]
    assert after_trust["issuers"] == [f"https://{issuer}"]
    cluster = accounts.eks.describe_cluster(name=CLUSTER)["cluster"]
    assert cluster["endpoint"] in after_access["kubeconfig"]
    assert cluster["certificateAuthority"]["data"] in after_access["kubeconfig"]
    assert "version" not in after_access["cluster"], "it may change before the apply"


EXISTING = {
    "workload role": ("workload", access(workload_role='name = "later", existing = true')),
    "access role": ("cluster", access('name = "later", existing = true')),
    "role of pods": ("workload", trust('name = "later", existing = true')),
    "pod role": ("cluster", trust(more='mode = "chained"\npod_role = { name = "later", existing = true }')),
    "principal": (
        "workload",
        access(f'name = "{ACCESS}", trusted_principal_arns = ["{role_arn(WORKLOAD_ACCOUNT, "later")}"]'),
    ),
    "principal of the cluster account": (
        "cluster",
        access(f'name = "{ACCESS}", trusted_principal_arns = ["{role_arn(CLUSTER_ACCOUNT, "later")}"]'),
    ),
}


@pytest.mark.parametrize("case", EXISTING)
def test_a_role_that_others_make_in_the_same_apply(workspace, aws, tmp_path, case):
    account, hcl = EXISTING[case]
    call = ("create_role", {"RoleName": "later", "AssumeRolePolicyDocument": json.dumps(TRUSTS_EC2)})
    made = stand_in(aws, tmp_path, "role", account, "iam", call)
    root = workspace(made + after(hcl, "role"))
    assert [w for w in root.plan().warnings if "later" in w.summary + w.detail]
    root.apply()
    root.assert_empty_plan()
    root.destroy()


@pytest.mark.parametrize("case", EXISTING)
def test_a_role_that_does_not_come_fails_the_apply_before_anything_is_made(workspace, aws, case):
    before = aws.dump()
    root = workspace(EXISTING[case][1])
    root.plan()
    root.try_apply().must_fail("later", "does not exist")
    assert not traces(aws, before) and not root.resources()


def policy_arn(account_id: str) -> str:
    return f"arn:aws:iam::{account_id}:policy/later"


POLICIES = {
    "attached": trust(f'name = "{ROLE}", managed_policy_arns = ["{policy_arn(WORKLOAD_ACCOUNT)}"]'),
    "boundary": access(workload_role=f'name = "{WORKLOAD}", permissions_boundary = "{policy_arn(WORKLOAD_ACCOUNT)}"'),
    "attached to a workload role": access(
        workload_role=f'name = "{WORKLOAD}", managed_policy_arns = ["{policy_arn(WORKLOAD_ACCOUNT)}"]'
    ),
}
ALLOW = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]})


@pytest.mark.parametrize("case", POLICIES)
def test_a_policy_that_others_make_in_the_same_apply(workspace, aws, tmp_path, case):
    call = ("create_policy", {"PolicyName": "later", "PolicyDocument": ALLOW})
    made = stand_in(aws, tmp_path, "policy", "workload", "iam", call)
    root = workspace(made + after(POLICIES[case], "policy"))
    assert [w for w in root.plan().warnings if "policy/later does not exist" in w.summary]
    root.apply()
    root.assert_empty_plan()
    root.destroy()


@pytest.mark.parametrize("case", POLICIES)
def test_a_policy_that_does_not_come_fails_the_apply_before_anything_is_made(workspace, aws, case):
    before = aws.dump()
    root = workspace(POLICIES[case])
    root.plan()
    root.try_apply().must_fail("policy/later does not exist", "Nothing was created")
    assert not traces(aws, before) and not root.resources()
