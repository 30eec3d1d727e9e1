"""Where a person has to sign in first, or other credentials are used than was meant, the error says so: with the profile, the file and
the command. What each kind of profile is told is in tests/accounts; here it is said in plans of each resource and of the data sources."""

import json

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts
from cluster_peering import peering
from cross_account_access import STORY, access
from irsa_trust import trust
from network import Network
from profiles import profile
from workspaces import HEAD

SERIAL = f"arn:aws:iam::{CLUSTER_ACCOUNT}:mfa/operator"
EXPORT = "aws configure export-credentials --profile platform --format env"
SSO = f"""
[profile platform]
sso_session = corp
sso_account_id = {CLUSTER_ACCOUNT}
sso_role_name = Admin

[sso-session corp]
sso_region = ap-south-1
sso_start_url = https://corp.awsapps.com/start
"""
BLOCK = """provider "xeks" {
  cluster_account  = { profile = "platform", region = "ap-south-1" }
  workload_account = { profile = "workload", region = "ap-south-1" }
%s}
"""
READS = {
    "a cluster": f'data "xeks_cluster" "it" {{\n  name = "{CLUSTER}"\n}}\n',
    "a path": f'data "xeks_access_path" "it" {{\n  cluster_name = "{CLUSTER}"\n  principal_arn = "arn:aws:iam::{CLUSTER_ACCOUNT}:role/a"\n}}\n',
    "the policy of a runner": 'data "xeks_runner_policy" "it" {\n  data_sources = ["xeks_cluster"]\n}\n',
}  # fmt: skip


@pytest.fixture
def signed_in(workspace, aws):
    """`signed_in(hcl, config)`: the workload account's profile, the pipeline's user, and more in the config file."""

    def make(hcl: str, config: str, in_provider: str = ""):
        root = workspace(hcl, provider=HEAD + BLOCK % in_provider)
        pipeline = aws.accounts["cluster"].pipeline
        file = root.directory / "aws" / "config"
        file.write_text(
            profile(aws, "workload", aws.accounts["workload"].runner) + profile(aws, "user", pipeline) + config
        )
        root.environment["AWS_ENDPOINT_URL"] = aws.endpoint
        return root

    return make


def runner(aws, name: str = "platform", source: str = "user", more: str = "") -> str:
    account = aws.accounts["cluster"]
    return (
        f"[profile {name}]\nregion = ap-south-1\nrole_arn = {account.runner_role_arn}\nsource_profile = {source}\n"
        f"external_id = {account.external_id}\n{more}\n"
    )


def resources(aws) -> dict[str, str]:
    return {"access": access(), "trust": trust(), "peering": peering(Network(aws).workload_vpc)} | READS


KINDS = ["access", "trust", "peering", *READS]


@pytest.mark.parametrize("kind", KINDS)
def test_a_profile_with_a_device_names_it_and_the_commands(signed_in, aws, kind):
    root = signed_in(resources(aws)[kind], runner(aws, more=f"mfa_serial = {SERIAL}"))
    file = str(root.directory / "aws" / "config")
    root.try_plan().must_fail(
        'Profile "platform"', file, SERIAL, EXPORT, "credential_process", "aws-vault exec platform"
    )


def test_a_device_of_a_source_profile_names_both_profiles(signed_in, aws):
    config = runner(aws, "base", more=f"mfa_serial = {SERIAL}") + runner(aws, source="base")
    run = signed_in(access(), config).try_plan()
    run.must_fail('Profile "base"', 'profile "platform" uses', EXPORT)


def test_the_exported_session_is_what_the_provider_takes(signed_in, aws):
    """The first way that the error names: the session's keys in the environment, and no profile in the block."""
    root = signed_in(access(), runner(aws, more=f"mfa_serial = {SERIAL}"))
    without = BLOCK.replace('profile = "platform", ', "") % ""
    root.write(HEAD + without, "provider.tf")
    root.environment |= aws.accounts["cluster"].runner.environment() | {"AWS_PROFILE": "platform"}
    root.plan()


def test_a_process_that_hands_the_session_over_is_what_the_provider_takes(signed_in, aws):
    """The second way: another profile that has a process only."""
    session = aws.accounts["cluster"].runner
    keys = {
        "Version": 1,
        "AccessKeyId": session.access_key_id,
        "SecretAccessKey": session.secret_access_key,
        "SessionToken": session.session_token,
    }
    root = signed_in(access(), "")
    handed = root.directory / "session.json"
    handed.write_text(json.dumps(keys))
    with (root.directory / "aws" / "config").open("a") as config:
        config.write(runner(aws, more=f"mfa_serial = {SERIAL}"))
        config.write(f"[profile handed]\nregion = ap-south-1\ncredential_process = cat {handed}\n")
    root.write(HEAD + BLOCK.replace('"platform"', '"handed"') % "", "provider.tf")
    root.plan()


