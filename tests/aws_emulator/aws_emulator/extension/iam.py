"""IAM as AWS does it, where ministack differs: the files that hold its rules, and what other services ask of it."""

from . import (  # noqa: F401
    iam_instance_profiles,
    iam_oidc,
    iam_permissions,
    iam_quotas,
    iam_role_policies,
    iam_roles,
    iam_users,
)
from .iam_roles import effective_trust  # noqa: F401  STS asks for it
