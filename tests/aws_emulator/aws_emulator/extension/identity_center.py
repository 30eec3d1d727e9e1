"""Roles that IAM Identity Center makes of permission sets: only AWS may change them.

IAM Identity Center user guide, "Referencing permission sets in resource policies": AWSReservedSSO_NAME_SUFFIX under
/aws-reserved/sso.amazonaws.com/REGION/. IAM answers UnmodifiableEntity to who would edit one.
"""

import json

from ministack.core.responses import request_scope
from ministack.services import iam

from .iam_calls import new_id, now

_INLINE = "AwsSSOInlinePolicy"


def make_role(account: str, region: str, permission_set: str, suffix: str, policy: dict) -> str:
    """The role of a permission set with an inline policy; returns its ARN."""
    name = f"AWSReservedSSO_{permission_set}_{suffix}"
    path = f"/aws-reserved/sso.amazonaws.com/{region}/"
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
