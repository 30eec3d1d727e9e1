"""The tests' own door, under /_xeks/: JSON in, JSON out, no signature.

Owns: the list of what can be asked from outside the server's process. Must not know: how any of it is done.
"""

import json
from collections.abc import Callable

from . import accounts, story
from .extension import consistency, faults, journal, state

PREFIX = "/_xeks/"
_started_with_story = False


def begin(with_story: bool) -> None:
    """Seed the accounts, and the first story's objects if wanted, now and after every reset."""
    global _started_with_story
    _started_with_story = with_story
    accounts.seed()
    if with_story:
        story.seed()


def _reset(_: dict) -> dict:
    state.reset()
    begin(_started_with_story)
    return {}


def _story(_: dict) -> dict:
    return story.seed()


def _add_fault(body: dict) -> dict:
    return {"number": faults.add(**body)}


def _clear_faults(_: dict) -> dict:
    faults.clear()
    return {}


def _calls(body: dict) -> dict:
    return {"calls": journal.entries(body.get("since", 0))}


def _clear_calls(_: dict) -> dict:
    journal.clear()
    return {}


def _set_delay(body: dict) -> dict:
    consistency.set_delay(**body)
    return {}


ROUTES: dict[str, Callable[[dict], dict]] = {
    "reset": _reset,
    "story": _story,
    "dump": lambda _: state.dump(),
    "faults/add": _add_fault,
    "faults/clear": _clear_faults,
    "faults/list": lambda _: {"faults": faults.armed()},
    "calls/list": _calls,
    "calls/clear": _clear_calls,
    "consistency": _set_delay,
}


async def app(scope, receive, send) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    status, answer = _answer(scope["path"].removeprefix(PREFIX), body)
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(answer, sort_keys=True).encode()})


def _answer(route: str, body: bytes) -> tuple[int, dict]:
    if route not in ROUTES:
        return 404, {"error": f"no such route: one of {', '.join(sorted(ROUTES))}"}
    try:
        return 200, ROUTES[route](json.loads(body or b"{}"))
    except (KeyError, TypeError, ValueError, LookupError) as error:
        return 400, {"error": f"{type(error).__name__}: {error}"}
