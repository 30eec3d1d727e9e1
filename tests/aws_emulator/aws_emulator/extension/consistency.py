"""Eventual consistency, on demand: what was written reaches readers some seconds later.

IAM user guide, "Troubleshoot IAM: Changes that I make are not always immediately visible": IAM "uses a distributed
computing model called eventual consistency", so a principal may not be found right after it was made. EC2 developer
guide, "Eventual consistency in the Amazon EC2 API": a request that follows a change may not see it, and answers
Invalid…ID.NotFound. EKS: an access entry that was made a moment ago may not be found yet (users' reports of
ResourceNotFoundException from AssociateAccessPolicy, such as issue 3024 of terraform-aws-modules/terraform-aws-eks).
IAM's lists lag on their own too: pull request 4209 of terraform-provider-aws ignores NoSuchEntity from
DetachRolePolicy, since it "sometimes gets outdated list of attached policies from AWS".
Owns: the delayed view of IAM and who sees it, and for how long other new objects stay unseen. `identities` looks
through it, so the principals that a trust policy or an access entry names and the roles that STS is asked for are seen
late; IAM's own Get and List calls only if asked for. Writes always meet the current state. Off unless `set_delay` or
`set_list_delay` is called.
"""

import contextlib
import pickle
import time
from collections import deque

from ministack.services import iam as stock

from .call import Call

_STORES = ("_roles", "_users", "_policies", "_instance_profiles", "_oidc_providers")
_READS = ("Get", "List")

_delay = 0.0
_iam_reads = False
#: How late IAM's List calls are, whatever its Get calls see.
_list_delay = 0.0
#: For how long a new access entry, and at the accepter a new peering connection, stays unseen.
_new_unseen = 0.0
#: (when it ceased to be current, the stores' content until then), oldest first.
_past: deque = deque()


def set_delay(seconds: float, iam_reads: bool = False, new_objects: float = 0.0) -> None:
    global _delay, _iam_reads, _new_unseen
    _delay, _iam_reads, _new_unseen = seconds, iam_reads, new_objects
    forget()


def set_list_delay(seconds: float) -> None:
    """IAM's lists show what there was so long ago: also what a Get does not find, and not what it finds."""
    global _list_delay
    _list_delay = seconds
    forget()


def forget() -> None:
    """What there was: after a restore it belongs to a state that is gone."""
    _past.clear()


def is_unseen(made: float) -> bool:
    """Whether readers do not see yet what EKS or EC2 made at that time (of `time.time`)."""
    return _new_unseen > 0 and time.time() < made + _new_unseen


def visible(store: str) -> dict:
    """The raw content of one of ministack's IAM stores, as others see it now."""
    content = _at(_delay)
    return content[store] if content else getattr(stock, store)._data


@contextlib.contextmanager
def around(call: Call):
    """Remember what an IAM write replaces, and show IAM's reads the delayed view if asked for."""
    if call.service != "iam" or max(_delay, _list_delay) <= 0:
        yield
    elif not call.action.startswith(_READS):
        before = _content()
        yield
        _past.append((time.monotonic(), before))
    elif late := _at(_delay_of(call)):
        # IAM's handlers never suspend, so no other request runs while the stores are swapped.
        now = {name: getattr(stock, name)._data for name in _STORES}
        _show(late)
        try:
            yield
        finally:
            _show(now)
    else:
        yield


def _delay_of(call: Call) -> float:
    """How late this read of IAM is."""
    delay = _delay if _iam_reads else 0.0
    return max(delay, _list_delay) if call.action.startswith(("List", "GetAccountAuthorizationDetails")) else delay


def _at(seconds: float) -> dict | None:
    """The stores' content so many seconds ago, or None where it is the same as now."""
    now = time.monotonic()
    while _past and _past[0][0] <= now - max(_delay, _list_delay):
        _past.popleft()
    return next((content for ceased, content in _past if ceased > now - seconds), None) if seconds > 0 else None


def _content() -> dict:
    return {name: pickle.loads(pickle.dumps(getattr(stock, name)._data, -1)) for name in _STORES}


def _show(content: dict) -> None:
    for name, data in content.items():
        getattr(stock, name)._data = data
