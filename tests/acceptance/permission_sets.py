"""People of IAM Identity Center in the workload account: permission sets that are assigned, and their sessions."""

from accounts import WORKLOAD_ACCOUNT
from aws_emulator.client import Aws, Credentials
from botocore.exceptions import ClientError

PATH = "/aws-reserved/sso.amazonaws.com/ap-south-1/"
#: Suffixes of the first and of the next assignment.
FIRST, NEXT = "0123456789abcdef", "fedcba9876543210"
MAY_ASSUME = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole", "eks:DescribeCluster"], "Resource": "*"}],
}


def role_name(permission_set: str, suffix: str = FIRST) -> str:
    return f"AWSReservedSSO_{permission_set}_{suffix}"


def pattern(permission_set: str) -> str:
    """The pattern of the ARNs of its roles, as in the user guide of IAM Identity Center."""
    return f"arn:aws:iam::{WORKLOAD_ACCOUNT}:role{PATH}AWSReservedSSO_{permission_set}_*"


def assign(aws: Aws, permission_set: str, suffix: str = FIRST, **more: str) -> str:
    """Assigns a permission set that may assume any role. Returns the ARN of its role."""
    return aws.permission_set("workload", permission_set, suffix, MAY_ASSUME, **more)


def assign_again(aws: Aws, permission_set: str) -> str:
    """Removes every assignment, and makes a new one: the role has another suffix then."""
    aws.unassign_permission_set("workload", permission_set)
    return assign(aws, permission_set, NEXT)


def sign_in(aws: Aws, permission_set: str, suffix: str = FIRST) -> Credentials:
    return aws.person_credentials("workload", role_name(permission_set, suffix))


def assumes(aws: Aws, credentials: Credentials, role_arn: str, **arguments: str) -> bool:
    """Whether these credentials can assume the role."""
    try:
        aws.assume("workload", role_arn, credentials, **arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
        return False
    return True
