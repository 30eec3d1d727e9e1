"""One service account with several trusts: profiles that go into one file, and Kubernetes objects that go into one namespace."""

import configparser
import json
from pathlib import Path

import pytest
import yaml
from accounts import CLUSTER, WORKLOAD_ACCOUNT
from configurations import Refusal
from harness import Workspace, clean_environment
from instance import run_aws
from irsa_trust import ADDRESS, CHAINED, trust
from pod import Pod, find, spec_of
from profiles import teams, write_profiles

PROVIDER = """
terraform {
  required_providers { xeks = { source = "xeks/xeks" } }
}
provider "xeks" {
  cluster_account   = { profile = "platform", region = "ap-south-1" }
  workload_account  = { profile = "workload", region = "ap-south-1" }
  workload_accounts = {
    payments = { profile = "payments", region = "ap-south-1" }
    search   = { profile = "search", region = "ap-south-1" }
  }
}
"""
KEYS = ("payments", "search")
TOKENS = (
    "/var/run/secrets/xeks/serviceaccount/token",
    "/var/run/secrets/eks.amazonaws.com/serviceaccount/token",
)


def of_each(role: str, client: str, mode: str) -> str:
    """A trust of one service account for each account."""
    more = 'mode = "chained"\n  pod_role = { name = "velero-${each.key}-pod" }' if mode == "chained" else ""
    return f"""
resource "xeks_irsa_trust" "velero" {{
  for_each         = toset({json.dumps(KEYS)})
  workload_account = each.key
  cluster_name     = "{CLUSTER}"
  service_accounts = [{{ namespace = "velero", name = "velero" }}]
  role             = {{ name = "{role}" }}
  client           = {{ {client} }}
  {more}
}}
"""


#: Role, client and mode.
CASES = {
    "chained, names by role": ("velero-${each.key}", "profile_name = each.key", "chained"),
    "chained, one role name in both accounts": (
        "velero",
        'profile_name = each.key, object_name = "velero-${each.key}"',
        "chained",
    ),
    "federated, names by role": ("velero-${each.key}", "profile_name = each.key", "federated"),
    "federated, role names in upper case": ("Velero_${each.key}", "profile_name = each.key", "federated"),
    "chained, one of them the default": (
        "velero-${each.key}",
        'profile_name = each.key == "payments" ? "default" : each.key',
        "chained",
    ),
}


@pytest.fixture
def accounts_of_teams(cli, aws, tmp_path) -> Workspace:
    root = cli.workspace(tmp_path / "root", **write_profiles(aws, tmp_path / "aws", **teams(aws)))
    return root.write(PROVIDER, "provider.tf")


def profiles(text: str) -> dict[str, dict[str, str]]:
    """As Python's parser reads a file, which refuses the same section twice."""
    parser = configparser.ConfigParser(strict=True)
    parser.read_string(text)
    return {name.removeprefix("profile "): dict(parser[name]) for name in parser.sections()}


def objects(manifests: str) -> dict[tuple, dict]:
    """What kubectl apply makes of them: the last of each kind and name."""
    documents = list(yaml.safe_load_all(manifests))
    return {(d["kind"], d["metadata"]["namespace"], d["metadata"]["name"]): d for d in documents}


@pytest.mark.parametrize("case", CASES)
def test_one_service_account_reaches_two_accounts(accounts_of_teams, aws, tmp_path, case):
    role, client, mode = CASES[case]
    root = accounts_of_teams.write(of_each(role, client, mode))
    root.init()
    root.apply()
    root.assert_empty_plan()
    states = {key: root.state(f'xeks_irsa_trust.velero["{key}"]') for key in KEYS}

    config = "\n".join(state["aws_config"] for state in states.values())
    merged = profiles(config)
    assert len(merged) == (4 if mode == "chained" else 2)
    assert all("duration_seconds" not in profile for profile in merged.values()), "chained sessions end after an hour"

    # kubectl apply of both keeps both: of what they share, only the service account.
    both = [objects(state["service_account_manifests"]) for state in states.values()]
    shared = set(both[0]) & set(both[1])
    assert shared == {("ServiceAccount", "velero", "velero")}
    kinds = sorted(kind for kind, *_ in both[0])
    assert kinds == (
        ["ConfigMap", "PodTemplate", "ServiceAccount"] if mode == "chained" else ["ConfigMap", "ServiceAccount"]
    )
    for mine, state in zip(both, states.values(), strict=True):
        (map_,) = (document for (kind, *_), document in mine.items() if kind == "ConfigMap")
        assert map_["data"]["config"] == state["aws_config"]

    # One token serves both roles.
    token = tmp_path / "token"
    token.write_text(aws.service_account_token(CLUSTER, "velero", "velero"))
    for path in TOKENS:
        config = config.replace(path, str(token))
    (tmp_path / "config").write_text(config)
    more = {"AWS_ENDPOINT_URL": aws.endpoint, "AWS_CONFIG_FILE": str(tmp_path / "config")}
    environment = clean_environment(tmp_path, Path("/dev/null"), **more)
    for key, state in states.items():
        name = "default" if "default" in client and key == "payments" else key
        run = run_aws(["aws", "--profile", name, "sts", "get-caller-identity"], environment)
        assert run.returncode == 0, run.stderr
        account, _, role_name = state["role_arn"].removeprefix("arn:aws:iam::").partition(":role/")
        assert json.loads(run.stdout)["Arn"].startswith(f"arn:aws:sts::{account}:assumed-role/{role_name}/")
    root.destroy()


