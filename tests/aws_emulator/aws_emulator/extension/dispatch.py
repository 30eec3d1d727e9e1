"""The way of every EKS, IAM, STS and EC2 call through the extension; other services go to ministack untouched.

Authenticate, inject faults, check the parameters against the service's model, check permissions, answer, check the
answer against the model, log.
Owns: that order. Must not know: any service's rules.
"""

import inspect
import logging

from ministack import app as stock_app
from ministack.core.responses import fix_error_content_type, fix_success_content_type, get_account_id, get_region
from ministack.core.router import detect_service

from . import (
    answers,
    authentication,
    consistency,
    faults,
    iam_writes,
    journal,
    permissions,
    validation,
    wire,
    wrong_signature,
)
from .call import HANDLERS, AwsError, Call, Caller, Response

_stock_dispatch = stock_app._dispatch_service_request


def install() -> None:
    stock_app._dispatch_service_request = dispatch


async def dispatch(method: str, path: str, headers: dict, body: bytes, query: dict, request_id: str) -> Response:
    service = detect_service(method, path, headers, stock_app._routing_params(method, path, headers, body, query))
    if service not in wire.SERVICES:
        return await _stock_dispatch(method, path, headers, body, query, request_id)
    decoded = wire.decode_request(service, method, path, query, body)
    action, params, unknown = decoded or ("", {}, [])

    async def stock(form: dict | None) -> Response:
        sent = wire.replace_form(body, form) if form else body
        return await stock_app.SERVICE_HANDLERS[service](method, path, headers, sent, query)

    call = Call(
        service=service,
        action=action,
        account=get_account_id(),
        region=get_region(),
        params=params,
        caller=Caller(account=get_account_id()),
        request_id=request_id,
        unknown=unknown,
        request=wrong_signature.canonical(method, path, headers, query, body),
        _stock=stock,
        _decode=lambda response: wire.decode_answer(service, action, response),
    )
    try:
        with journal.under_way():
            response, error, invented = await _answer(call, headers, query)
    except faults.ConnectionLost:
        journal.record(call, None, "ConnectionLost")
        raise
    journal.record(call, response[0], error)
    if not invented:
        answers.check(call, response)
    accepts = {value for name, value in headers.items() if name.lower() == "accept"}
    if service == "sts" and call.action and accepts == {"application/json"}:
        return wire.as_json(service, call.action, response, request_id)
    return _finished(service, response, request_id)


async def _answer(call: Call, headers: dict, query: dict) -> tuple[Response, str | None, bool]:
    """The answer, its error code, and whether a test invented that code."""
    try:
        if not call.action:
            raise validation.unknown_operation(call.service)
        call.caller = authentication.caller_of(call.service, call.action, headers, query)
        armed = faults.matching(call)
        await faults.before(call, armed, permissions.denial)
        validation.check(call)
        permissions.check(call)
        with iam_writes.around(call), consistency.around(call):
            response = await _result(call)
        await faults.after(armed)
        await iam_writes.until_answered(call)
    except authentication.Unauthenticated as refused:
        failure = refused.failure
        action = f"{call.service}:{call.action}"
        response = stock_app._credential_failure(call.service, action, call.request_id, failure, headers)
        return response, failure.code, False
    except AwsError as error:
        invented = isinstance(error, faults.Invented)
        return wire.encode_error(call.service, error, call.request_id), error.code, invented
    except faults.ConnectionLost:
        raise
    except Exception:
        # A fault of this emulator: loud here, and at the caller nothing that AWS would answer.
        logging.getLogger("aws_emulator").exception("%s:%s failed", call.service, call.action)
        failure = AwsError(
            "EmulatorFault", f"{call.service}:{call.action} failed inside the emulated AWS; see its log", 501
        )
        return wire.encode_error(call.service, failure, call.request_id), failure.code, False
    return response, None if response[0] < 400 else _code_of(call, response), False


async def _result(call: Call) -> Response:
    handler = HANDLERS.get((call.service, call.action))
    if handler is None:
        return await call.forward()
    result = handler(call)
    if inspect.isawaitable(result):
        result = await result
    return (
        result if isinstance(result, tuple) else wire.encode_result(call.service, call.action, result, call.request_id)
    )


def _code_of(call: Call, response: Response) -> str:
    try:
        wire.decode_answer(call.service, call.action, response)
    except AwsError as error:
        return error.code
    return "Unknown"


def _finished(service: str, response: Response, request_id: str) -> Response:
    status, headers, body = response
    fix_error_content_type(service, status, headers)
    fix_success_content_type(service, status, headers)
    return status, headers | {"x-amzn-requestid": request_id, "x-amz-request-id": request_id}, body
