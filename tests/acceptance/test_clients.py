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
from botocore.configloader import load_config
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
    "with a name that only IAM takes": SignedIn(
        access('name = "a+b=c,d.e@f_g-h"', PROFILE),
        f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/a+b=c,d.e@f_g-h/",
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


def test_files_of_several_connections_merge_without_a_collision(workspace, aws, tmp_path):
    """kubectl merges by name, and the first file that has a name wins; the AWS CLI reads one section for each profile."""
    accounts = Accounts(aws)
    accounts.make_cluster("green", "API")
    names = {"blue": (CLUSTER, "Blue"), "green": ("green", "Blue"), "ops": (CLUSTER, "Ops")}
    resources = [
        access(
            f'name = "{role}"' + (", existing = true" if name == "green" else ""), f'name = "{name}"', name=name
        ).replace(f'cluster_name = "{CLUSTER}"', f'cluster_name = "{cluster}"')
        for name, (cluster, role) in names.items()
    ]
    direct = access(None, 'name = "direct"', more='mode = "direct"', name="direct")
    root = workspace(resources[0] + resources[2] + direct)
    root.apply()
    root.write(resources[0] + resources[2] + direct + resources[1])
    root.apply()
    states = {name: root.state(f"xeks_cross_account_access.{name}") for name in [*names, "direct"]}

    merged = merge([yaml.safe_load(state["kubeconfig"]) for state in states.values()])
    assert set(merged["contexts"]) == {f"Blue@{CLUSTER}", "Blue@green", f"Ops@{CLUSTER}", f"direct@{CLUSTER}"}
    assert set(merged["users"]) == set(merged["contexts"])
    assert set(merged["clusters"]) == {state["cluster"]["arn"] for state in states.values()}
    for name, context in merged["contexts"].items():
        assert context["context"]["user"] == name
        assert context["context"]["cluster"].endswith(f"/{name.split('@')[1]}")
    configs = [state["aws_config"] for state in states.values() if state["aws_config"]]
    (tmp_path / "config").write_text("\n".join(configs))
    profiles = load_config(str(tmp_path / "config"))["profiles"]
    assert set(profiles) == {f"Blue@{CLUSTER}", "Blue@green", f"Ops@{CLUSTER}"}
    assert profiles[f"Ops@{CLUSTER}"]["role_arn"].endswith(":role/Ops")


def merge(files: list[dict]) -> dict[str, dict]:
    """As kubectl merges the files of KUBECONFIG ("Organizing Cluster Access Using kubeconfig Files"): entries by name, of
    which the first one wins. Two that differ under one name are the collision that is looked for."""
    merged = {"clusters": {}, "contexts": {}, "users": {}}
    for file in files:
        for kind, found in merged.items():
            for entry in file[kind]:
                assert found.setdefault(entry["name"], entry) == entry, entry["name"]
    return merged


def test_names_of_profile_context_and_user_can_be_chosen(workspace):
    client = 'client = { profile_name = "p", context_name = "blue prod", user_name = "me" }'
    root = workspace(access(more=client))
    root.apply()
    kubeconfig = yaml.safe_load(root.state(ADDRESS)["kubeconfig"])
    (context,), (user,), (cluster,) = kubeconfig["contexts"], kubeconfig["users"], kubeconfig["clusters"]
    assert kubeconfig["current-context"] == context["name"] == "blue prod"
    assert (context["context"]["user"], user["name"]) == ("me", "me")
    assert context["context"]["cluster"] == cluster["name"] == root.state(ADDRESS)["cluster"]["arn"]
    assert "[profile p]" in root.state(ADDRESS)["aws_config"]


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
