"""The log of every call: what proves that a plan reads only and that a policy is the least one.

Owns: the log. Must not know: what the calls do.
"""

import itertools
import threading

_entries: list[dict] = []
_numbers = itertools.count(1)
_lock = threading.Lock()


def record(call, status: int | None, error: str | None) -> None:
    """`status` is None where the connection was dropped; `error` is the code of a refused call."""
    with _lock:
        _entries.append(
            {
                "number": next(_numbers),
                "account": call.account,
                "principal": call.caller.arn,
                "service": call.service,
                "action": call.action,
                "region": call.region,
                "permissions": list(call.permissions),
                "status": status,
                "error": error,
            }
        )


def entries(since: int = 0) -> list[dict]:
    with _lock:
        return [entry for entry in _entries if entry["number"] > since]


def clear() -> None:
    with _lock:
        _entries.clear()
