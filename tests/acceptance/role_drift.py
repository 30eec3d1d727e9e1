"""What IAM roles are configured with where they drift: boundaries, which `prepare` creates; and what they are changed into."""

import json

from accounts import CLUSTER_ACCOUNT, WORKLOAD_ACCOUNT, Accounts

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
