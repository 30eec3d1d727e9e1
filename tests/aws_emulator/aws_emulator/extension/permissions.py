"""What a caller must be allowed before a call takes effect, and AWS's own words when it is not.

Owns: for each call, the list of (action, resource, condition keys) that AWS checks, and checking them against
the caller's identity policies, boundary and session policies. Must not know: how calls are answered.

Source of actions, resource types and condition keys: the Service Authorization Reference (`service_authorization`). A
need that the reference does not know is a fault of this emulator; a key that it does not list for the call is absent,
so that a condition on it is not met.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ministack.core import iam_evaluator

from . import service_authorization
from .call import AwsError, Call, Caller


@dataclass
class Need:
    action: str
    resource: str = "*"
    keys: dict = field(default_factory=dict)


_NEEDS: dict[tuple[str, str | None], Callable[[Call], Iterable[Need]]] = {}


def needs(service: str, *actions: str):
    """Register what these calls need; without actions, what all others of the service need."""

    def register(function):
        for action in actions or (None,):
            assert (service, action) not in _NEEDS, f"{service}:{action} has two lists of needs"
            _NEEDS[service, action] = function
        return function

    return register


def check(call: Call) -> None:
    """Raise AccessDenied, in the service's own code and words, unless every need is allowed."""
    if call.caller.policies is None:
        return
    for need in of(call):
        call.permissions.append(need.action)
        if decide(call.caller, need, call.region) != "Allow":
            raise denial(call, need)


def of(call: Call) -> Iterable[Need]:
    return (_NEEDS.get((call.service, call.action)) or _NEEDS[call.service, None])(call)


def decide(caller: Caller, need: Need, region: str) -> str:
    """Allow, Deny (explicit) or ImplicitDeny by the caller's identity policies and their limits; the root user is
    allowed everything."""
    if caller.policies is None:
        return "Allow"
    return iam_evaluator.evaluate(_context(caller, need, region), caller.policies, *caller.limits).decision


def denial(call: Call, need: Need | None = None) -> AwsError:
    """IAM user guide, "Troubleshoot access denied error messages": who, what, on what, and which kind of policy
    decided."""
    otherwise = Need(f"{call.service}:{call.action}", call.params.get("RoleArn", "*"))
    need = need or next(iter(of(call)), otherwise)
    message = (
        f"User: {call.caller.arn} is not authorized to perform: {need.action} on resource: {need.resource} "
        f"{_reason(call.caller, need, call.region)}"
    )
    code = {"eks": "AccessDeniedException", "ec2": "UnauthorizedOperation"}.get(call.service, "AccessDenied")
    return AwsError(code, message, 403)


def _reason(caller: Caller, need: Need, region: str) -> str:
    context = _context(caller, need, region)
    layers = list(zip(_kinds(caller), [caller.policies or [], *caller.limits], strict=True))
    decisions = [(kind, iam_evaluator.evaluate(context, policies).decision) for kind, policies in layers]
    for kind, decision in decisions:
        if decision == "Deny":
            return f"with an explicit deny in {'an' if kind.startswith('i') else 'a'} {kind}"
    kind = next((kind for kind, decision in decisions if decision != "Allow"), decisions[0][0])
    return f"because no {kind} allows the {need.action} action"


def _kinds(caller: Caller) -> list[str]:
    """What each layer of the caller's policies is called: ministack puts the boundary before the session policies."""
    session = ["session policy"] if (caller.session or {}).get("SessionPolicies") else []
    boundary = ["permissions boundary"] * (len(caller.limits) - len(session))
    return ["identity-based policy", *boundary, *session]


def _context(caller: Caller, need: Need, region: str) -> iam_evaluator.EvalContext:
    keys = service_authorization.carried(need.action, need.resource, need.keys)
    return iam_evaluator.EvalContext(
        principal_arn=caller.principal_arn,
        principal_type=caller.kind,
        principal_account=caller.account,
        action=need.action,
        resource_arn=need.resource,
        region=region,
        service_context={"aws:tagkeys": None} | {name.lower(): value for name, value in keys.items()},
        principal_keys=caller.keys,
    )


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


@needs("sts")
def _anything(call: Call) -> list[Need]:
    """AssumeRole and AssumeRoleWithWebIdentity are decided together with the role's trust policy (`sts`)."""
    return [Need(f"sts:{call.action}")]


@needs("sts", "GetCallerIdentity", "GetSessionToken")
def _nothing(call: Call) -> list[Need]:
    """STS API reference, GetCallerIdentity: "No permissions are required to perform this operation"."""
    return []
