"""What pods of a chained trust may pass with AssumeRole: session tags, a source identity, an external ID. And what they may not."""

import json
from pathlib import Path

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, role_arn, traces
from botocore.exceptions import ClientError
from configurations import Refusal
from harness import clean_environment
from instance import run_aws
from irsa_trust import ADDRESS, CHAINED, POD, POLICY, ROLE, pod_credentials, trust

TARGET = role_arn(WORKLOAD_ACCOUNT, ROLE)
TAGS = {"Tags": [{"Key": "team", "Value": "x"}], "TransitiveTagKeys": ["team"]}
SOURCE = {"SourceIdentity": "nodejs"}
ID = {"ExternalId": "team-x"}
EVERYTHING = 'external_id = "team-x"\nsession_tags = true\nsource_identity = true'

#: Options, what pods may pass with them, and what they may not.
OPTIONS = {
    "none": ("", [{}], [TAGS, SOURCE]),
    "session tags": ("session_tags = true", [{}, TAGS], [SOURCE, TAGS | SOURCE]),
    "source identity": ("source_identity = true", [{}, SOURCE], [TAGS, TAGS | SOURCE]),
    "external id": ('external_id = "team-x"', [ID], [{}, {"ExternalId": "other"}, ID | TAGS, ID | SOURCE]),
    "all": (EVERYTHING, [ID, ID | TAGS, ID | SOURCE, ID | TAGS | SOURCE], [{}, TAGS, {"ExternalId": "other"} | TAGS]),
    "turned off": ("session_tags = false\nsource_identity = false", [{}], [TAGS, SOURCE]),
}  # fmt: skip


def passes(aws, allowed: list[dict], refused: list[dict], credentials=None) -> None:
    pod = credentials or pod_credentials(aws)
    for parameters in allowed:
        assert aws.assume("workload", TARGET, pod, **parameters).session_token, parameters
    for parameters in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            aws.assume("workload", TARGET, pod, **parameters)


@pytest.mark.parametrize("option", OPTIONS)
def test_pods_pass_what_the_options_allow_and_nothing_else(workspace, aws, option):
    text, allowed, refused = OPTIONS[option]
    before = aws.dump()
    root = workspace(trust(more=f"{CHAINED}\n{text}"))
    root.apply()
    root.assert_empty_plan()
    passes(aws, allowed, refused)
    root.destroy()
    assert not traces(aws, before)


def test_options_change_in_place_and_back(workspace, aws):
    root = workspace(trust(more=CHAINED))
    root.apply()
    for option in ("all", "session tags", "external id", "none"):
        text, allowed, refused = OPTIONS[option]
        root.write(trust(more=f"{CHAINED}\n{text}"))
        assert root.plan().actions(ADDRESS) == ["update"]
        root.apply()
        root.assert_empty_plan()
        passes(aws, allowed, refused)


def test_existing_roles_on_both_sides_get_and_lose_what_it_takes(workspace, aws):
    accounts = Accounts(aws)
    theirs = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [theirs]})
    for account, name in (("cluster", POD), ("workload", ROLE)):
        accounts.iam(account).create_role(RoleName=name, AssumeRolePolicyDocument=document)
    before = aws.dump()
    roles = f'mode = "chained"\npod_role = {{ name = "{POD}", existing = true }}'
    root = workspace(trust(f'name = "{ROLE}", existing = true', more=f"{roles}\n{EVERYTHING}"))
    root.apply()
    root.assert_empty_plan()
    _, allowed, refused = OPTIONS["all"]
    passes(aws, allowed, refused)
    root.destroy()
    assert not traces(aws, before)


def test_tags_and_source_identity_of_the_pods_own_session_go_on(workspace, aws):
    """As with EKS Pod Identity, whose session tags are transitive: each role of a chain must allow what the session before it has."""
    accounts = Accounts(aws)
    caller = role_arn(CLUSTER_ACCOUNT, "caller")
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]

    def role(name: str, principal: dict, **allow: str) -> None:
        trusting = {"Effect": "Allow", "Principal": principal, "Action": actions}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trusting]})
        accounts.iam("cluster").create_role(RoleName=name, AssumeRolePolicyDocument=document)
        for policy, resource in allow.items():
            may = {"Effect": "Allow", "Action": actions, "Resource": resource}
            document = json.dumps({"Version": "2012-10-17", "Statement": [may]})
            accounts.iam("cluster").put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)

    role("caller", {"Service": "ec2.amazonaws.com"}, pod=role_arn(CLUSTER_ACCOUNT, POD))
    accounts.iam("cluster").create_instance_profile(InstanceProfileName="caller")
    accounts.iam("cluster").add_role_to_instance_profile(InstanceProfileName="caller", RoleName="caller")
    role(POD, {"AWS": caller})
    roles = f'mode = "chained"\npod_role = {{ name = "{POD}", existing = true }}'
    root = workspace(trust(more=roles))
    root.apply()
    session = aws.instance_credentials("cluster", "caller")
    tagged = aws.assume("cluster", role_arn(CLUSTER_ACCOUNT, POD), session, **TAGS)
    named = aws.assume("cluster", role_arn(CLUSTER_ACCOUNT, POD), session, **SOURCE)
    for pod in (tagged, named):
        passes(aws, [], [{}], pod)

    root.write(trust(more=f"{roles}\nsession_tags = true\nsource_identity = true"))
    root.apply()
    for pod in (tagged, named):
        passes(aws, [{}], [], pod)


