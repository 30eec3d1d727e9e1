"""IAM as AWS does it, where ministack differs."""

import json

from . import identities


def effective_trust(account: str, role_name: str) -> dict | None:
    """The role's trust policy as AWS evaluates and shows it now; None if there is no such role."""
    role = identities.role(account, role_name)
    return role and json.loads(role["AssumeRolePolicyDocument"])
