"""The data source xeks_access_path as users run it: in a check, live, and without some permissions.

What it says of each broken set-up is in `setups_access.py`.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts, role_arn, traces
from cross_account_access import ADDRESS as RESOURCE
from cross_account_access import WORKLOAD, access
from instance import Instance
from manual_access import ADMIN, VIEW, ManualAccess, allow, trusting
from manual_access_changes import through_another_role
from profiles import write_profiles
from setups import Asked, read

ADDRESS = "data.xeks_access_path.it"
CHECKED = """
data "xeks_access_path" "it" {
  cluster_name  = "prac-eks-abhi"
  principal_arn = xeks_cross_account_access.ec2.workload_role_arn
  via_role_arns = [xeks_cross_account_access.ec2.access_role_arn]
  depends_on    = [xeks_cross_account_access.ec2]
}

check "it_gets_in" {
  assert {
    condition     = data.xeks_access_path.it.allowed
    error_message = data.xeks_access_path.it.text
  }
}
"""


def asked(cli, aws, directory, connection: ManualAccess, live: bool = False, **more) -> dict:
    arguments = connection.asks() | ({"live": True} if live else {}) | more
    signed_in = connection.credentials(connection.tried_as) if live else None
    directory.mkdir(exist_ok=True)
    return read(cli, aws, directory, {"it": Asked("xeks_access_path", arguments, signed_in)})["it"]


def statuses(state: dict) -> dict[str, str]:
    return {hop["name"]: hop["status"] for hop in state["hops"]}


def test_a_check_passes_while_access_works_and_shows_the_chain_when_it_fails(workspace, aws):
    root = workspace(access() + CHECKED)
    assert not [w for w in root.apply().warnings if "Check block" in w.summary]
    root.assert_empty_plan()

    Accounts(aws).eks.delete_access_entry(clusterName=CLUSTER, principalArn=root.state(RESOURCE)["access_role_arn"])
    (warning,) = [w for w in root.try_plan("-refresh-only").warnings if "Check block" in w.summary]

    # The story's cluster reads its aws-auth ConfigMap too: only the cluster knows whether that contains the role.
    assert "? access_entry" in warning.detail and "Not confirmed. Unknown: access_entry" in warning.detail
    assert "✔ assume_role" in warning.detail


def test_reading_changes_nothing_and_gives_the_same_result_each_time(cli, aws, tmp_path):
    connection = ManualAccess(Accounts(aws), "a")
    connection.credentials()
    before = aws.dump()

    first = asked(cli, aws, tmp_path / "1", connection, live=True, namespaces=["prod"])
    second = asked(cli, aws, tmp_path / "2", connection, live=True, namespaces=["prod"])

    assert first["allowed"] and first == second
    assert not traces(aws, before)


def test_no_credentials_are_written_to_state_or_log(cli, aws, tmp_path):
    connection = ManualAccess(Accounts(aws), "a")
    connection.trusts(trusting(connection.workload_arn, StringEquals={"sts:ExternalId": "team-hush"}))
    credentials, log = connection.credentials(), tmp_path / "log"
    asked = {"cluster_name": CLUSTER, "principal_arn": connection.workload_arn, "live": True, "live_as": "app"}
    asked |= {"via_role_arns": [connection.access_arn], "external_id": "team-hush", "namespaces": ["prod"]}
    workload_accounts = {"app": {"profile": "app", "region": aws.region}}
    provider = {
        "cluster_account": {"profile": "platform", "region": aws.region},
        "workload_accounts": workload_accounts,
    }
    provider["workload_account"] = {"profile": "workload", "region": aws.region}
    exported = write_profiles(aws, tmp_path / "aws", app=credentials)
    root = cli.workspace(tmp_path / "root", **exported, TF_LOG="TRACE", TF_LOG_PATH=str(log))
    source = {"required_providers": {"xeks": {"source": "xeks/xeks"}}}
    document = {"terraform": source, "provider": {"xeks": provider}, "data": {"xeks_access_path": {"it": asked}}}
    root.write(json.dumps(document), "main.tf.json")
    root.apply()

    state = json.loads((root.directory / "terraform.tfstate").read_text())
    (resource,) = state["resources"]
    attributes = resource["instances"][0]["attributes"]
    assert attributes.pop("external_id") == "team-hush" and attributes["allowed"], attributes["text"]
    secrets = {credentials.secret_access_key, credentials.session_token, "k8s-aws-v1.", "X-Amz-Signature=", "Bearer "}
    secrets |= {"SecretAccessKey", "SessionToken"}
    for where in (json.dumps(attributes), log.read_text()):
        assert not {secret for secret in secrets if secret in where}
    assert "team-hush" not in json.dumps(attributes)


@pytest.mark.parametrize(
    "action, account, hop",
    [
        ("GetRole", "cluster", "assume_role"),
        ("ListRolePolicies", "workload", "assume_role"),
        ("DescribeAccessEntry", "cluster", "access_entry"),
        ("ListAssociatedAccessPolicies", "cluster", "access_policy"),
        ("DescribeCluster", "cluster", "access_entry"),
    ],
)
def test_a_denied_read_makes_its_hop_unknown_and_names_the_permission(cli, aws, tmp_path, action, account, hop):
    connection = ManualAccess(Accounts(aws), "a")
    service = "iam" if "Role" in action else "eks"
    aws.faults.add("deny", service=service, action=action, account=account, times=99)

    state = asked(cli, aws, tmp_path / "root", connection)

    first = next(found for found in state["hops"] if found["status"] == "unknown")
    assert (first["name"], state["allowed"], state["broken"]) == (hop, False, hop)
    assert f"{service}:{action}" in first["reason"] and f"Grant {service}:{action}" in first["fix"]


@pytest.mark.parametrize("way", ["in the cluster account", "by a role", "of the workload account", "by two roles"])
def test_access_needs_no_permission_to_describe_the_cluster(cli, aws, tmp_path, way):
    """As `aws eks get-token` does not: only update-kubeconfig asks for the endpoint."""
    accounts = Accounts(aws)
    connection = ManualAccess(accounts, "a", direct=way == "of the workload account")
    if not connection.direct:
        accounts.iam("cluster").delete_role_policy(RoleName=connection.access, PolicyName="describe")
    if way == "in the cluster account":
        connection.arguments |= {"principal_arn": connection.access_arn, "via_role_arns": []}
    if way == "by two roles":
        through_another_role(connection)

    state = asked(cli, aws, tmp_path / "root", connection)

    assert state["allowed"], state["text"]
    hop = next(hop for hop in state["hops"] if hop["name"] == "role_policy")
    assert hop["status"] == "ok" and "eks:DescribeCluster" in hop["reason"]
    assert connection.direct or "only aws eks update-kubeconfig calls eks:DescribeCluster" in hop["reason"]


@pytest.mark.parametrize("mode, status", [("API", "broken"), ("API_AND_CONFIG_MAP", "unknown")])
def test_a_principal_without_an_entry_may_be_in_the_config_map_of_a_cluster_that_reads_it(
    cli, aws, tmp_path, mode, status
):
    accounts = Accounts(aws)
    accounts.make_cluster("own", mode)
    connection = ManualAccess(accounts, "a", cluster="own")
    connection.remove_entry()

    state = asked(cli, aws, tmp_path / "root", connection)

    assert (statuses(state)["access_entry"], state["allowed"]) == (status, False)
    hop = next(hop for hop in state["hops"] if hop["name"] == "access_entry")
    assert "create-access-entry" in hop["fix"] and ("live = true" in hop["fix"]) == (status == "unknown")


def test_a_principal_of_a_third_account_is_external(cli, aws, tmp_path):
    accounts = Accounts(aws)
    connection = ManualAccess(accounts, "a")
    accounts.iam("cluster").update_assume_role_policy(
        RoleName=connection.access, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trusting("*")]})
    )
    connection.arguments["principal_arn"] = role_arn("111122223333", "unknown")

    state = asked(cli, aws, tmp_path / "root", connection)

    assert statuses(state) | {"identity": "external", "assume_role": "external"} == statuses(state)
    assert state["allowed"] and "111122223333" in state["hops"][0]["reason"]


def test_kubernetes_groups_are_external_without_live(cli, aws, tmp_path):
    connection = ManualAccess(Accounts(aws), "a", policies={}, groups=("ops",))

    state = asked(cli, aws, tmp_path / "root", connection)

    assert statuses(state)["access_policy"] == "external" and state["allowed"]
    assert "the Kubernetes groups ops" in state["text"]


def test_live_shows_the_user_name_and_the_permissions_that_the_cluster_reports(cli, aws, tmp_path):
    connection = ManualAccess(Accounts(aws), "a", policies={VIEW: ["prod"]})

    state = asked(cli, aws, tmp_path / "root", connection, live=True, namespaces=["prod"], verbs=["get", "list"])

    hop = state["hops"][-1]
    assert (hop["name"], hop["status"], hop["account_id"]) == ("api_server", "ok", CLUSTER_ACCOUNT)
    assert f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/{connection.access}/{{{{SessionName}}}}" in hop["reason"]
    assert "It can get pods in namespace prod and list pods in namespace prod." in hop["reason"]
    assert "STS returned a session." in next(h for h in state["hops"] if h["name"] == "assume_role")["reason"]


def test_live_waits_until_the_api_server_knows_a_new_entry(cli, aws, tmp_path):
    """EKS user guide, "Create access entries": it "might take several seconds to be effective"."""
    aws.delay_entries(15)
    connection = ManualAccess(Accounts(aws), "a")

    state = asked(cli, aws, tmp_path / "root", connection, live=True)

    assert state["allowed"], state["text"]


def test_another_caller_proves_nothing_of_the_principal(cli, aws, tmp_path):
    """Without live_as, the caller of the workload account is asked for: here one that the access role does not trust."""
    connection = ManualAccess(Accounts(aws), "a")
    signed_in = ManualAccess(Accounts(aws), "b").credentials()

    state = read(cli, aws, tmp_path, {"it": Asked("xeks_access_path", connection.asks() | {"live": True}, signed_in)})[
        "it"
    ]

    assert statuses(state) | {"role_policy": "ok"} == {
        "identity": "unknown",
        "assume_role": "unknown",
        "role_policy": "ok",
        "access_entry": "ok",
        "access_policy": "ok",
        "api_server": "unknown",
    }
    assert not state["allowed"]


@pytest.mark.parametrize("resource", ["deploy", "Deployment", "deployments.v1.apps", "deployments.apps"])
def test_a_resource_is_named_as_for_kubectl(cli, aws, tmp_path, resource):
    connection = ManualAccess(Accounts(aws), "a", policies={VIEW: ["prod"]})

    state = asked(cli, aws, tmp_path / "root", connection, live=True, namespaces=["prod"], resource=resource)

    assert state["allowed"], state["text"]
    assert "It can get deployments.apps in namespace prod." in state["hops"][-1]["reason"]


def test_a_resource_that_only_the_cluster_may_know_needs_its_group(workspace):
    root = workspace(
        f'''
data "xeks_access_path" "it" {{
  cluster_name  = "{CLUSTER}"
  principal_arn = "{role_arn(CLUSTER_ACCOUNT, "x")}"
  resource      = "certificates"
}}
'''
    )
    root.validate().must_fail("Name a custom resource with its API group, such as certificates.cert-manager.io")


@pytest.mark.parametrize("resource", ["certificates", "cert", "Certificate"])
def test_live_finds_a_custom_resource_by_the_names_that_the_cluster_lists(cli, aws, tmp_path, resource):
    connection = ManualAccess(Accounts(aws), "a", policies={ADMIN: []})

    state = asked(cli, aws, tmp_path / "root", connection, live=True, namespaces=["prod"], resource=resource)

    assert state["allowed"], state["text"]
    assert "It can get certificates.cert-manager.io in namespace prod." in state["hops"][-1]["reason"]


def test_live_says_that_the_cluster_has_no_such_resource(cli, aws, tmp_path):
    connection = ManualAccess(Accounts(aws), "a", policies={ADMIN: []})

    state = asked(cli, aws, tmp_path / "root", connection, live=True, resource="pdos")

    assert state["broken"] == "api_server"
    assert "It has no resource named pdos." in state["hops"][-1]["reason"]
    assert "kubectl api-resources" in state["hops"][-1]["fix"]


def test_live_confirms_a_missing_entry(cli, aws, tmp_path):
    connection = ManualAccess(Accounts(aws), "a")
    connection.remove_entry()

    state = asked(cli, aws, tmp_path / "root", connection, live=True)

    assert state["broken"] == "access_entry"
    assert state["hops"][-1]["status"] == "broken" and "401" in state["hops"][-1]["reason"]


def test_a_chain_within_the_clusters_account_needs_no_workload_account(workspace, aws):
    accounts = Accounts(aws)
    connection = ManualAccess(accounts, "a")
    accounts.make_role(
        "cluster", "local", {"Version": "2012-10-17", "Statement": [trusting(f"arn:aws:iam::{CLUSTER_ACCOUNT}:root")]}
    )
    local = role_arn(CLUSTER_ACCOUNT, "local")
    accounts.iam("cluster").put_role_policy(
        RoleName="local",
        PolicyName="assume",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [allow("sts:AssumeRole", connection.access_arn)]}
        ),
    )
    connection.trusts(trusting(f"arn:aws:iam::{CLUSTER_ACCOUNT}:root"))
    root = workspace(
        f'''
data "xeks_access_path" "it" {{
  cluster_name  = "{CLUSTER}"
  principal_arn = "{local}"
  via_role_arns = ["{connection.access_arn}"]
}}

output "text" {{
  value = data.xeks_access_path.it.text
}}
''',
        provider='terraform {\n  required_providers {\n    xeks = { source = "xeks/xeks" }\n  }\n}\n'
        'provider "xeks" {\n  cluster_account = { profile = "platform", region = "ap-south-1" }\n}\n',
    )
    root.apply()
    assert root.output("text").endswith("Allowed.\n"), root.output("text")


@pytest.mark.parametrize(
    "arguments, words",
    [
        ('principal_arn = "arn:aws:iam::185863138492:root"', ["not a principal of an access entry"]),
        (f'principal_arn = "{role_arn(WORKLOAD_ACCOUNT, "a")}"\nvia_role_arns = ["app"]', ["is not an ARN"]),
        (f'principal_arn = "{role_arn(WORKLOAD_ACCOUNT, "a")}"\nnamespaces = ["A_b"]', ["namespace"]),
        (
            f'principal_arn = "{role_arn(WORKLOAD_ACCOUNT, "a")}"\nworkload_account = "nix"',
            ['Unknown workload account "nix"'],
        ),
        (f'principal_arn = "{role_arn(WORKLOAD_ACCOUNT, "a")}"\nlive = true\nlive_as = "nix"', ['"nix"']),
    ],
)
def test_invalid_arguments_are_refused(workspace, arguments, words):
    root = workspace(f'data "xeks_access_path" "it" {{\n  cluster_name = "{CLUSTER}"\n{arguments}\n}}\n')
    root.try_plan().must_fail(*words)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_signs_in_with_the_kubeconfig_of_the_resource(workspace, aws, tmp_path):
    """The same API server, by another client: what xeks sees live is what kubectl meets."""
    profile = f'name = "{WORKLOAD}", instance_profile = true'
    root = workspace(access(workload_role=profile))
    root.apply()
    state = root.state(RESOURCE)

    with Instance(aws.instance_credentials("workload", WORKLOAD), tmp_path / "instance", aws.endpoint) as instance:
        (instance.home / ".aws" / "config").write_text(state["aws_config"] or "")
        (instance.home / "kubeconfig").write_text(state["kubeconfig"])
        environment = instance.environment() | {"KUBECONFIG": str(instance.home / "kubeconfig")}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        whoami = ["kubectl", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]
        run = subprocess.run(whoami, env=environment, capture_output=True, text=True, timeout=60)

    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/")


def test_a_cluster_administrator_may_delete_nodes(cli, aws, tmp_path):
    connection = ManualAccess(Accounts(aws), "a", policies={ADMIN: []})

    state = asked(cli, aws, tmp_path / "root", connection, live=True, verbs=["delete"], resource="nodes")

    assert state["allowed"], state["text"]