@pytest.mark.parametrize("kind", KINDS)
def test_a_session_of_single_sign_on_that_is_not_signed_in_names_profile_session_and_command(signed_in, aws, kind):
    root = signed_in(resources(aws)[kind], SSO)
    file = str(root.directory / "aws" / "config")
    words = ['"corp"', '"platform"', file, "aws sso login --profile platform", "aws sso login --sso-session corp"]
    root.try_plan().must_fail(*words)


def test_an_expired_session_is_said_too_and_a_read_keeps_the_state(signed_in, aws):
    root = signed_in(access(), runner(aws))
    root.apply()
    state = root.resources()
    home = root.directory / "home"
    # The name is the SHA-1 of the session's name, as `aws sso login` writes it.
    token = home / ".aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json"
    token.parent.mkdir(parents=True)
    token.write_text(json.dumps({"accessToken": "token", "expiresAt": "2020-01-01T00:00:00Z"}))
    root.environment["HOME"] = str(home)
    config = root.directory / "aws" / "config"
    config.write_text(config.read_text().replace("[profile platform]", "[profile former]") + SSO)

    for run in (root.try_plan(), root.try_apply(), root.try_destroy()):
        run.must_fail("expired", "aws sso login --profile platform")

    assert root.resources() == state
    assert Accounts(aws).role("cluster", "EKS-CrossAccount-Access-Role")


def test_a_role_that_a_profile_can_not_assume_is_told_in_the_words_of_sts(signed_in, aws):
    config = runner(aws).replace(f"external_id = {aws.accounts['cluster'].external_id}\n", "")
    run = signed_in(access(), config).try_plan()
    run.must_fail(
        "sts:AssumeRole", "AccessDenied", "is not authorized to perform: sts:AssumeRole", 'profile "platform"'
    )
    assert "unhandled error" not in run.text


def test_a_session_over_an_hour_after_a_profiles_role_names_cause_and_cure(signed_in, aws):
    role = aws.accounts["workload"].runner_role_arn
    root = signed_in(access(), runner(aws))
    hop = f'assume_role = [{{ role_arn = "{role}", duration = "2h" }}], '
    root.write(HEAD + BLOCK.replace('profile = "platform", ', f'profile = "platform", {hop}') % "", "provider.tf")
    root.try_plan().must_fail('duration = "2h"', "role chaining", "one hour", 'profile "platform"')


def test_a_session_over_an_hour_after_a_session_of_the_environment_names_cause_and_cure(signed_in, aws):
    role = aws.accounts["cluster"].runner_role_arn
    hop = f'cluster_account  = {{ assume_role = [{{ role_arn = "{role}", duration = "2h" }}], region = "ap-south-1" }}'
    session = aws.accounts["cluster"].runner
    statement = {"Effect": "Allow", "Principal": {"AWS": role}, "Action": "sts:AssumeRole"}
    trusted = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.client("cluster", "iam").update_assume_role_policy(RoleName="xeks-runner", PolicyDocument=trusted)
    root = signed_in(access(), "")
    root.write(
        HEAD + BLOCK.replace('cluster_account  = { profile = "platform", region = "ap-south-1" }', hop) % "",
        "provider.tf",
    )
    root.environment |= session.environment()
    root.try_plan().must_fail("1 hour session limit", "role chaining", 'duration = "1h"', "AWS_ACCESS_KEY_ID")


def test_keys_of_the_environment_that_come_before_a_profile_are_named_where_the_account_is_wrong(signed_in, aws):
    root = signed_in(access(), runner(aws))
    root.write(HEAD + BLOCK.replace('profile = "platform", ', "") % "", "provider.tf")
    root.environment |= aws.accounts["workload"].runner.environment() | {"AWS_PROFILE": "platform"}
    words = ["AWS_ACCESS_KEY_ID", 'profile "platform"', "take precedence", 'profile "workload" in ', WORKLOAD_ACCOUNT]
    root.try_plan().must_fail(*words)

    allowed = f'cluster_account  = {{ allowed_account_ids = ["{CLUSTER_ACCOUNT}"], '
    root.write(HEAD + BLOCK.replace('cluster_account  = { profile = "platform", ', allowed) % "", "provider.tf")
    root.try_plan().must_fail("allowed_account_ids", "take precedence", CLUSTER_ACCOUNT)


