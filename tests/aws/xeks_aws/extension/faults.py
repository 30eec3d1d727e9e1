"""Faults on demand: what a network and a busy AWS do to a call.

Owns: the list of armed faults and which call each of them hits. Must not know: what the call means.

Kinds:
  latency      answer after `seconds`
  throttle     refused before any effect, with the code that the service uses for it
  500, 503     refused before any effect, as the service's own internal error
  reset        the connection is reset before any effect
  lost_answer  the call takes effect, then the connection is reset
  deny         refused as a missing permission is
  error        refused before any effect with `code`, `message` and `status`
"""

import asyncio
import itertools
import threading
from dataclasses import asdict, dataclass, field

from .call import AwsError, Call

KINDS = ("latency", "throttle", "500", "503", "reset", "lost_answer", "deny", "error")

# Throttling codes as in botocore's retry rules (data/_retry.json) and the services' models: EKS models
# ThrottlingException; IAM and STS answer Throttling; EC2 answers RequestLimitExceeded with 503.
_THROTTLING = {
    "eks": ("ThrottlingException", 429),
    "iam": ("Throttling", 400),
    "sts": ("Throttling", 400),
    "ec2": ("RequestLimitExceeded", 503),
}
_INTERNAL = {"eks": "ServerException", "iam": "ServiceFailure", "sts": "InternalFailure", "ec2": "InternalError"}
_UNAVAILABLE = {
    "eks": "ServiceUnavailableException",
    "iam": "ServiceUnavailable",
    "sts": "ServiceUnavailable",
    "ec2": "Unavailable",
}


class ConnectionLost(Exception):
    """The server is to drop this connection without an answer."""


@dataclass
class Fault:
    kind: str
    service: str | None = None
    action: str | None = None
    account: str | None = None
    #: Part of the caller's ARN, such as `xeks-runner`.
    principal: str | None = None
    #: How many calls it hits; None is all of them.
    times: int | None = 1
    #: How many matching calls it lets pass first.
    after: int = 0
    seconds: float = 0.0
    code: str = "InternalError"
    message: str = "injected fault"
    status: int = 400
    seen: int = 0
    hit: int = 0
    number: int = field(default_factory=itertools.count(1).__next__)

    def takes(self, call: Call) -> bool:
        wanted = ((self.service, call.service), (self.action, call.action), (self.account, call.account))
        if any(want not in (None, have) for want, have in wanted) or (self.principal or "") not in call.caller.arn:
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hit >= self.times):
            return False
        self.hit += 1
        return True


_armed: list[Fault] = []
#: Counts the resets.
_world = 0
_lock = threading.Lock()


def add(**fields) -> int:
    if fields.get("kind") not in KINDS:
        raise ValueError(f"no fault of kind {fields.get('kind')!r}: one of {', '.join(KINDS)}")
    fault = Fault(**fields)
    with _lock:
        _armed.append(fault)
    return fault.number


def clear() -> None:
    with _lock:
        _armed.clear()


def reset() -> None:
    """Also give up on calls that are held back: they belong to a world that is gone."""
    global _world
    clear()
    _world += 1


def armed() -> list[dict]:
    with _lock:
        return [asdict(fault) for fault in _armed]


def matching(call: Call) -> list[Fault]:
    with _lock:
        return [fault for fault in _armed if fault.takes(call)]


async def before(call: Call, faults: list[Fault], denial) -> None:
    """Apply what happens before the call takes effect; raises what the caller is to see."""
    for fault in faults:
        if fault.kind == "latency":
            world = _world
            await asyncio.sleep(fault.seconds)
            if world != _world:
                raise ConnectionLost
        elif fault.kind == "throttle":
            code, status = _THROTTLING[call.service]
            raise AwsError(code, "Rate exceeded", status)
        elif fault.kind == "500":
            raise AwsError(_INTERNAL[call.service], fault.message, 500)
        elif fault.kind == "503":
            raise AwsError(_UNAVAILABLE[call.service], fault.message, 503)
        elif fault.kind == "reset":
            raise ConnectionLost
        elif fault.kind == "deny":
            raise denial(call)
        elif fault.kind == "error":
            raise AwsError(fault.code, fault.message, fault.status)


def after(faults: list[Fault]) -> None:
    """Lose the answer of a call that took effect."""
    if any(fault.kind == "lost_answer" for fault in faults):
        raise ConnectionLost
