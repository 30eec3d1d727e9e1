"""What a caller must be allowed before a call takes effect, and AWS's own words when it is not.

Owns: for each call, the list of (action, resource, condition keys) that AWS checks, and checking them against
the caller's identity policies, boundary and session policies. Must not know: how calls are answered.

Source of actions, resource types and condition keys: the Service Authorization Reference, pages "Actions,
resources, and condition keys for Amazon EKS / AWS IAM / AWS STS / Amazon EC2".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ministack.core import iam_actions, iam_evaluator

from .call import AwsError, Call, Caller


@dataclass
class Need:
    action: str
    resource: str = "*"
    keys: dict = field(default_factory=dict)


_NEEDS: dict[tuple[str, str], Callable[[Call], Iterable[Need]]] = {}


def needs(service: str, *actions: str):
    """Register what these calls need; without it a call needs `service:Action` on ministack's idea of its resource."""

    def register(function):
        for action in actions:
            assert (service, action) not in _NEEDS, f"{service}:{action} has two lists of needs"
            _NEEDS[service, action] = function
        return function

    return register


def check(call: Call) -> None:
    """Raise AccessDenied, in the service's own code and words, unless every need is allowed."""
    for need in of(call):
        decision = decide(call.caller, need, call.region)
        if decision != "Allow":
            raise denial(call, need, explicit=decision == "Deny")


def of(call: Call) -> Iterable[Need]:
    listed = _NEEDS.get((call.service, call.action))
    return listed(call) if listed else [Need(f"{call.service}:{call.action}", "*")]


def decide(caller: Caller, need: Need, region: str) -> str:
    """Allow, Deny (explicit) or ImplicitDeny by the caller's identity policies and their limits."""
    if caller.policies is None:
        return "Allow"
    context = iam_evaluator.EvalContext(
        principal_arn=caller.principal_arn,
        principal_type=caller.kind,
        principal_account=caller.account,
        action=need.action,
        resource_arn=need.resource,
        region=region,
        service_context={"aws:tagkeys": None} | {name.lower(): value for name, value in need.keys.items()},
        principal_keys=caller.keys,
    )
    return iam_evaluator.evaluate(context, caller.policies, *caller.limits).decision


def denial(call: Call, need: Need | None = None, explicit: bool = False) -> AwsError:
    need = need or next(iter(of(call)), Need(f"{call.service}:{call.action}"))
    message = iam_actions.identity_denial_message(need.action, call.caller.arn, need.resource, explicit)
    code = {"eks": "AccessDeniedException", "ec2": "UnauthorizedOperation"}.get(call.service, "AccessDenied")
    return AwsError(code, message, 403)


def request_tags(tags) -> dict:
    """aws:RequestTag/… and aws:TagKeys for a request's tags, as a map or as Key/Value pairs."""
    pairs = tags.items() if isinstance(tags, dict) else [(tag["Key"], tag.get("Value", "")) for tag in tags or []]
    pairs = list(pairs)
    if not pairs:
        return {}
    return {f"aws:RequestTag/{key}": value for key, value in pairs} | {"aws:TagKeys": [key for key, _ in pairs]}


def resource_tags(tags) -> dict:
    pairs = tags.items() if isinstance(tags, dict) else [(tag["Key"], tag.get("Value", "")) for tag in tags or []]
    return {f"aws:ResourceTag/{key}": value for key, value in pairs}


@needs("sts", "GetCallerIdentity", "GetSessionToken")
def _nothing(call: Call) -> list[Need]:
    """STS API reference, GetCallerIdentity: "No permissions are required to perform this operation"."""
    return []
