"""Every answer is one that AWS's models allow, and a run with another fails. The project's own demand; the models are
botocore's."""

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aws_emulator import client
from aws_emulator.client import Aws, WrongAnswers
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from permitted import allow, limited_to
from refusals import refused

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def wrong_server(tmp_path_factory):
    """An emulator that answers a few calls wrongly (`wrong_server.py`)."""
    ready = tmp_path_factory.mktemp("wrong") / "ready.json"
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    process = subprocess.Popen([sys.executable, str(HERE / "wrong_server.py"), str(ready)], env=environment)
    deadline = time.monotonic() + 30
    while not ready.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    yield Aws.attach(ready)
    process.terminate()
    process.wait()


@pytest.fixture
def wrong(wrong_server):
    wrong_server.admin("violations/take")
    return wrong_server


def get_group(aws, name):
    with contextlib.suppress(ClientError, ResponseParserError, ValueError):
        aws.client("workload", "iam").get_group(GroupName=name)


@pytest.mark.parametrize(
    "name, what",
    [
        ("member", "Group.Nickname is no member"),
        ("type", "IsTruncated is 'perhaps': type boolean"),
        ("date", "Group.CreateDate is 'yesterday': type timestamp"),
        ("pattern", r"Group.GroupId is 'no id at all, is it': pattern [\w]+"),
        ("missing", "Group.Arn is None: missing"),
        ("operation", "{https://iam.amazonaws.com/doc/2010-05-08/}GetGroupsResponse is no member"),
        ("broken", "the body can't be read: mismatched tag"),
        ("code", "NoSuchGroup is no error of GetGroup"),
        ("status", "NoSuchEntity has status 400, not 404"),
        ("silent", "NoSuchEntity has no message"),
        ("crash", "EmulatorFault is no error of GetGroup"),
    ],
)
def test_a_wrong_answer_is_remembered_with_what_is_wrong(wrong, name, what):
    get_group(wrong, name)
    (found,) = wrong.violations()
    assert (found["service"], found["action"]) == ("iam", "GetGroup")
    assert found["what"][0].startswith(what)


def test_every_protocol_is_checked(wrong):
    wrong.client("workload", "ec2").describe_internet_gateways()
    wrong.client("cluster", "eks").list_fargate_profiles(clusterName="c")
    ec2, eks = wrong.violations()
    (state,) = ec2["what"]
    assert state.startswith("InternetGateways.1.Attachments.1.State is 'tied': enum ['attaching', 'attached'")
    assert eks["what"] == ["next is no member", "fargateProfileNames is 'none': type list"]


def test_a_right_answer_is_counted_and_not_remembered(wrong):
    before = wrong.validated()
    get_group(wrong, "right")
    assert wrong.violations() == []
    assert wrong.validated() == before | {"requests": before["requests"] + 1, "answers": before["answers"] + 1}


def test_the_log_of_calls_is_not_changed_by_it(wrong):
    wrong.clear_calls()
    get_group(wrong, "member")
    (call,) = wrong.calls()
    assert (call["action"], call["status"], call["error"]) == ("GetGroup", 200, None)


@pytest.mark.parametrize("begin", [Aws.reset, lambda aws: aws.restore(aws.snapshot())], ids=["reset", "restore"])
def test_a_reset_fails_after_a_wrong_answer_and_the_next_one_does_not(wrong, begin):
    get_group(wrong, "member")
    with pytest.raises(RuntimeError, match="Nickname is no member"):
        begin(wrong)
    begin(wrong)


def test_a_check_fails_after_a_wrong_answer(wrong, monkeypatch):
    """The fixture that all tests have checks every emulator that this process started."""
    monkeypatch.setattr(client, "_running", [wrong])
    client.check_all()
    get_group(wrong, "member")
    with pytest.raises(WrongAnswers, match="Nickname is no member"):
        client.check_all()
    client.check_all()


def test_the_end_of_an_emulator_fails_after_a_wrong_answer(wrong, monkeypatch):
    monkeypatch.setattr(client, "_running", [wrong])
    monkeypatch.setattr(client, "_validated", client.Counter())
    get_group(wrong, "member")
    with pytest.raises(WrongAnswers, match="Nickname is no member"):
        wrong.__exit__()
    assert client.validated() == wrong.validated()


def test_an_error_that_a_test_invents_is_not_checked(aws):
    aws.faults.add("error", service="iam", code="TooManyCooks", message="in the kitchen")
    with refused("TooManyCooks"):
        aws.client("workload", "iam").list_roles()
    assert aws.violations() == []


@pytest.mark.parametrize("kind", ["throttle", "500", "503", "deny", "error", "echo", "expired"])
@pytest.mark.parametrize(
    "service, read",
    [
        ("iam", "list_roles"),
        ("sts", "get_caller_identity"),
        ("eks", "list_clusters"),
        ("eks", "list_access_policies"),
        ("ec2", "describe_vpcs"),
    ],
)
def test_every_fault_without_a_code_has_one_of_the_services_own(aws, kind, service, read):
    aws.faults.add(kind, service=service)
    with pytest.raises(ClientError):
        getattr(aws.client("cluster", service), read)()
    assert aws.violations() == []


def test_a_permission_that_the_reference_does_not_have_is_a_fault_of_the_emulator(wrong):
    """Service Authorization Reference, IAM: CreateSAMLProvider takes a saml-provider; the emulator has none."""
    iam = limited_to(wrong, "iam")(allow("iam:*"))
    with refused("EmulatorFault", status=501):
        iam.create_saml_provider(Name="a", SAMLMetadataDocument="a" * 1000)
    (found,) = wrong.violations()
    assert found["what"] == ["EmulatorFault is no error of CreateSAMLProvider"]


def test_a_run_ends_with_the_sum_over_its_workers():
    """pytest-xdist: each worker has an emulator of its own."""
    chosen = [f"{HERE / 'test_permissions.py'}", f"{HERE / 'test_iam_oidc.py'}", "-k", "boundary or url"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadfile", *chosen]
    output = subprocess.run(command, capture_output=True, text=True).stdout
    line = re.search(r"([\d,]+) requests and ([\d,]+) answers validated against AWS's models, 0 wrong", output)
    assert line and int(line[1].replace(",", "")) > 10, output
