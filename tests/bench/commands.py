"""Both stories as commands of the AWS CLI, in the steps that their order allows: what people type without xeks.

The commands of a step need nothing of each other, and all that the steps before made.
"""

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from accounts import CLUSTER, CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, role_arn
from aws_emulator.client import Aws
from instance import run_aws

#: Profile and arguments of `aws`.
Command = tuple[str, list[str]]
Steps = list[list[Command]]

_ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


@dataclass
class Script:
    create: Steps
    delete: Steps


def _document(**statement) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def _command(profile: str, text: str, **options: str) -> Command:
    more = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]
    return profile, [*text.split(), *more]


def story_1() -> Script:
    """An EC2 role in the workload account that assumes a role which the cluster admits."""
    workload, access = role_arn(WORKLOAD_ACCOUNT, "cli-workload"), role_arn(CLUSTER_ACCOUNT, "cli-access")
    by_ec2 = _document(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")
    by_workload = _document(Principal={"AWS": workload}, Action="sts:AssumeRole")
    cluster = f"arn:aws:eks:ap-south-1:{CLUSTER_ACCOUNT}:cluster/{CLUSTER}"
    entry = f"--cluster-name {CLUSTER} --principal-arn {access}"
    profile = "--instance-profile-name cli-workload"
    return Script(
        create=[
            [
                _command("workload", "iam create-role --role-name cli-workload", assume_role_policy_document=by_ec2),
                _command("workload", f"iam create-instance-profile {profile}"),
            ],
            [
                _command("platform", "iam create-role --role-name cli-access", assume_role_policy_document=by_workload),
                _command(
                    "workload",
                    "iam put-role-policy --role-name cli-workload --policy-name assume",
                    policy_document=_document(Action="sts:AssumeRole", Resource=access),
                ),
                _command("workload", f"iam add-role-to-instance-profile {profile} --role-name cli-workload"),
            ],
            [
                _command(
                    "platform",
                    "iam put-role-policy --role-name cli-access --policy-name describe",
                    policy_document=_document(Action="eks:DescribeCluster", Resource=cluster),
                ),
                _command("platform", f"eks create-access-entry {entry}"),
            ],
            [
                _command(
                    "platform", f"eks associate-access-policy {entry} --policy-arn {_ADMIN} --access-scope type=cluster"
                )
            ],
        ],
        delete=[
            [
                _command("platform", f"eks delete-access-entry {entry}"),
                _command("platform", "iam delete-role-policy --role-name cli-access --policy-name describe"),
                _command("workload", "iam delete-role-policy --role-name cli-workload --policy-name assume"),
                _command("workload", f"iam remove-role-from-instance-profile {profile} --role-name cli-workload"),
            ],
            [
                _command("platform", "iam delete-role --role-name cli-access"),
                _command("workload", "iam delete-role --role-name cli-workload"),
                _command("workload", f"iam delete-instance-profile {profile}"),
            ],
        ],
    )


def story_2(issuer: str) -> Script:
    """A role in the workload account for a service account of the cluster; `issuer` has no `https://`."""
    provider = f"arn:aws:iam::{WORKLOAD_ACCOUNT}:oidc-provider/{issuer}"
    by_pods = _document(
        Principal={"Federated": provider},
        Action="sts:AssumeRoleWithWebIdentity",
        Condition={
            "StringEquals": {f"{issuer}:sub": "system:serviceaccount:n:x", f"{issuer}:aud": "sts.amazonaws.com"}
        },
    )
    read = _document(Action="s3:GetObject", Resource="arn:aws:s3:::b/*")
    return Script(
        create=[
            [_command("platform", f"eks describe-cluster --name {CLUSTER}")],
            [
                _command(
                    "workload",
                    f"iam create-open-id-connect-provider --url https://{issuer} --client-id-list sts.amazonaws.com",
                ),
                _command("workload", "iam create-role --role-name cli-app", assume_role_policy_document=by_pods),
            ],
            [
                _command(
                    "workload", "iam put-role-policy --role-name cli-app --policy-name bucket", policy_document=read
                )
            ],
        ],
        delete=[
            [_command("workload", "iam delete-role-policy --role-name cli-app --policy-name bucket")],
            [
                _command("workload", "iam delete-role --role-name cli-app"),
                _command("workload", f"iam delete-open-id-connect-provider --open-id-connect-provider-arn {provider}"),
            ],
        ],
    )


class Shell:
    """Runs scripts with the profiles of these environments, one command at a time or the commands of a step at once."""

    def __init__(self, aws: Aws, environments: dict[str, dict[str, str]]):
        self.aws, self.environments = aws, environments

    def seconds(self, steps: Steps, at_once: bool) -> float:
        began = time.monotonic()
        for step in steps:
            with ThreadPoolExecutor(len(step) if at_once else 1) as pool:
                list(pool.map(self._run, step))
        return time.monotonic() - began

    def _run(self, command: Command) -> None:
        profile, arguments = command
        ended: subprocess.CompletedProcess = run_aws(["aws", *arguments], self.environments[profile])
        assert ended.returncode == 0, f"aws {' '.join(arguments)}: {ended.stderr}"
