"""The server itself: caller identities, faults, the log, the dump, the reset, its start and end."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from aws_emulator.client import Aws
from botocore.exceptions import ClientError, ConnectionClosedError

TRUST = (
    '{"Version":"2012-10-17","Statement":'
    '{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}'
)


def test_the_server_is_up_within_two_seconds():
    """The project's own demand: a test may start an AWS of its own."""
    took = []
    for _ in range(3):  # the best of three: a build may be running beside the tests
        begun = time.monotonic()
        with Aws() as aws:
            took.append(time.monotonic() - begun)
            assert aws.endpoint.startswith("http://127.0.0.1:")
    assert min(took) < 2


def test_the_server_ends_with_the_process_that_started_it(tmp_path):
    """The project's own demand: a killed test run leaves no server behind."""
    ready = tmp_path / "ready.json"
    command = ["-m", "aws_emulator", "serve", "--ready-file", str(ready)]
    starter = f"import subprocess, sys, time; subprocess.Popen([sys.executable, *{command}]); time.sleep(60)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen([sys.executable, "-c", starter], env=environment)
    _until(ready.exists)
    pid = json.loads(ready.read_text())["pid"]
    parent.kill()
    parent.wait()
    _until(lambda: not _alive(pid))


def test_each_kind_of_credentials_has_its_own_caller_identity(aws):
    """STS API reference, GetCallerIdentity: a user's ARN is iam::…:user/, a role session's sts::…:assumed-role/."""
    workload = aws.accounts["workload"]
    arns = {
        creds: aws.client("workload", "sts", creds).get_caller_identity() for creds in ("root", "runner", "pipeline")
    }
    assert arns["root"]["Arn"] == f"arn:aws:iam::{workload.id}:root"
    assert arns["runner"]["Arn"] == f"arn:aws:sts::{workload.id}:assumed-role/xeks-runner/acceptance"
    assert arns["pipeline"]["Arn"] == f"arn:aws:iam::{workload.id}:user/xeks-pipeline"
    assert {answer["Account"] for answer in arns.values()} == {workload.id}


@pytest.mark.parametrize(
    "kind, service, code",
    [
        ("throttle", "iam", "Throttling"),
        ("throttle", "eks", "ThrottlingException"),
        ("throttle", "ec2", "RequestLimitExceeded"),
        ("500", "iam", "ServiceFailure"),
        ("500", "eks", "ServerException"),
        ("expired", "iam", "ExpiredToken"),
        ("expired", "eks", "ExpiredTokenException"),
        ("expired", "ec2", "RequestExpired"),
        ("deny", "iam", "AccessDenied"),
        ("deny", "eks", "AccessDeniedException"),
        ("deny", "ec2", "UnauthorizedOperation"),
    ],
)
def test_a_fault_answers_with_the_services_own_code(aws, kind, service, code):
    """Codes: botocore's retry rules, the services' models and their lists of common errors."""
    aws.faults.add(kind, service=service)
    client = aws.client("cluster", service)
    read = {"iam": "list_roles", "eks": "list_clusters", "ec2": "describe_vpcs"}[service]
    with pytest.raises(ClientError) as refused:
        getattr(client, read)()
    assert refused.value.response["Error"]["Code"] == code
    aws.faults.clear()
    getattr(client, read)()


def test_the_fault_error_answers_with_the_status_of_the_services_model(aws):
    """botocore's service models; what AWS answers for a moment and then no longer, such as the two that ask an OIDC
    issuer."""
    iam, sts = aws.client("workload", "iam"), aws.client("workload", "sts")
    calls = {
        ("iam", "CreateOpenIDConnectProvider", "OpenIdIdpCommunicationError", 400): lambda: (
            iam.create_open_id_connect_provider(Url="https://oidc.example.com/id/1")
        ),
        ("sts", "AssumeRoleWithWebIdentity", "InvalidIdentityToken", 400): lambda: sts.assume_role_with_web_identity(
            RoleArn="arn:aws:iam::185863138492:role/app", RoleSessionName="pod", WebIdentityToken="no.token"
        ),
        ("iam", "TagRole", "ConcurrentModification", 409): lambda: iam.tag_role(RoleName="xeks-runner", Tags=[]),
    }
    for (service, action, code, status), call in calls.items():
        aws.faults.add("error", service=service, action=action, code=code, message="for a moment", times=2)
        for _ in range(2):
            with pytest.raises(ClientError, match="for a moment") as raised:
                call()
            assert raised.value.response["Error"]["Code"] == code
            assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    iam.create_open_id_connect_provider(Url="https://oidc.example.com/id/1")
    iam.tag_role(RoleName="xeks-runner", Tags=[])


def test_an_expired_session_stays_expired_for_every_call_of_its_account(aws):
    """The project's own demand: credentials may end in the middle of a run."""
    aws.faults.add("expired", service="iam", action="ListRoles", account="workload", after=1)
    workload = aws.client("workload", "iam")
    workload.list_users()
    workload.list_roles()
    for call in (workload.list_roles, workload.list_users, aws.client("workload", "eks").list_clusters):
        with pytest.raises(ClientError) as refused:
            call()
        assert "Expired" in refused.value.response["Error"]["Code"]
    aws.client("cluster", "iam").list_roles()
    aws.faults.clear()
    workload.list_roles()


