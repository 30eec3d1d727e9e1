"""The accounts, and who may sign in to them: one with the clusters, and two for workloads.

Owns: the accounts' names and ids, the runner principals in each, their credentials. Each account has
  root      the account's root user: for the tests' own set-up and look-ups, never for xeks
  runner    temporary credentials of the role `xeks-runner`, which has exactly the permissions in policies/; with
            XEKS_ROLES=all, it may also read all roles at once (docs/guides/permissions.md)
  pipeline  long-lived keys of the user `xeks-pipeline`, which may do nothing but assume `xeks-runner`
Must not know: the server, the stories.
"""

import hashlib
import json
import os
import time
from pathlib import Path

REGION = "ap-south-1"
ACCOUNTS = {"cluster": "183295435445", "workload": "185863138492", "search": "186402117739"}
RUNNER_ROLE = "xeks-runner"
RUNNER_SESSION = "acceptance"
PIPELINE_USER = "xeks-pipeline"
EXTERNAL_ID = "xeks"

_POLICIES = Path(__file__).parent / "policies"
#: What reading all roles at once needs beyond the permissions of each resource (docs/guides/permissions.md).
ALL_ROLES = ["iam:GetAccountAuthorizationDetails", "iam:GetAccountSummary", "iam:ListRoles"]


def described() -> dict:
    """What the ready file and the clients say of the accounts."""
    return {name: _described(name, account) for name, account in ACCOUNTS.items()}


def seed() -> None:
    """Make the runners in ministack's stores, with the same credentials after every reset."""
    from ministack.core.responses import request_scope

    for name, account in ACCOUNTS.items():
        with request_scope(account, REGION):
            _seed(name, account)


def runner_policy(name: str) -> dict:
    """The permissions in policies/NAME.json; a further account for workloads has those of the first."""
    path = _POLICIES / f"{name}.json"
    if path.exists():
        return json.loads(path.read_text())
    text = (_POLICIES / "workload.json").read_text()
    return json.loads(text.replace(ACCOUNTS["workload"], ACCOUNTS[name]))


def runner_permissions(name: str) -> dict:
    """What the runner has: where the cluster account's policy names the account for workloads, it means all of them."""
    policy = runner_policy(name)
    for statement in policy["Statement"] if name == "cluster" else []:
        for holder in (statement, *statement.get("Condition", {}).values()):
            for key, value in holder.items():
                if key not in ("Action", "Condition"):
                    holder[key] = _for_all_workloads(value)
    if os.environ.get("XEKS_ROLES") == "all":
        policy["Statement"].append({"Effect": "Allow", "Action": ALL_ROLES, "Resource": "*"})
    return policy


def _for_all_workloads(value: str | list[str]) -> str | list[str]:
    texts, workload = [value] if isinstance(value, str) else value, ACCOUNTS["workload"]
    others = [number for name, number in ACCOUNTS.items() if name != "cluster"]
    found = sorted({text.replace(workload, other) for text in texts for other in others})
    return found if len(found) > 1 else value


def _described(name: str, account: str) -> dict:
    return {
        "id": account,
        "region": REGION,
        "runner_role_arn": f"arn:aws:iam::{account}:role/{RUNNER_ROLE}",
        "external_id": EXTERNAL_ID,
        "credentials": {
            # ministack takes a 12-digit access key as the account's root user.
            "root": {"access_key_id": account, "secret_access_key": "test", "session_token": None},
            "runner": {
                "access_key_id": "ASIA" + _derived(account, "session key", 16),
                "secret_access_key": _derived(account, "session secret", 40),
                "session_token": _derived(account, "session token", 64),
            },
            "pipeline": {
                "access_key_id": "AKIA" + _derived(account, "user key", 16),
                "secret_access_key": _derived(account, "user secret", 40),
                "session_token": None,
            },
        },
    }


def _derived(account: str, what: str, length: int) -> str:
    """A stable made-up secret: it opens nothing but this emulator."""
    return hashlib.sha512(f"xeks {account} {what}".encode()).hexdigest().upper()[:length]


def _seed(name: str, account: str) -> None:
    from ministack.services import iam, sts

    described = _described(name, account)
    role_arn, user_arn = described["runner_role_arn"], f"arn:aws:iam::{account}:user/{PIPELINE_USER}"
    role_id, user_id = "AROA" + _derived(account, "role id", 17), "AIDA" + _derived(account, "user id", 17)
    # Two statements, as in the IAM user guide, "Pass session tags in AWS STS": only sts:AssumeRole has the external ID.
    trusted = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}
    with_id = {"Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID}}}
    trust = {
        "Version": "2012-10-17",
        "Statement": [trusted | with_id, trusted | {"Action": ["sts:TagSession", "sts:SetSourceIdentity"]}],
    }
    may_assume = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
            "Resource": role_arn,
        },
    }
    made = {
        "CreateDate": "2025-01-01T00:00:00Z",
        "Path": "/",
        "AttachedPolicies": [],
        "Tags": [],
        "PermissionsBoundary": "",
    }
    iam._roles[RUNNER_ROLE] = made | {
        "RoleName": RUNNER_ROLE,
        "Arn": role_arn,
        "RoleId": role_id,
        "AssumeRolePolicyDocument": json.dumps(trust),
        "Description": "The pipeline that runs xeks",
        "MaxSessionDuration": 43200,
        "InlinePolicies": {"xeks": json.dumps(runner_permissions(name))},
        "AttachedPolicies": [],
    }
    iam._users[PIPELINE_USER] = made | {
        "UserName": PIPELINE_USER,
        "Arn": user_arn,
        "UserId": user_id,
        "AttachedPolicies": [],
    }
    iam._user_inline_policies[PIPELINE_USER] = {"assume-runner": json.dumps(may_assume)}
    pipeline, runner = described["credentials"]["pipeline"], described["credentials"]["runner"]
    iam._access_keys[pipeline["access_key_id"]] = {
        "UserName": PIPELINE_USER,
        "AccessKeyId": pipeline["access_key_id"],
        "SecretAccessKey": pipeline["secret_access_key"],
        "Status": "Active",
        "CreateDate": made["CreateDate"],
    }
    sts.register_session(
        runner["access_key_id"],
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{RUNNER_ROLE}/{RUNNER_SESSION}",
            "UserId": f"{role_id}:{RUNNER_SESSION}",
            "SecretAccessKey": runner["secret_access_key"],
            "SessionToken": runner["session_token"],
            "Expiration": time.time() + 43200,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
