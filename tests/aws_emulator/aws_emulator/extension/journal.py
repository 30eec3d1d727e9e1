"""The log of every call: what proves that a plan reads only and that a policy is the least one.

Owns: the log, and how many calls are under way. Must not know: what the calls do.
"""

import asyncio
import contextlib
import itertools
import threading

_entries: list[dict] = []
_numbers = itertools.count(1)
_lock = threading.Lock()
_under_way = 0


@contextlib.contextmanager
def under_way():
    global _under_way
    _under_way += 1
    try:
        yield
    finally:
        _under_way -= 1


async def quiet() -> None:
    """Until no call is under way, nor one read from a connection whose other end is gone."""
    still = 0
    while still < 3:
        await asyncio.sleep(0.01)
        still = 0 if _under_way else still + 1


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
