"""What can drift on any IAM role that a resource made, as rows for its table of drift.

The role is expected to have: a description, a session duration of 7200, the boundary `boundary`, the tags team = x and
side. `prepare` makes the policies that this needs.
"""

import json

from drift import Row
from world import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, World

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


def prepare(world: World) -> None:
    for account in NUMBERS:
        for name in ("boundary", "other"):
            world.iam(account).create_policy(PolicyName=name, PolicyDocument=DENY)


def boundary(account: str, name: str = "boundary") -> str:
    return f"arn:aws:iam::{NUMBERS[account]}:policy/{name}"


def object_path(account: str, kind: str, name: str) -> str:
    return f'objects["{account}/{kind}/{name}"]'


def role_rows(account: str, attribute: str, role: str, inline: str) -> list[Row]:
    """`attribute` is the one that describes the role, `inline` the name of an inline policy that the resource gave it."""

    def row(what: str, read, path: str, operation: str, **arguments) -> Row:
        def change(world: World):
            return getattr(world.iam(account), operation)(RoleName=role, **arguments)

        return Row(f"{attribute}: {what}", read, change, path)

    def trust(world: World):
        return world.trust(account, role)

    def description(world: World):
        return world.role(account, role).get("Description")

    def duration(world: World):
        return world.role(account, role)["MaxSessionDuration"]

    def bounded(world: World):
        return world.role(account, role).get("PermissionsBoundary")

    def tagged(world: World):
        return world.role_tags(account, role)

    def document(world: World):
        return world.inline_policy(account, role, inline)

    def inline_names(world: World):
        return world.inline_policies(account, role)

    def attached(world: World):
        return world.managed_policies(account, role)

    def whole(world: World):
        return world.role(account, role) and (trust(world), tagged(world).keys(), inline_names(world), attached(world))

    def delete(world: World):
        world.delete_role(account, role)

    of_role, of_policy = (
        object_path(account, "iam_role", role),
        object_path(account, "iam_role_policy", f"{role}/{inline}"),
    )
    tags, bound = f"{of_role}.tags", f"{attribute}.permissions_boundary"
    return [
        row("trust policy", trust, f"{of_role}.document", "update_assume_role_policy", PolicyDocument=OPEN),
        row("description", description, f"{attribute}.description", "update_role", Description="x", MaxSessionDuration=7200),
        row("session duration", duration, f"{attribute}.max_session_duration", "update_role", MaxSessionDuration=3600),
        row("boundary changed", bounded, bound, "put_role_permissions_boundary", PermissionsBoundary=boundary(account, "other")),
        row("boundary removed", bounded, bound, "delete_role_permissions_boundary"),
        row("tag changed", tagged, tags, "tag_role", Tags=[{"Key": "team", "Value": "y"}]),
        row("own tag changed", tagged, tags, "tag_role", Tags=[{"Key": "side", "Value": "y"}]),
        row("tag removed", tagged, tags, "untag_role", TagKeys=["team"]),
        row("tag added", tagged, tags, "tag_role", Tags=[{"Key": "stray", "Value": "y"}]),
        row("inline policy changed", document, f"{of_policy}.document", "put_role_policy", PolicyName=inline, PolicyDocument=DENY),
        row("inline policy deleted", document, of_policy, "delete_role_policy", PolicyName=inline),
        row("inline policy added", inline_names, "objects", "put_role_policy", PolicyName="stray", PolicyDocument=DENY),
        row("managed policy attached", attached, "", "attach_role_policy", PolicyArn=READ_ONLY),
        Row(f"{attribute}: deleted with all that hangs on it", whole, delete, of_role),
    ]  # fmt: skip
