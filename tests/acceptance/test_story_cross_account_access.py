"""Story 1 whole: an instance that starts with the example's user data signs in to the cluster of the other account."""

import json
from pathlib import Path

import clients
import pytest
import yaml
from accounts import CLUSTER, CLUSTER_ACCOUNT, Accounts, role_arn
from instance import Instance, exec_of, run_aws
from profiles import write_profiles
from stories import set_up

HOME = "/home/ec2-user"
ACCESS, WORKLOAD = "EKS-CrossAccount-Access-Role", "EC2-EKS-CrossAccount-Role"


@pytest.fixture
def root(cli, aws, tmp_path):
    made = cli.workspace(set_up(aws, "cross-account-access", tmp_path), **write_profiles(aws, tmp_path / "aws"))
    made.apply()
    return made


@pytest.fixture
def instance(root, aws, tmp_path):
    """One that has started with the story's user data."""
    files = files_of(root.output("user_data"))
    with Instance(aws.instance_credentials("workload", WORKLOAD), tmp_path / "home", aws.endpoint) as started:
        for path, text in files.items():
            place(started.home, path).write_text(text)
        yield started


def test_an_instance_that_starts_with_the_user_data_signs_in_to_the_cluster(instance, aws):
    run = run_aws(exec_of((instance.home / ".kube" / "config").read_text()), instance.environment())

    assert run.returncode == 0, run.stderr
    seen = aws.review_token(CLUSTER, json.loads(run.stdout)["status"]["token"])
    assert seen["status"] == 200, seen
    assert seen["username"].startswith(f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/{ACCESS}/")
    assert [policy["policyArn"].split("/")[-1] for policy in seen["policies"]] == ["AmazonEKSClusterAdminPolicy"]


@pytest.mark.skipif(clients.missing("kubectl") is not None, reason=f"{clients.missing('kubectl')}")
def test_kubectl_on_the_instance_is_authenticated_by_the_api_server(instance, root):
    run = run_aws(["kubectl", "auth", "whoami", "-o", "json"], instance.environment())

    assert run.returncode == 0, run.stderr
    user = json.loads(run.stdout)["status"]["userInfo"]
    assert user["username"].startswith(f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/{ACCESS}/")

    root.destroy()
    run = run_aws(["kubectl", "auth", "whoami"], instance.environment())
    assert run.returncode != 0
    assert "Unauthorized" in run.stderr, run.stderr


def test_the_user_data_is_a_cloud_config_that_gives_its_files_to_the_user(root):
    text = root.output("user_data")
    assert text.startswith("#cloud-config\n")
    files = yaml.safe_load(text)["write_files"]
    assert {file["path"] for file in files} == {f"{HOME}/.kube/config", f"{HOME}/.aws/config"}
    for file in files:
        # Deferred: the user is created after other files are written.
        assert (file["owner"], file["permissions"], file["defer"]) == ("ec2-user:ec2-user", "0600", True)


def test_the_check_passes_and_passes_again_after_drift_is_corrected(root, aws):
    assert_check_passes(root)

    Accounts(aws).eks.delete_access_entry(clusterName=CLUSTER, principalArn=role_arn(CLUSTER_ACCOUNT, ACCESS))
    root.apply()

    assert_check_passes(root)


def test_the_check_names_the_hop_that_others_broke(root, aws):
    """A network ACL, which the resources of the story neither create nor change."""
    ec2 = aws.client("workload", "ec2")
    source = {"Filters": [{"Name": "vpc-id", "Values": [aws.story()["workload_vpc_id"]]}]}
    (acl,) = ec2.describe_network_acls(**source)["NetworkAcls"]
    entry = {"NetworkAclId": acl["NetworkAclId"], "RuleNumber": 1, "Egress": True}
    ec2.create_network_acl_entry(**entry, Protocol="-1", RuleAction="deny", CidrBlock="10.20.0.0/16")

    (warning,) = root.try_plan().must_work().warnings
    assert "✖ network_acl" in warning.detail and "Broken: network_acl." in warning.detail, warning

    ec2.delete_network_acl_entry(NetworkAclId=acl["NetworkAclId"], RuleNumber=1, Egress=True)
    assert_check_passes(root)


def assert_check_passes(root) -> None:
    shown = json.loads(root.run("show", "-json").must_work().output)
    (check,) = shown["checks"]
    assert check["status"] == "pass", check["instances"]
    run = root.try_plan("-detailed-exitcode").must_work()
    assert not run.warnings, run.text


def files_of(user_data: str) -> dict[str, str]:
    return {file["path"]: file["content"] for file in yaml.safe_load(user_data)["write_files"]}


def place(home: Path, path: str) -> Path:
    """Where on this machine a file of the user's is, its folder made."""
    found = home / Path(path).relative_to(HOME)
    found.parent.mkdir(exist_ok=True)
    return found
