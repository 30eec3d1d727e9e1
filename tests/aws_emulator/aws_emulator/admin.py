"""The tests' own door, under /_xeks/: JSON in, JSON out, no signature.

Owns: the list of what can be asked from outside the server's process. Must not know: how any of it is done.
"""

import inspect
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from . import accounts, story
from .extension import (
    answers,
    api_server,
    consistency,
    eks_clusters,
    eks_tokens,
    faults,
    iam_quotas,
    identity_center,
    issuers,
    journal,
    lags,
    state,
    sts,
    validation,
)
from .extension.call import AwsError

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
    """Fails, though it resets, if an answer since the last time was one that AWS would not give."""
    state.reset()
    begin(_started_with_story)
    answers.refuse()
    return {}


def _story(_: dict) -> dict:
    return story.seed()


def _add_fault(body: dict) -> dict:
    return {"number": faults.add(**body)}


def _clear_faults(_: dict) -> dict:
    faults.clear()
    return {}


async def _fault_hit(body: dict) -> dict:
    return {"hit": await faults.hit(body["seconds"])}


def _release(body: dict) -> dict:
    faults.release(**body)
    return {}


async def _quiet(_: dict) -> dict:
    await journal.quiet()
    return {}


def _restore(body: dict) -> dict:
    """Fails as a reset does."""
    state.restore(body["number"])
    answers.refuse()
    return {}


def _calls(body: dict) -> dict:
    return {"calls": journal.entries(body.get("since", 0))}


def _clear_calls(_: dict) -> dict:
    journal.clear()
    return {}


def _validated(_: dict) -> dict:
    """How many requests and answers were checked against AWS's models since the start, and how many answers were
    wrong."""
    return {"requests": validation.checked(), "answers": answers.checked(), "wrong": answers.found()}


def _set_delay(body: dict) -> dict:
    consistency.set_delay(**body)
    return {}


#: What lasts how long, in seconds.
SETTINGS: dict[str, Callable[[float], None]] = {
    "eks_updates": eks_clusters.set_update_seconds,
    "iam_writes": lags.WRITES.set_seconds,
    "lists": consistency.set_list_delay,
    "deletes": lags.REMOVALS.set_seconds,
    "arns": lags.NEW_ARNS.set_seconds,
    "entry_deletes": lags.DELETED_ENTRIES.set_seconds,
    "entries": lags.NEW_ENTRIES.set_seconds,
    "updates": lags.NEW_UPDATES.set_seconds,
}


def _settings(body: dict) -> dict:
    for name, seconds in body.items():
        SETTINGS[name](seconds)
    return {}


def _reset_settings(_: dict) -> dict:
    state.reset_settings()
    return {}


def _quotas(body: dict) -> dict:
    iam_quotas.raise_quotas(**body)
    return {}


def _upgrade(body: dict) -> dict:
    return {"update": eks_clusters.start_upgrade(**({"region": accounts.REGION} | body))["id"]}


def _finish_updates(_: dict) -> dict:
    eks_clusters.finish_updates()
    return {}


def _cluster_status(body: dict) -> dict:
    eks_clusters.set_status(body["cluster"], body["account"], body.get("region", accounts.REGION), body["status"])
    return {}


def _cluster_answer(body: dict) -> dict:
    eks_clusters.alter(body["cluster"], body["account"], body.get("region", accounts.REGION), body["answer"])
    return {}


def _api_server(body: dict) -> dict:
    api_server.set_state(body["account"], body.get("region", accounts.REGION), body["cluster"], body["state"])
    return {}


def _permission_set(body: dict) -> dict:
    return {"arn": identity_center.make_role(**({"region": accounts.REGION} | body))}


def _unassign_permission_set(body: dict) -> dict:
    identity_center.delete_role(**({"region": accounts.REGION} | body))
    return {}


def _service_account_token(body: dict) -> dict:
    return {"token": issuers.service_account_token(**({"region": accounts.REGION} | body))}


def _issuer_keys(body: dict) -> dict:
    issuers.publish(**({"region": accounts.REGION} | body))
    return {}


def _review_token(body: dict) -> dict:
    """What the cluster's API server would make of a token of `aws eks get-token`."""
    place = body["account"], body.get("region", accounts.REGION)
    try:
        return {"status": 200} | asdict(eks_tokens.review(body["token"], body["cluster"], *place))
    except eks_tokens.Refused as refused:
        return {"status": 401, "reason": str(refused)}


def _instance_session(body: dict) -> dict:
    return {"Credentials": sts.instance_session(**body)}


def _person_session(body: dict) -> dict:
    return {"Credentials": sts.person_session(**body)}


ROUTES: dict[str, Callable[[dict], dict | Awaitable[dict]]] = {
    "reset": _reset,
    "story": _story,
    "dump": lambda _: state.dump(),
    "faults/add": _add_fault,
    "faults/clear": _clear_faults,
    "faults/hit": _fault_hit,
    "faults/release": _release,
    "faults/list": lambda _: {"faults": faults.armed()},
    "calls/list": _calls,
    "calls/clear": _clear_calls,
    "calls/quiet": _quiet,
    "validated": _validated,
    "violations/list": lambda _: {"violations": answers.wrong()},
    "violations/take": lambda _: {"violations": answers.take()},
    "snapshot": lambda _: {"number": state.snapshot()},
    "restore": _restore,
    "consistency": _set_delay,
    "settings": _settings,
    "settings/reset": _reset_settings,
    "quotas": _quotas,
    "upgrade": _upgrade,
    "finish-updates": _finish_updates,
    "cluster-status": _cluster_status,
    "cluster-answer": _cluster_answer,
    "api-server": _api_server,
    "permission-set": _permission_set,
    "permission-set/unassign": _unassign_permission_set,
    "service-account-token": _service_account_token,
    "issuer-keys": _issuer_keys,
    "review-token": _review_token,
    "instance-session": _instance_session,
    "person-session": _person_session,
    "issued": lambda _: {"secrets": sts.issued()},
}


async def app(scope, receive, send) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    status, answer = await _answer(scope["path"].removeprefix(PREFIX), body)
    await _send(send, status, answer)


async def serve_issuer(path: str, send) -> bool:
    """The discovery documents of the clusters' issuers; False where there is none at this path."""
    document = issuers.document(path)
    if document is not None:
        await _send(send, 200, document)
    return document is not None


async def _send(send, status: int, answer: dict) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(answer, sort_keys=True).encode()})


async def _answer(route: str, body: bytes) -> tuple[int, dict]:
    if route not in ROUTES:
        return 404, {"error": f"no such route: one of {', '.join(sorted(ROUTES))}"}
    try:
        answer = ROUTES[route](json.loads(body or b"{}"))
        return 200, await answer if inspect.isawaitable(answer) else answer
    except (KeyError, TypeError, ValueError, AwsError) as error:
        return 400, {"error": f"{type(error).__name__}: {error}"}
