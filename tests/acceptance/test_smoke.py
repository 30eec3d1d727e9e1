"""`make smoke` against the emulated AWS: the program for two real accounts, which knows nothing of the emulator.

Its administrators have exactly the permissions of `tests/smoke/admin.json`.
"""

import argparse
import os
import signal
import subprocess
import sys
import time

import pytest
import smoke
from accounts import CLUSTER, traces, without_gone
from aws_emulator.client import Credentials
from botocore.exceptions import ClientError
from profiles import profile
from sides import free_block
from steps import OutOfTime, Step, Steps, described, masked, report
from stories import ROOT

pytestmark = pytest.mark.one_cli

SMOKE = ROOT / "tests" / "smoke"


@pytest.fixture
def start(cli, aws, request, tmp_path):
    """`start(*arguments)`: the program with profiles of both administrators, as a process."""
    text = "".join(profile(aws, f"{account}-admin", administrator(aws, account)) for account in ("cluster", "workload"))
    (tmp_path / "config").write_text(text)
    (tmp_path / "credentials").touch()
    files = {"AWS_CONFIG_FILE": "config", "AWS_SHARED_CREDENTIALS_FILE": "credentials"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {name: str(tmp_path / file) for name, file in files.items()}
    environment |= {"PYTHONPATH": str(ROOT / "tests" / "acceptance"), "AWS_EC2_METADATA_DISABLED": "true"}
    profiles = ["--cluster-profile", "cluster-admin", "--workload-profile", "workload-admin"]
    place = ["--region", aws.region, "--cluster", CLUSTER]
    binaries = ["--provider", request.config.getoption("--provider"), "--cli", cli.executable]
    command = [sys.executable, str(SMOKE / "smoke.py"), *binaries, *profiles, *place]

    def run(*arguments: str) -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen([*command, *arguments], env=environment, **pipes)

    return run


def administrator(aws, account: str) -> Credentials:
    iam, user = aws.client(account, "iam"), {"UserName": "admin"}
    iam.create_user(**user)
    iam.put_user_policy(**user, PolicyName="smoke", PolicyDocument=(SMOKE / "admin.json").read_text())
    key = iam.create_access_key(**user)["AccessKey"]
    return Credentials(key["AccessKeyId"], key["SecretAccessKey"])


def test_all_scenes_work_and_leave_nothing(start, aws, tmp_path):
    before = without_gone(aws.dump())

    process = start("--report", str(tmp_path / "report.md"))
    output = process.communicate()[0]

    written = (tmp_path / "report.md").read_text()
    assert process.returncode == 0, f"{output}\n{written}"
    assert "steps worked" in written.splitlines()[0]
    assert "Nothing is left" in written
    assert [account.id for account in aws.accounts.values() if account.id in written] == []
    assert traces(aws, before) == set()


def test_an_interrupted_run_cleans_up(start, aws):
    before = without_gone(aws.dump())
    process = start("--only", "access", "peering")
    wait_for(aws, "workload", "CreateRole", 2)

    process.send_signal(signal.SIGINT)
    output = process.communicate()[0]

    assert process.returncode == 1, output
    assert "Stopped: KeyboardInterrupt" in output
    assert traces(aws, before) == set()


def test_a_run_whose_time_is_over_cleans_up(start, aws):
    before = without_gone(aws.dump())
    process = start("--budget", "0.02")
    output = process.communicate()[0]

    assert process.returncode == 1, output
    assert "the budget is used up" in output or "timed out" in output
    assert traces(aws, before) == set()


def test_what_a_killed_run_left_is_removed_by_its_prefix(start, aws):
    before = without_gone(aws.dump())
    process = start("--prefix", "xeks-smoke-killed", "--only", "access", "peering")
    wait_for(aws, "workload", "CreateVpcPeeringConnection", 1)
    process.kill()
    process.communicate()
    time.sleep(1)
    assert traces(aws, before) != set()

    output = start("--cleanup", "--prefix", "xeks-smoke-other").communicate()[0]
    assert "removing" not in output
    process = start("--cleanup", "--prefix", "xeks-smoke-killed")
    output = process.communicate()[0]

    assert process.returncode == 0, output
    assert "removing role xeks-smoke-killed-hub in the cluster account" in output
    assert traces(aws, before) == set()


def test_a_report_has_each_step_and_what_failed():
    steps = [Step("apply", 12.34), Step("destroy", 1.0, "iam:DeleteRole in 123456789012: AccessDenied")]

    assert report({"xeks": "1.2.3"}, steps, ["role r in the cluster account"], {"123456789012": "CLUSTER_ACCOUNT"}) == (
        "## xeks smoke test: 1 of 2 steps failed\n\n- xeks: 1.2.3\n\n"
        "| Step | Seconds | |\n|---|---:|---|\n| apply | 12.3 | ok |\n| destroy | 1.0 | **failed** |\n\n"
        "### destroy\n\n```text\niam:DeleteRole in CLUSTER_ACCOUNT: AccessDenied\n```\n\n"
        "**Left in the accounts:**\n\n- role r in the cluster account\n"
    )


def test_a_report_identifies_no_account():
    issuer = "oidc.eks.eu-west-1.amazonaws.com/id/1D61F26BAF11C693CC313F8C68F19333"
    text = f"arn:aws:iam::123456789012:role/r of 210987654321 with ASIAABCDEFGHIJKLMNOP, {issuer}, s3cret"

    assert masked(text, {"s3cret": "EXTERNAL_ID"}) == (
        "arn:aws:iam::ACCOUNT:role/r of ACCOUNT with ACCESS_KEY, oidc.eks.eu-west-1.amazonaws.com/id/ISSUER, EXTERNAL_ID"
    )


def test_an_error_of_aws_has_the_id_of_its_request():
    answer = {"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {"RequestId": "r-1"}}

    assert described(ClientError(answer, "GetRole")).endswith("GetRole operation: no (request id r-1)")
    assert described(AssertionError("left: role r")) == "left: role r"


def test_no_step_begins_when_the_time_is_over_but_the_clean_up():
    steps = Steps(deadline=time.monotonic() - 1)

    with pytest.raises(OutOfTime), steps.step("apply"):
        raise AssertionError("it began")
    with steps.step("clean up", in_time=False):
        pass
    assert [step.title for step in steps.made] == ["clean up"]


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], "10.255.255.0/24"),
        (["10.255.255.128/25", "10.20.0.0/16"], "10.255.254.0/24"),
        (["10.0.0.0/8"], "172.31.255.0/24"),
        (["10.0.0.0/8", "172.16.0.0/12", "192.168.255.1/32"], "192.168.254.0/24"),
    ],
)
def test_the_vpc_gets_a_block_that_overlaps_none(taken, free):
    assert free_block(taken) == free


def test_there_may_be_no_free_block():
    with pytest.raises(ValueError, match="no private block"):
        free_block(["0.0.0.0/1", "128.0.0.0/1"])


def test_a_prefix_tells_the_objects_of_runs_from_all_others():
    assert smoke.prefix("xeks-smoke-me-1") == "xeks-smoke-me-1"
    for text in ("", "xeks-smoke-", "xeks-smoke-a-", "production", "xeks-smoke-" + "a" * 30):
        with pytest.raises(argparse.ArgumentTypeError):
            smoke.prefix(text)


def wait_for(aws, account: str, action: str, times: int) -> None:
    deadline = time.monotonic() + 120
    number = aws.accounts[account].id
    while sum(call["action"] == action and call["account"] == number for call in aws.calls()) < times:
        assert time.monotonic() < deadline, f"no {action} in {account}"
        time.sleep(0.1)