@pytest.mark.parametrize("option", ["all", "external id", "session tags"])
def test_an_import_finds_the_options(workspace, aws, option):
    root = workspace(trust(more=f"{CHAINED}\n{OPTIONS[option][0]}"))
    root.apply()
    id = root.state(ADDRESS)["id"]
    root.forget(ADDRESS)
    root.import_(ADDRESS, id).must_work()
    root.assert_empty_plan()


def test_what_others_take_out_of_either_side_is_drift(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(trust(more=f"{CHAINED}\n{EVERYTHING}"))
    root.apply()
    for account, name in (("workload", ROLE), ("cluster", POD)):
        own = accounts.own_policy("cluster", POD, f"xeks-assume-{ROLE}")
        document = (
            accounts.trust("workload", ROLE) if account == "workload" else accounts.inline_policy("cluster", POD, own)
        )
        for statement in document["Statement"]:
            statement["Action"] = "sts:AssumeRole"
        text = json.dumps(document)
        if account == "workload":
            accounts.iam(account).update_assume_role_policy(RoleName=name, PolicyDocument=text)
        else:
            accounts.iam(account).put_role_policy(RoleName=name, PolicyName=own, PolicyDocument=text)
        assert root.plan().actions(ADDRESS) == ["update"]
        root.apply()
        root.assert_empty_plan()
        passes(aws, OPTIONS["all"][1], OPTIONS["all"][2])


@pytest.mark.one_cli
def test_the_generated_profile_passes_the_external_id(workspace, aws, tmp_path):
    root = workspace(trust(more=f'{CHAINED}\nexternal_id = "team-x"'))
    root.apply()
    token = tmp_path / "token"
    token.write_text(aws.service_account_token(CLUSTER, "nodejs", "nodejs-sa"))
    config = root.state(ADDRESS)["aws_config"].replace("/var/run/secrets/xeks/serviceaccount/token", str(token))

    def caller(text: str):
        (tmp_path / "config").write_text(text)
        more = {"AWS_ENDPOINT_URL": aws.endpoint, "AWS_CONFIG_FILE": str(tmp_path / "config")}
        return run_aws(["aws", "sts", "get-caller-identity"], clean_environment(tmp_path, Path("/dev/null"), **more))

    assert json.loads(caller(config).stdout)["Arn"].startswith(f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{ROLE}/")
    assert "AccessDenied" in caller(config.replace("external_id", "#")).stderr


INVALID = {
    "an external id in mode federated": Refusal(trust(more='external_id = "team-x"'), ["external_id", "chained"]),
    "session tags in mode federated": Refusal(trust(more="session_tags = true"), ["session_tags", "chained"]),
    "a source identity in mode federated": Refusal(trust(more="source_identity = true"), ["source_identity", "chained"]),
    "an external id of one character": Refusal(trust(more=f'{CHAINED}\nexternal_id = "x"'), ["external_id", "2 to 1224"]),
    "an external id of two lines": Refusal(trust(more=f'{CHAINED}\nexternal_id = "a\\nb"'), ["external_id"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_validate_refuses_what_can_not_be_passed(workspace, aws, case):
    refusal = INVALID[case]
    aws.clear_calls()
    workspace(refusal.hcl).validate().must_fail(*refusal.words)
    assert aws.calls() == []


def test_options_that_are_known_after_apply_only_are_planned_as_unknown(workspace, aws):
    unknown = 'resource "terraform_data" "on" { input = true }\n'
    option = "session_tags = terraform_data.on.output"
    root = workspace(unknown + trust(more=f"{CHAINED}\n{option}"))
    root.apply()
    root.assert_empty_plan()
    passes(aws, [{}, TAGS], [SOURCE])


def test_the_path_of_a_chain_with_an_external_id_is_whole_with_it_and_broken_without(workspace, aws):
    path = """
data "xeks_irsa_path" "app" {
  cluster_name    = "%s"
  namespace       = "nodejs"
  service_account = "nodejs-sa"
  pod_role_arn    = xeks_irsa_trust.app.pod_role_arn
  role_arn        = xeks_irsa_trust.app.role_arn
  %s
  depends_on      = [xeks_irsa_trust.app]
}
output "allowed" { value = data.xeks_irsa_path.app.allowed }
"""
    chain = trust(f'name = "{ROLE}", inline_policies = {{ bucket = {POLICY} }}', more=f"{CHAINED}\n{EVERYTHING}")
    root = workspace(chain + path % (CLUSTER, 'external_id = "team-x"'))
    root.apply()
    assert root.output("allowed")
    root.write(chain + path % (CLUSTER, ""))
    root.apply()
    assert not root.output("allowed")
