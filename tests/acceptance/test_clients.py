"""The generated configuration works as it is: kubeconfig and aws_config on an instance, annotations and aws_config in a pod.

The AWS CLI runs it, with an instance's metadata service or a pod's token and nothing else.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts
from cross_account_access import ACCESS, ADDRESS, WORKLOAD, access
from harness import clean_environment
from instance import Instance, exec_of, run_aws
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, ROLE, trust

PROFILE = f'name = "{WORKLOAD}", instance_profile = true'
SESSION = f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/{ACCESS}/"
DIRECT_SESSION = f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{WORKLOAD}/"


@dataclass(frozen=True)
class SignedIn:
    """A configuration, and how the user name that the cluster sees begins."""

    hcl: str
    username: str


CASES = {
    "as in the story": SignedIn(access(workload_role=PROFILE), SESSION),
    "with an external id": SignedIn(access(f'name = "{ACCESS}", external_id = "team-x"', PROFILE), SESSION),
    "with the role in the command": SignedIn(
        access(workload_role=PROFILE, more='client = { auth = "role_arn" }'), SESSION
    ),
    "with a name for the session": SignedIn(
        access(workload_role=PROFILE, more='client = { session_name = "me" }'),
        f"{SESSION}me",
    ),
    "with a name for the profile": SignedIn(
        access(workload_role=PROFILE, more='client = { profile_name = "p" }'), SESSION
    ),
    "direct": SignedIn(access(None, PROFILE, more='mode = "direct"'), DIRECT_SESSION),
}


@pytest.mark.parametrize("case", CASES)
def test_an_instance_signs_in_to_the_cluster(workspace, aws, tmp_path, case):
    root = workspace(CASES[case].hcl)
    root.apply()
    state = root.state(ADDRESS)

    with Instance(aws.instance_credentials("workload", WORKLOAD), tmp_path / "instance", aws.endpoint) as instance:
        (instance.home / ".aws" / "config").write_text(state["aws_config"] or "")
        run = run_aws(exec_of(state["kubeconfig"]), instance.environment())

    assert run.returncode == 0, run.stderr
    seen = aws.review_token(CLUSTER, json.loads(run.stdout)["status"]["token"])
    assert seen["status"] == 200, seen
    assert seen["username"].startswith(CASES[case].username)


def test_the_kubeconfig_names_the_cluster_and_holds_no_secret(workspace, aws):
    root = workspace(access())
    root.apply()
    cluster = Accounts(aws).eks.describe_cluster(name=CLUSTER)["cluster"]

    kubeconfig = yaml.safe_load(root.state(ADDRESS)["kubeconfig"])
    (named,) = kubeconfig["clusters"]
    assert named["cluster"]["server"] == cluster["endpoint"]
    assert named["cluster"]["certificate-authority-data"] == cluster["certificateAuthority"]["data"]
    (user,) = kubeconfig["users"]
    assert set(user["user"]) == {"exec"}
    assert user["user"]["exec"]["interactiveMode"] == "Never"


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_reads_the_kubeconfig(workspace, tmp_path):
    root = workspace(access())
    root.apply()
    (tmp_path / "kubeconfig").write_text(root.state(ADDRESS)["kubeconfig"])

    command = ["kubectl", "--kubeconfig", tmp_path / "kubeconfig", "config", "view", "--minify", "-o", "name"]
    subprocess.run(command, check=True, capture_output=True, env=clean_environment(tmp_path, Path("/dev/null")))


def test_exec_equals_the_command_of_the_kubeconfig(workspace):
    root = workspace(access())
    root.apply()
    state = root.state(ADDRESS)
    in_kubeconfig = yaml.safe_load(state["kubeconfig"])["users"][0]["user"]["exec"]

    assert state["exec"]["command"] == in_kubeconfig["command"]
    assert state["exec"]["args"] == in_kubeconfig["args"]
    assert state["exec"]["api_version"] == in_kubeconfig["apiVersion"]


def test_a_chained_pod_reaches_the_role_with_the_generated_aws_config(workspace, aws, tmp_path):
    root = workspace(trust(more=CHAINED))
    root.apply()
    config = root.state(TRUST)["aws_config"]
    token_path = next(
        line.split("=", 1)[1].strip() for line in config.splitlines() if line.startswith("web_identity_token_file")
    )
    token = tmp_path / "token"
    token.write_text(aws.service_account_token(CLUSTER, "nodejs", "nodejs-sa"))
    (tmp_path / "config").write_text(config.replace(token_path, str(token)))

    environment = clean_environment(
        tmp_path, Path("/dev/null"), AWS_ENDPOINT_URL=aws.endpoint, AWS_CONFIG_FILE=str(tmp_path / "config")
    )
    run = run_aws(["aws", "--region", "ap-south-1", "sts", "get-caller-identity"], environment)

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["Arn"].startswith(f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{ROLE}/")