def test_a_federated_pod_gets_a_second_role_with_the_injected_token(workspace, aws, tmp_path):
    """The annotation names one role; the profile of the other trust gets its own with the same token."""
    other = trust(
        'name = "other"', name="other", more='client = { profile_name = "other", object_name = "other-role" }'
    )
    root = workspace(trust() + other)
    root.apply()
    documents = list(yaml.safe_load_all(root.state(ADDRESS)["service_account_manifests"]))
    config = root.state("xeks_irsa_trust.other")
    config_map = find(
        list(yaml.safe_load_all(config["service_account_manifests"])), "ConfigMap", "other-role-aws-config"
    )
    spec = spec_of(documents) | {"volumes": [{"name": "aws", "configMap": {"name": "other-role-aws-config"}}]}
    spec["containers"][0] |= {
        "env": [{"name": "AWS_CONFIG_FILE", "value": "/etc/aws/config"}],
        "volumeMounts": [{"name": "aws", "mountPath": "/etc/aws"}],
    }

    def token(audience: str) -> str:
        return aws.service_account_token(CLUSTER, "nodejs", "nodejs-sa", audience)

    # The folder of the webhook's token is known once it is mounted: the same pod, made a second time, finds it in its ConfigMap.
    pod = Pod([*documents, config_map], spec, tmp_path / "pod", aws.region, token)
    on_machine = pod.environment()["AWS_WEB_IDENTITY_TOKEN_FILE"]
    config_map["data"]["config"] = config_map["data"]["config"].replace(TOKENS[1], on_machine)
    pod = Pod([*documents, config_map], spec, tmp_path / "pod", aws.region, token)
    for profile, role in (([], "nodejs-app"), (["--profile", "other"], "other")):
        run = run_aws(["aws", *profile, "sts", "get-caller-identity"], pod.environment(AWS_ENDPOINT_URL=aws.endpoint))
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["Arn"].startswith(f"arn:aws:sts::{WORKLOAD_ACCOUNT}:assumed-role/{role}/")


def test_names_change_without_a_call_that_writes(workspace, aws):
    root = workspace(trust(more=CHAINED))
    root.apply()
    assert set(profiles(root.state(ADDRESS)["aws_config"])) == {"default", "xeks-pod"}
    aws.clear_calls()
    root.write(trust(more=f'{CHAINED}\nclient = {{ profile_name = "p", object_name = "o" }}'))
    assert root.plan().actions(ADDRESS) == ["update"]
    root.apply()
    root.assert_empty_plan()
    assert set(profiles(root.state(ADDRESS)["aws_config"])) == {"p", "xeks-pod-p"}
    assert ("ConfigMap", "nodejs", "o-aws-config") in objects(root.state(ADDRESS)["service_account_manifests"])
    assert [call["action"] for call in aws.calls() if not call["action"].startswith(("Get", "List", "Describe"))] == []


def test_service_accounts_of_one_namespace_do_not_overwrite_each_others_pod_template(workspace):
    accounts = '{ namespace = "a", name = "x" }, { namespace = "a", name = "y" }, { namespace = "b", name = "x" }'
    root = workspace(trust(service_accounts=accounts, more=CHAINED))
    root.apply()
    manifests = root.state(ADDRESS)["service_account_manifests"]
    assert len(objects(manifests)) == len(list(yaml.safe_load_all(manifests))) == 3 + 2 + 3


def test_equal_names_of_kubernetes_objects_in_one_namespace_are_a_warning(accounts_of_teams):
    """One role name in two accounts: the ConfigMaps would replace each other."""
    root = accounts_of_teams.write(of_each("velero", "profile_name = each.key", "chained"))
    root.init()
    run = root.apply()
    assert [warning for warning in run.warnings if "client.object_name" in str(warning)], run.text
    root.assert_empty_plan()
    root.write(of_each("velero", "profile_name = each.key, object_name = each.key", "chained"))
    run = root.apply()
    assert not [warning for warning in run.warnings if "client.object_name" in str(warning)], run.text
    root.destroy()


INVALID = {
    "a profile named as a source": Refusal(trust(more='client = { profile_name = "xeks-pod-x" }'), ["client.profile_name", "xeks-pod"]),
    "a profile with a space": Refusal(trust(more='client = { profile_name = "a b" }'), ["client.profile_name"]),
    "an object in upper case": Refusal(trust(more='client = { object_name = "Velero" }'), ["client.object_name", "lowercase"]),
    "an object name too long for a ConfigMap's": Refusal(trust(more=f'client = {{ object_name = "{"a" * 243}" }}'), ["client.object_name", "242"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_validate_refuses_names_that_files_or_kubernetes_do_not_take(workspace, aws, case):
    refusal = INVALID[case]
    aws.clear_calls()
    workspace(refusal.hcl).validate().must_fail(*refusal.words)
    assert aws.calls() == []