@pytest.mark.parametrize(
    "kind, drop, there_while_held, there_after",
    [
        ("hold", False, False, True),
        ("hold", True, False, False),
        ("hold_answer", False, True, True),
    ],
)
def test_a_call_can_be_held_before_or_after_its_effect(aws, kind, drop, there_while_held, there_after):
    """The project's own demand: a client may be killed at any call."""
    iam = aws.client("workload", "iam")
    aws.faults.add(kind, service="iam", action="CreateRole")

    def there() -> bool:
        return "held" in {role["RoleName"] for role in iam.list_roles()["Roles"]}

    def create() -> None:
        try:
            iam.create_role(RoleName="held", AssumeRolePolicyDocument=TRUST)
        except ConnectionClosedError:
            assert drop

    assert not aws.faults.hit(0)
    calling = threading.Thread(target=create)
    calling.start()
    assert aws.faults.hit(5)
    assert there() is there_while_held
    aws.faults.release(drop=drop)
    aws.quiet()
    assert there() is there_after
    calling.join()


def test_a_snapshot_is_restored_repeatedly_and_keeps_sessions(aws):
    """The project's own requirement: thousands of runs begin in the same state."""
    iam, runner = aws.client("workload", "iam"), aws.client("workload", "iam", "runner")
    iam.create_role(RoleName="kept", AssumeRolePolicyDocument=TRUST)
    before, number = aws.dump(), aws.snapshot()
    for _ in range(2):
        iam.delete_role(RoleName="kept")
        iam.create_role(RoleName="new", AssumeRolePolicyDocument=TRUST)
        aws.faults.add("throttle", service="iam", times=9)
        aws.restore(number)
        assert aws.dump() == before
        assert runner.get_role(RoleName="xeks-runner")
    begun = time.monotonic()
    for _ in range(10):
        aws.restore(number)
    assert time.monotonic() - begun < 1


def test_a_fault_hits_the_nth_call_of_its_account_only(aws):
    """The project's own demand: every call of a run can be made to fail in turn."""
    aws.faults.add("throttle", service="iam", action="ListRoles", account="workload", after=1, times=2)
    aws.client("cluster", "iam").list_roles()
    workload = aws.client("workload", "iam")
    outcomes = []
    for _ in range(4):
        try:
            workload.list_roles()
            outcomes.append("answered")
        except ClientError:
            outcomes.append("throttled")
    assert outcomes == ["answered", "throttled", "throttled", "answered"]


def test_a_reset_connection_has_no_effect_and_a_lost_answer_has(aws):
    """The project's own demand: an error before the effect and one after it are different things to a client."""
    iam = aws.client("workload", "iam")
    for kind, exists in (("reset", False), ("lost_answer", True)):
        aws.faults.add(kind, service="iam", action="CreateRole")
        with pytest.raises(ConnectionClosedError):
            iam.create_role(RoleName=kind, AssumeRolePolicyDocument=TRUST)
        assert (kind in {role["RoleName"] for role in iam.list_roles()["Roles"]}) is exists


def test_latency_delays_the_answer(aws):
    """The project's own demand: time-outs can be tested."""
    aws.faults.add("latency", service="iam", seconds=0.3)
    begun = time.monotonic()
    aws.client("workload", "iam").list_roles()
    assert time.monotonic() - begun >= 0.3


def test_a_call_that_is_held_back_does_not_reach_the_next_test(aws):
    """The project's own requirement: a client may be gone before its call takes effect, when another test uses the
    accounts."""
    aws.faults.add("latency", service="iam", action="CreateRole", seconds=0.4)
    iam = aws.client("workload", "iam")
    lost = []

    def create():
        with pytest.raises(ConnectionClosedError):
            iam.create_role(RoleName="late", AssumeRolePolicyDocument=TRUST)
        lost.append(True)

    calling = threading.Thread(target=create)
    calling.start()
    time.sleep(0.1)
    aws.reset()
    calling.join()
    assert lost
    assert "late" not in {role["RoleName"] for role in iam.list_roles()["Roles"]}


def test_the_log_names_caller_account_and_call(aws):
    """The project's own demand: a plan is proved to read only, a policy to be the least one."""
    with pytest.raises(ClientError):
        aws.client("workload", "iam", "runner").get_role(RoleName="absent")
    call = aws.calls()[-1]
    assert (call["service"], call["action"], call["error"]) == ("iam", "GetRole", "NoSuchEntity")
    assert call["principal"].endswith(":assumed-role/xeks-runner/acceptance")
    assert call["account"] == aws.accounts["workload"].id


def test_the_dump_shows_every_change_and_the_reset_undoes_it(aws):
    """The project's own demand: before and after a run can be compared as a whole."""
    iam = aws.client("workload", "iam")
    before = aws.dump()
    iam.list_roles()
    assert aws.dump() == before
    iam.create_role(RoleName="new", AssumeRolePolicyDocument=TRUST)
    assert aws.dump() != before
    aws.reset()
    assert aws.dump() == before


def test_a_model_constraint_is_refused_in_awss_words(aws):
    """IAM API reference, CreateRole: RoleName has at most 64 characters of [\\w+=,.@-]."""
    with pytest.raises(ClientError) as refused:
        aws.client("workload", "iam").create_role(RoleName="r" * 65, AssumeRolePolicyDocument=TRUST)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert (
        "at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64"
        in error["Message"]
    )


def _until(condition, seconds=5):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False