def test_keys_of_the_environment_that_come_before_a_profile_are_named_where_a_call_is_denied(signed_in, aws):
    root = signed_in(STORY, runner(aws))
    root.write(HEAD + BLOCK.replace('profile = "platform", ', "") % "", "provider.tf")
    root.environment |= aws.accounts["cluster"].pipeline.environment() | {"AWS_PROFILE": "platform"}
    run = root.try_apply().must_fail("AccessDenied", "take precedence", 'set profile = "platform" in cluster_account')
    assert "user/" in run.text


def test_a_profile_that_is_not_there_is_named_with_the_files(signed_in, aws):
    root = signed_in(access(), runner(aws, "platfrom"))
    files = [str(root.directory / "aws" / name) for name in ("config", "credentials")]
    root.try_plan().must_fail('Profile "platform" is not in', *files, "platfrom")
    root.write(HEAD + BLOCK.replace('profile = "platform", ', "") % "", "provider.tf")
    root.environment["AWS_PROFILE"] = "platform"
    root.try_plan().must_fail('AWS_PROFILE names profile "platform"', *files)


def test_without_credentials_the_names_of_what_was_tried_are_whole(signed_in, aws):
    root = signed_in(access(), "")
    root.write(HEAD + BLOCK.replace('profile = "platform", ', "") % "", "provider.tf")
    run = root.try_plan().must_fail(
        "WebIdentityToken: the credential provider was not enabled", str(root.directory / "aws" / "config")
    )
    assert "(secret)" not in run.text


@pytest.mark.parametrize("failures", [1, 2])
def test_keys_that_sts_can_not_get_for_a_moment_are_no_error_on_either_side(workspace, aws, tmp_path, failures):
    root = web_identity(workspace, aws, tmp_path)
    unverified = {
        "code": "InvalidIdentityToken",
        "message": "Couldn't retrieve verification key from your identity provider, please reference "
        "AssumeRoleWithWebIdentity documentation for requirements",
    }
    aws.faults.add("error", service="sts", action="AssumeRoleWithWebIdentity", **unverified, times=2 * failures)
    root.plan()


@pytest.mark.parametrize("message", ["Incorrect token audience", "The ID Token provided is not a valid JWT."])
def test_a_token_that_sts_does_not_take_is_an_error_at_once(workspace, aws, tmp_path, message):
    root = web_identity(workspace, aws, tmp_path)
    where = {"service": "sts", "action": "AssumeRoleWithWebIdentity"}
    aws.faults.add("error", **where, code="InvalidIdentityToken", message=message, times=99)
    aws.clear_calls()
    root.try_plan().must_fail("InvalidIdentityToken", message)
    asked = [call for call in aws.calls() if call["action"] == "AssumeRoleWithWebIdentity"]
    assert len(asked) <= 2, "once for each side"


def web_identity(workspace, aws, directory):
    """Both sides sign in with the token of a service account of the cluster."""
    block = HEAD + 'provider "xeks" {\n'
    for account in ("cluster", "workload"):
        iam = aws.client(account, "iam")
        issuer = Accounts(aws).issuer()
        url = iam.create_open_id_connect_provider(Url=issuer, ClientIDList=["sts.amazonaws.com"])
        statement = {
            "Effect": "Allow",
            "Principal": {"Federated": url["OpenIDConnectProviderArn"]},
            "Action": "sts:AssumeRoleWithWebIdentity",
        }
        trusted = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.update_assume_role_policy(RoleName="xeks-runner", PolicyDocument=trusted)
        token = directory / "token"
        token.write_text(aws.service_account_token(CLUSTER, "ci", "deploy"))
        role = aws.accounts[account].runner_role_arn
        block += (
            f'  {account}_account = {{ region = "ap-south-1", assume_role_with_web_identity = '
            f'{{ role_arn = "{role}", web_identity_token_file = "{token}" }} }}\n'
        )
    root = workspace(access(), provider=block + "}\n")
    root.environment["AWS_ENDPOINT_URL"] = aws.endpoint
    return root


def test_the_providers_own_list_of_accounts_holds_on_both_sides(signed_in, aws):
    def listed(*ids: str) -> str:
        return f"  allowed_account_ids = {json.dumps(ids)}\n"

    root = signed_in(access(), runner(aws), listed(CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT))
    root.plan()
    for allowed, refused, side in (
        (CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, "workload_account"),
        (WORKLOAD_ACCOUNT, CLUSTER_ACCOUNT, "cluster_account"),
    ):
        root.write(HEAD + BLOCK % listed(allowed), "provider.tf")
        root.try_plan().must_fail(
            f"Account {refused} is not allowed as {side}", f"of the provider contains only {allowed}"
        )
    root.write(HEAD + BLOCK % listed("1234"), "provider.tf")
    root.validate().must_fail("allowed_account_ids")
