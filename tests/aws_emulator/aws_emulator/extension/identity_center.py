"""Roles that IAM Identity Center makes of permission sets: only AWS may change them.

IAM Identity Center user guide, "Referencing permission sets in resource policies, Amazon EKS, and AWS KMS":
AWSReservedSSO_NAME_SUFFIX under /aws-reserved/sso.amazonaws.com/REGION/; "If your identity source in IAM Identity
Center is hosted in us-east-1, there is no aws-region in the ARN". "If you delete all assignments to this permission set
in the AWS account, the corresponding role that IAM Identity Center created is also deleted"; a new assignment creates
one with another suffix. IAM answers UnmodifiableEntity to who would edit one.
"""

import json

from ministack.core.responses import request_scope
from ministack.services import iam

from . import iam_principals
from .iam_calls import new_id, now

_PREFIX = "AWSReservedSSO_"
_INLINE = "AwsSSOInlinePolicy"


def make_role(account: str, region: str, permission_set: str, suffix: str, policy: dict) -> str:
    """The role of a permission set with an inline policy; returns its ARN."""
    name = f"{_PREFIX}{permission_set}_{suffix}"
    path = f"/aws-reserved/sso.amazonaws.com/{'' if region == 'us-east-1' else f'{region}/'}"
    provider = f"arn:aws:iam::{account}:saml-provider/AWSSSO_0123456789abcdef_DO_NOT_DELETE"
    actions = ["sts:AssumeRoleWithSAML", "sts:TagSession"]
    statement = {"Effect": "Allow", "Principal": {"Federated": provider}, "Action": actions}
    role = {
        "RoleName": name,
        "Path": path,
        "Arn": f"arn:aws:iam::{account}:role{path}{name}",
        "RoleId": new_id("AROA"),
        "CreateDate": now(),
        "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": statement}),
        "Description": permission_set,
        "MaxSessionDuration": 43200,
        "PermissionsBoundary": None,
        "AttachedPolicies": [],
        "InlinePolicies": {_INLINE: json.dumps(policy)},
        "Tags": [],
    }
    with request_scope(account, region):
        iam._roles[name] = role
    return role["Arn"]


def delete_role(account: str, region: str, permission_set: str) -> None:
    """What becomes of the role when no assignment of the permission set to the account is left."""
    with request_scope(account, region):
        for name, role in list(iam._roles.items()):
            if name.rpartition("_")[0] == f"{_PREFIX}{permission_set}":
                del iam._roles[name]
                iam_principals.forget(role["Arn"], role["RoleId"])
