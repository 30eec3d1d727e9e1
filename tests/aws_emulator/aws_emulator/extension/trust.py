"""Whether a role's trust policy admits a principal.

Owns: matching a trust policy's principals and conditions. Must not know: how sessions are made (`sts`), how the
policy came to say what it says (`iam.effective_trust`).

IAM user guide, "AWS JSON policy elements: Principal" and "Policy evaluation logic"; within one account a trust
policy that names the caller itself is enough, one that names the account leaves it to the caller's identity policies
("How IAM roles differ from resource-based policies", "Cross-account policy evaluation logic").
"""

import dataclasses
from dataclasses import dataclass

from ministack.core.iam_evaluator import EvalContext, _action_matches, _conditions_met

from .call import Caller

NAMED, ACCOUNT = "named", "account"


@dataclass
class Asker:
    """Who asks to be let in, and what the conditions may look at."""

    kind: str  # the Principal element's key: AWS, Federated or Service
    name: str  # the provider's ARN or the service's name; for AWS the caller below
    caller: Caller
    region: str
    #: Context keys; a list means several values of which one must satisfy a condition.
    keys: dict


def admits(document: dict, action: str, role_arn: str, asker: Asker) -> str | None:
    """NAMED if a statement names the asker itself, ACCOUNT if only its account, None if it is not let in."""
    found = None
    for statement in _listed(document.get("Statement", [])):
        actions, not_actions = _listed(statement.get("Action", [])), _listed(statement.get("NotAction", []))
        if not (actions or not_actions) or not _action_matches(action, actions, not_actions):
            continue
        match = _matches(statement.get("Principal", {}), asker)
        if match is None or not _conditions(statement.get("Condition", {}), action, role_arn, asker):
            continue
        if statement.get("Effect") == "Deny":
            return None
        found = NAMED if NAMED in (match, found) else match
    return found


def _matches(principal, asker: Asker) -> str | None:
    if principal == "*":
        principal = {"AWS": "*"}
    if not isinstance(principal, dict):
        return None
    matches = [_match(value, asker) for value in _listed(principal.get(asker.kind, []))]
    return NAMED if NAMED in matches else ACCOUNT if ACCOUNT in matches else None


def _match(value: str, asker: Asker) -> str | None:
    if asker.kind != "AWS":
        return NAMED if value == asker.name else None
    caller = asker.caller
    if value in ("*", caller.arn, caller.principal_arn, caller.unique_id):
        return NAMED
    account = value.split(":")[4] if value.endswith(":root") and value.count(":") == 5 else value
    return ACCOUNT if account == caller.account else None


def _conditions(conditions: dict, action: str, role_arn: str, asker: Asker) -> bool:
    contexts = [{}]
    for name, value in asker.keys.items():
        values = value if isinstance(value, list) and not name.lower().endswith("tagkeys") else [value]
        contexts = [context | {name.lower(): one} for context in contexts for one in values]
    # aws:PrincipalArn, its account, type and tags describe a caller; a web identity and a service have none.
    has_caller = asker.kind == "AWS"
    base = EvalContext(
        principal_arn=asker.caller.principal_arn if has_caller else None,
        principal_type=asker.caller.kind if has_caller else None,
        principal_account=asker.caller.account if has_caller else None,
        action=action,
        resource_arn=role_arn,
        region=asker.region,
        principal_keys=asker.caller.keys if has_caller else {},
    )
    return any(_conditions_met(conditions, dataclasses.replace(base, service_context=context)) for context in contexts)


def _listed(value) -> list:
    return value if isinstance(value, list) else [value]
