"""Who exists in IAM, in any account: ARNs and the unique ids hidden behind them.

AWS stores principals by unique id, not by name: on saving a trust policy the principal's ARN is transformed to the
unique id, and shows as that id once the principal is gone (IAM user guide, "AWS JSON policy elements: Principal").
Owns: looking up roles and users, through the delayed view of `consistency`. Must not know: policies, services.
"""

import re

from . import consistency

_ARN = re.compile(r"arn:(?:aws|aws-cn|aws-us-gov):iam::(\d{12}):(role|user)(/|/.*/)([\w+=,.@-]+)")


def find(arn: str) -> dict | None:
    """The record of the role or user that this ARN names now: case and path must agree."""
    match = _ARN.fullmatch(arn)
    if not match:
        return None
    account, kind, path, name = match.groups()
    entity = consistency.visible("_roles" if kind == "role" else "_users").get((account, name))
    return entity if entity and (entity.get("Path") or "/") == path else None


def unique_id(arn: str) -> str | None:
    """AROA… or AIDA… behind this ARN, or None if it names no principal."""
    entity = find(arn) or {}
    return entity.get("RoleId") or entity.get("UserId")


def role(account: str, name: str) -> dict | None:
    return consistency.visible("_roles").get((account, name))


def oidc_provider(arn: str) -> dict | None:
    """The record of the OIDC identity provider with this ARN."""
    account = arn.split(":")[4]
    return consistency.visible("_oidc_providers").get((account, arn))
