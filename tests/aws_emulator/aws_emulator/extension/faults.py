"""Faults on demand: what a network and a busy AWS do to a call.

Owns: the list of armed faults and which call each of them hits. Must not know: what the call means.

Kinds:
  latency      take effect, and answer, only after `seconds`, or with `spread` after a random time up to that
  throttle     refused before any effect, with the code that the service uses for it; with `rate` only what is above it
  500, 503     refused before any effect, as the service's own internal error
  reset        the connection is reset before any effect
  lost_answer  the call takes effect, then the connection is reset
  deny         refused as a missing permission is
  error        refused before any effect with `code`, `message` and `status`, by default the one of the service's model;
               without a code, as by `500`
  echo         refused before any effect as a wrong signature is, with the request repeated in the message
  expired      this call and all later ones of its account are refused as those of a session that has ended
  hold         kept from its effect until `release`
  hold_answer  the call takes effect, its answer is kept back until `release`
"""

import asyncio
import itertools
import random
import threading
import time
from dataclasses import asdict, dataclass, field

from . import error_codes, wrong_signature
from .call import AwsError, Call

KINDS = (
    "latency",
    "throttle",
    "500",
    "503",
    "reset",
    "lost_answer",
    "deny",
    "error",
    "echo",
    "expired",
    "hold",
    "hold_answer",
)

# Throttling codes as in botocore's retry rules (data/_retry.json) and the services' models: EKS models
# ThrottlingException; IAM and STS answer Throttling; EC2 answers RequestLimitExceeded with 503.
_THROTTLING = {
    "eks": ("ThrottlingException", 429),
    "iam": ("Throttling", 400),
    "sts": ("Throttling", 400),
    "ec2": ("RequestLimitExceeded", 503),
}
# The service's own where the operation models it, else that of all services: "Common Error Types" in the API references
# of EKS, IAM and STS, "Error codes" in EC2's.
_INTERNAL = ("ServerException", "ServiceFailure", "InternalError", "InternalFailure")
_UNAVAILABLE = ("ServiceUnavailableException", "Unavailable", "ServiceUnavailable")
# IAM and STS API references, common errors, ExpiredTokenException: 403, on the query protocol's wire ExpiredToken; EKS,
# common errors: ExpiredTokenException, 403; EC2 API reference, "Error codes": RequestExpired, a client error, 400.
_EXPIRED = {
    "eks": ("ExpiredTokenException", 403),
    "iam": ("ExpiredToken", 403),
    "sts": ("ExpiredToken", 403),
    "ec2": ("RequestExpired", 400),
}


class Invented(AwsError):
    """An error whose code a test chose: AWS need not know it."""


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
    spread: bool = False
    #: How many of the matching calls it hits, by a die that `seed` sets.
    chance: float = 1.0
    seed: int = 0
    #: Lets so many calls a second of each account pass, and `burst` at once after a pause: a token bucket, as AWS's are
    #: (EC2 API reference, "Request throttling", token bucket algorithm).
    rate: float | None = None
    burst: int = 1
    code: str | None = None
    message: str = "injected fault"
    status: int | None = None
    seen: int = 0
    hit: int = 0
    #: The account whose session has ended: `expired` stays with it, whatever is called next.
    ended: str | None = None
    number: int = field(default_factory=itertools.count(1).__next__)

    def __post_init__(self):
        self._dice = random.Random(self.seed)
        self._buckets: dict[str, tuple[float, float]] = {}

    def takes(self, call: Call) -> bool:
        if self.ended == call.account:
            self.hit += 1
            return True
        wanted = ((self.service, call.service), (self.action, call.action), (self.account, call.account))
        if any(want not in (None, have) for want, have in wanted) or (self.principal or "") not in call.caller.arn:
            return False
        self.seen += 1
        if self.seen <= self.after or (self.times is not None and self.hit >= self.times):
            return False
        if self.chance < 1 and self._dice.random() >= self.chance:
            return False
        if self.rate is not None and self._has_token(call.account):
            return False
        self.hit += 1
        self.ended = call.account if self.kind == "expired" else None
        return True

    def _has_token(self, account: str) -> bool:
        now = time.monotonic()
        tokens, then = self._buckets.get(account, (self.burst, now))
        tokens = min(self.burst, tokens + (now - then) * self.rate)
        self._buckets[account] = (tokens - 1 if tokens >= 1 else tokens, now)
        return tokens >= 1

    def time(self) -> float:
        return self.seconds * self._dice.random() if self.spread else self.seconds


_armed: list[Fault] = []
#: Calls that are held back wait for the end of this one; a release begins another.
_held: asyncio.Event | None = None
_dropped = False
#: Counts the resets.
_epoch = 0
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
    """Also give up on calls that are held back: they belong to a state that is gone."""
    global _epoch
    clear()
    release(drop=True)
    _epoch += 1


def release(drop: bool = False) -> None:
    """Let the calls go that are held back; or drop those that had no effect yet, as if they had never reached AWS."""
    global _held, _dropped
    if _held:
        _dropped = drop
        _held.set()
        _held = None


async def hit(seconds: float) -> bool:
    """Whether an armed fault has hit a call, waited for at most so long."""
    deadline = time.monotonic() + seconds
    while not any(fault["hit"] for fault in armed()):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True


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
            epoch = _epoch
            await asyncio.sleep(fault.time())
            if epoch != _epoch:
                raise ConnectionLost
        elif fault.kind == "throttle":
            code, status = _THROTTLING[call.service]
            raise AwsError(code, "Rate exceeded", status)
        elif fault.kind == "500" or (fault.kind == "error" and fault.code is None):
            raise AwsError(_known(call, _INTERNAL), fault.message, 500)
        elif fault.kind == "503":
            raise AwsError(_known(call, _UNAVAILABLE), fault.message, 503)
        elif fault.kind == "reset":
            raise ConnectionLost
        elif fault.kind == "deny":
            raise denial(call)
        elif fault.kind == "error":
            raise Invented(fault.code, fault.message, fault.status)
        elif fault.kind == "echo":
            raise wrong_signature.refusal(call)
        elif fault.kind == "expired":
            code, status = _EXPIRED[call.service]
            raise AwsError(code, "The security token included in the request is expired", status)
        elif fault.kind == "hold":
            await _until_released()
            if _dropped:
                raise ConnectionLost


def _known(call: Call, codes: tuple[str, ...]) -> str:
    return next(code for code in codes if error_codes.is_known(call.service, call.action, code))


async def after(faults: list[Fault]) -> None:
    """Lose or keep back the answer of a call that took effect."""
    if any(fault.kind == "hold_answer" for fault in faults):
        await _until_released()
    if any(fault.kind == "lost_answer" for fault in faults):
        raise ConnectionLost


async def _until_released() -> None:
    global _held
    _held = _held or asyncio.Event()
    await _held.wait()
