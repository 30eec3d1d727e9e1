"""What can drift on any IAM role that a resource created, as rows for its table of drift.

The role is expected to have: a description, a session duration of 7200, the boundary `boundary`, the tags team = x and
side. `prepare` creates the policies that this needs.
"""

import json
from collections.abc import Callable
from typing import Any

from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts
from drift import Row

READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
DENY = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
NUMBERS = {"cluster": CLUSTER_ACCOUNT, "workload": WORKLOAD_ACCOUNT}
OPEN = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


def prepare(accounts: Accounts) -> None:
    for account in NUMBERS:
        for name in ("boundary", "other"):
            accounts.iam(account).create_policy(PolicyName=name, PolicyDocument=DENY)


def boundary(account: str, name: str = "boundary") -> str:
    return f"arn:aws:iam::{NUMBERS[account]}:policy/{name}"


def object_path(account: str, kind: str, name: str) -> str:
    return f'objects["{account}/{kind}/{name}"]'


def role_rows(account: str, attribute: str, role: str, inline: str) -> list[Row]:
    """`attribute` describes the role in the configuration; `inline` names an inline policy that the resource puts."""

    def row(what: str, read: Callable[[Accounts], Any], path: str, change: Callable[[Any], Any]) -> Row:
        """`change` gets the account's IAM client."""
        return Row(f"{attribute}: {what}", read, lambda accounts: change(accounts.iam(account)), path)

    def trust(accounts: Accounts):
        return accounts.trust(account, role)

    def description(accounts: Accounts):
        return accounts.role(account, role).get("Description")

    def duration(accounts: Accounts):
        return accounts.role(account, role)["MaxSessionDuration"]

    def bounded(accounts: Accounts):
        return accounts.role(account, role).get("PermissionsBoundary")

    def tagged(accounts: Accounts):
        return accounts.role_tags(account, role)

    def document(accounts: Accounts):
        return accounts.inline_policy(account, role, inline)

    def inline_names(accounts: Accounts):
        return accounts.inline_policies(account, role)

    def attached(accounts: Accounts):
        return accounts.managed_policies(account, role)

    def whole(accounts: Accounts):
        return accounts.role(account, role) and (
            trust(accounts),
            tagged(accounts).keys(),
            inline_names(accounts),
            attached(accounts),
        )

    def delete(accounts: Accounts):
        accounts.delete_role(account, role)

    of_role, of_policy = (
        object_path(account, "iam_role", role),
        object_path(account, "iam_role_policy", f"{role}/{inline}"),
    )
    tags, bound = f"{of_role}.tags", f"{attribute}.permissions_boundary"
    return [
        row("trust policy", trust, f"{of_role}.document", lambda iam: iam.update_assume_role_policy(RoleName=role, PolicyDocument=OPEN)),
        row("description", description, f"{attribute}.description", lambda iam: iam.update_role(RoleName=role, Description="x", MaxSessionDuration=7200)),
        row("session duration", duration, f"{attribute}.max_session_duration", lambda iam: iam.update_role(RoleName=role, MaxSessionDuration=3600)),
        row("boundary changed", bounded, bound, lambda iam: iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=boundary(account, "other"))),
        row("boundary removed", bounded, bound, lambda iam: iam.delete_role_permissions_boundary(RoleName=role)),
        row("tag changed", tagged, tags, lambda iam: iam.tag_role(RoleName=role, Tags=[{"Key": "team", "Value": "y"}])),
        row("own tag changed", tagged, tags, lambda iam: iam.tag_role(RoleName=role, Tags=[{"Key": "side", "Value": "y"}])),
        row("tag removed", tagged, tags, lambda iam: iam.untag_role(RoleName=role, TagKeys=["team"])),
        row("tag added", tagged, tags, lambda iam: iam.tag_role(RoleName=role, Tags=[{"Key": "stray", "Value": "y"}])),
        row("inline policy changed", document, f"{of_policy}.document", lambda iam: iam.put_role_policy(RoleName=role, PolicyName=inline, PolicyDocument=DENY)),
        row("inline policy deleted", document, of_policy, lambda iam: iam.delete_role_policy(RoleName=role, PolicyName=inline)),
        row("inline policy added", inline_names, "objects", lambda iam: iam.put_role_policy(RoleName=role, PolicyName="stray", PolicyDocument=DENY)),
        row("managed policy attached", attached, "", lambda iam: iam.attach_role_policy(RoleName=role, PolicyArn=READ_ONLY)),
        Row(f"{attribute}: deleted together with its policies", whole, delete, of_role),
    ]  # fmt: skip
