"""S3, which ministack answers and authorises itself: what it gets wrong about who asks is put right here.

Owns: what a role's session is worth once the role is gone. Must not know: buckets and objects.
"""

import dataclasses

from ministack.core import iam_evaluator as stock
from ministack.services import sts as stock_sts

from . import identities

_resolve_principal = stock.resolve_principal


def install() -> None:
    stock.resolve_principal = principal_of


def principal_of(access_key_id: str, account_id: str, credential=None):
    """ministack looks a session's role up by its name; on AWS a session belongs to the role's unique id, so that one
    made later under the same name gives it nothing (IAM user guide, "IAM identifiers", unique identifiers)."""
    principal = _resolve_principal(access_key_id, account_id, credential)
    if isinstance(principal, stock.AuthError) or principal.type != "AssumedRole":
        return principal
    session = stock_sts._sessions.get(access_key_id) or {}
    role = identities.role(principal.account, principal.arn.split(":assumed-role/")[1].split("/")[0])
    if role and role["RoleId"] == session.get("UserId", "").split(":")[0]:
        return principal
    return dataclasses.replace(principal, policies=[])
