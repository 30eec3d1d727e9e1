"""Every policy in the repository's files passes the check; `tests/acceptance/test_policies.py` has those of the CLI."""

import json

import pytest
from documents import ROOT, in_json, in_markdown, json_files, text_files
from findings import findings
from linter import linter_findings


def name(path) -> str:
    return str(path.relative_to(ROOT))


JSON = {name(path): list(in_json(json.loads(path.read_text()))) for path in json_files()}
MARKDOWN = {name(path): list(in_markdown(path.read_text())) for path in text_files() if path.suffix == ".md"}
POLICIES = {file: policies for file, policies in (JSON | MARKDOWN).items() if policies}


@pytest.mark.parametrize("file", POLICIES)
def test_the_policies_of_a_file_pass(file):
    """Each finding once, however often the file has its policy."""
    found = {fault for policy in POLICIES[file] for fault in findings(policy) + linter_findings(policy)}
    assert not found, "\n".join(sorted(found))


def test_policies_of_every_purpose_are_found():
    """The permissions of runners and pods, what xeks adds to roles, and both kinds of trust."""
    purposes = {
        "tests/aws_emulator/aws_emulator/policies/cluster.json": "ec2:AcceptVpcPeeringConnection",
        "tests/golden/acceptance/data-runner_policy.json": "iam:CreateRole",
        "tests/golden/acceptance/story-cross-account-access.json": "eks:DescribeCluster",
        "tests/golden/acceptance/module-irsa-trust-buckets.json": "s3:ListBucket",
        "tests/states/xeks_irsa_trust/v0/full.json": "sts:AssumeRoleWithWebIdentity",
        "tests/states/xeks_irsa_trust/v0/chained.json": "sts:AssumeRole",
        "docs/guides/permissions.md": "iam:PassRole",
    }
    assert {file for file, action in purposes.items() if f'"{action}"' not in json.dumps(POLICIES[file])} == set()
