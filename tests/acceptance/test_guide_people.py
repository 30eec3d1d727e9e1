"""Each configuration of docs/guides/people.md works as it is, for people who are signed in with the permission set that it names."""

import json
import re

import pytest
from accounts import CLUSTER, CLUSTER_ACCOUNT, traces
from documents import ROOT
from harness import clean_environment
from instance import exec_of, run_aws
from permission_sets import assign, assumes, sign_in

GUIDE = (ROOT / "docs" / "guides" / "people.md").read_text()
#: Heading → configuration.
CONFIGURATIONS = {
    section.splitlines()[0]: block
    for section in GUIDE.split("\n## ")[1:]
    for block in re.findall(r"```terraform\n(.*?)```", section, re.DOTALL)
}


@pytest.mark.parametrize("heading", CONFIGURATIONS)
def test_a_configuration_of_the_guide_applies_plans_empty_and_destroys_without_a_trace(workspace, aws, heading):
    assign(aws, "PowerUser")
    before = aws.dump()
    root = workspace(CONFIGURATIONS[heading])
    assert root.plan().warnings == []
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def signed_in_user(aws, directory, state: dict) -> dict:
    """What the cluster makes of a person with the profile `power-user` and the files of the resource."""
    person = sign_in(aws, "PowerUser")
    profile = (
        f"[profile power-user]\naws_access_key_id = {person.access_key_id}\naws_secret_access_key = {person.secret_access_key}\n"
        f"aws_session_token = {person.session_token}\nregion = ap-south-1\n"
    )
    config = directory / "config"
    config.write_text(f"{profile}\n{state['aws_config'] or ''}")
    environment = clean_environment(
        directory, directory / "none", AWS_ENDPOINT_URL=aws.endpoint, AWS_CONFIG_FILE=str(config)
    )
    run = run_aws(exec_of(state["kubeconfig"]), environment)
    assert run.returncode == 0, run.stderr
    return aws.review_token(CLUSTER, json.loads(run.stdout)["status"]["token"])


def test_people_sign_in_by_permission_set(workspace, aws, tmp_path):
    assign(aws, "PowerUser")
    root = workspace(CONFIGURATIONS["By permission set"])
    root.apply()
    seen = signed_in_user(aws, tmp_path, root.state("xeks_cross_account_access.developers"))
    assert seen["status"] == 200 and seen["username"].startswith("developer:ann")
    assert "developers" in seen["groups"]


def test_people_sign_in_through_the_access_role(workspace, aws, tmp_path):
    assign(aws, "PowerUser")
    root = workspace(CONFIGURATIONS["Through an access role"])
    root.apply()
    seen = signed_in_user(aws, tmp_path, root.state("xeks_cross_account_access.payments"))
    assert seen["status"] == 200
    assert seen["username"].startswith(f"arn:aws:sts::{CLUSTER_ACCOUNT}:assumed-role/team-payments-access/")


def test_people_assume_the_role_of_pods(workspace, aws):
    assign(aws, "PowerUser")
    root = workspace(CONFIGURATIONS["Roles of pods"])
    root.apply()
    assert assumes(aws, sign_in(aws, "PowerUser"), root.state("xeks_irsa_trust.app")["role_arn"])
