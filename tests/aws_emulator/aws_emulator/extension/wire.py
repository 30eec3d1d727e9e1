"""Requests and answers in AWS's own encodings, driven by botocore's service models.

Owns: the four services' models, decoding a request into botocore's input shape, encoding a result or an
error, decoding ministack's answers. Must not know: what any call means.

Protocols: IAM and STS speak `query`, EC2 speaks `ec2`, EKS speaks `rest-json` (the models' `protocol`).
"""

import base64
import datetime
import functools
import json
import re
from typing import NamedTuple
from urllib.parse import parse_qs, urlencode
from xml.sax.saxutils import escape

from botocore import parsers
from botocore.loaders import Loader
from botocore.model import ServiceModel

from .call import AwsError, Response

SERVICES = ("eks", "iam", "sts", "ec2")


@functools.cache
def model(service: str) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


# --- requests -------------------------------------------------------------------------------------------

#: What a form or a query string holds beside the call's own parameters (IAM user guide, "Elements of an AWS API
#: request signature"; EC2 API reference, "Common parameters").
_NOT_PARAMETERS = re.compile(
    r"Action|Version|X-Amz-[\w-]+|AWSAccessKeyId|Expires|SecurityToken|Signature|SignatureMethod|SignatureVersion|Timestamp"
)


class Request(NamedTuple):
    """A call in botocore's input shape; `unknown` are parameters that the shape does not have, as they were sent."""

    action: str
    params: dict
    unknown: list[str]


def decode_request(service: str, method: str, path: str, query: dict, body: bytes) -> Request | None:
    """The action and its parameters, or None where the model has no such call."""
    if service == "eks":
        return _decode_rest(service, method, path, query, body)
    form = {name: values[-1] for name, values in query.items()}
    form |= dict(_form_items(body))
    action = form.get("Action", "")
    if action not in model(service).operation_names:
        return None
    shape, unknown = model(service).operation_model(action).input_shape, []
    tree = _tree({name: value for name, value in form.items() if not _NOT_PARAMETERS.fullmatch(name)})
    if shape is None:
        return Request(action, {}, list(tree))
    return Request(action, _decode_structure(service, shape, tree, "", unknown), unknown)


def replace_form(body: bytes, changes: dict[str, str | None]) -> bytes:
    form = dict(_form_items(body)) | changes
    return urlencode({name: value for name, value in form.items() if value is not None}).encode()


def _form_items(body: bytes):
    for name, values in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items():
        yield name, values[-1]


#: Where a node of the tree holds its own value, beside its children.
_VALUE = ""


def _tree(form: dict[str, str]) -> dict:
    """Tags.member.1.Key=a as {"Tags": {"member": {"1": {"Key": {"": "a"}}}}}."""
    tree: dict = {}
    for name, value in form.items():
        node = tree
        for part in name.split("."):
            node = node.setdefault(part, {})
        node[_VALUE] = value
    return tree


def _decode_structure(service: str, shape, node: dict, path: str, unknown: list[str]) -> dict:
    found, members = {}, _form_members(service, shape)
    for written, child in node.items():
        if written not in members:
            unknown.append(f"{path}{written}" if written else path.rstrip("."))
            continue
        name, member = members[written]
        value = _decode_member(service, member, child, path + written, unknown)
        if value is not None:
            found[name] = value
    return found


@functools.cache
def _form_members(service: str, shape) -> dict:
    """form name -> (member name, shape)."""
    return {_form_name(service, name, member): (name, member) for name, member in shape.members.items()}


def _form_name(service: str, name: str, member) -> str:
    serialization = member.serialization
    if service == "ec2":
        written = serialization.get("queryName") or serialization.get("name", name)
        return serialization.get("queryName") or written[0].upper() + written[1:]
    return serialization.get("name", name)


def _decode_member(service: str, shape, node: dict, path: str, unknown: list[str]):
    kind = shape.type_name
    if kind == "structure":
        return _decode_structure(service, shape, node, path + ".", unknown)
    if kind == "list":
        if service != "ec2" and not shape.serialization.get("flattened"):
            base = shape.member.serialization.get("name", "member")
            unknown += [f"{path}.{other}" for other in node if other not in (base, _VALUE)]
            node, path = node.get(base, {}), f"{path}.{base}"
        unknown += [f"{path}.{other}" for other in node if other and not other.isdigit()]
        numbers = sorted((other for other in node if other.isdigit()), key=int)
        return [_decode_member(service, shape.member, node[each], f"{path}.{each}", unknown) for each in numbers]
    if kind == "map":
        entries = node.get("entry", {}).values()
        return {entry["key"][_VALUE]: entry.get("value", {}).get(_VALUE) for entry in entries}
    unknown += [f"{path}.{other}" for other in node if other]
    return typed(kind, node[_VALUE]) if _VALUE in node else None


_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


def typed(kind: str, text: str):
    """The value, or the text itself where it is none of that type."""
    if kind in ("integer", "long"):
        return int(text) if re.fullmatch(r"-?\d+", text) else text
    if kind in ("double", "float"):
        return float(text) if re.fullmatch(r"-?\d+(\.\d+)?([eE]-?\d+)?", text) else text
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind == "timestamp":
        return datetime.datetime.fromisoformat(text) if _TIMESTAMP.fullmatch(text) else text
    return text


@functools.cache
def _routes(service: str) -> list:
    """Every operation's method and path, the most literal first: an ARN in a label contains slashes."""
    routes = []
    for name in model(service).operation_names:
        http = model(service).operation_model(name).http
        uri = http["requestUri"].split("?")[0]
        parts = re.split(r"\{(\w+)\+?\}", uri)
        pattern = "".join(
            re.escape(part) if i % 2 == 0 else f"(?P<{part}>{_label(part)})" for i, part in enumerate(parts)
        )
        routes.append((sum(len(part) for part in parts[::2]), http["method"], re.compile(pattern), name))
    return sorted(routes, key=lambda route: -route[0])


def _label(name: str) -> str:
    return r".+" if name.lower().endswith("arn") else r"[^/]+"


def _decode_rest(service: str, method: str, path: str, query: dict, body: bytes) -> Request | None:
    for _, route_method, pattern, name in _routes(service):
        match = pattern.fullmatch(path) if route_method == method else None
        if not match:
            continue
        shape = model(service).operation_model(name).input_shape
        params, unknown = _decode_body(shape, body)
        labels, asked = match.groupdict(), {each for each in query if not _NOT_PARAMETERS.fullmatch(each)}
        for member_name, member in shape.members.items() if shape else ():
            written = member.serialization.get("name", member_name)
            if member.serialization.get("location") == "uri":
                params[member_name] = labels[written]
            elif member.serialization.get("location") == "querystring" and written in query:
                values, asked = query[written], asked - {written}
                params[member_name] = values if member.type_name == "list" else typed(member.type_name, values[-1])
        return Request(name, params, unknown + sorted(asked))
    return None


def _decode_body(shape, body: bytes) -> tuple[dict, list[str]]:
    try:
        written = json.loads(body) if body else {}
    except ValueError:
        written = None
    if not isinstance(written, dict):
        return {}, ["the body, which is no JSON object"]
    unknown = []
    return from_json(shape, written, "", unknown) if shape else written, unknown if shape else list(written)


def from_json(shape, value, path: str, unknown: list[str]):
    """A JSON value in botocore's names; members that the shape does not have go to `unknown`."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        members = _json_members(shape)
        unknown += [path + written for written in value if written not in members]
        return {
            name: from_json(member, value[written], f"{path}{written}.", unknown)
            for written, (name, member) in members.items()
            if value.get(written) is not None
        }
    if kind == "list" and isinstance(value, list):
        return [from_json(shape.member, one, f"{path}{number}.", unknown) for number, one in enumerate(value, 1)]
    if kind == "map" and isinstance(value, dict):
        return {key: from_json(shape.value, one, f"{path}{key}.", unknown) for key, one in value.items()}
    return value


@functools.cache
def _json_members(shape) -> dict:
    """name in the body -> (member name, shape)."""
    return {
        member.serialization.get("name", name): (name, member)
        for name, member in shape.members.items()
        if "location" not in member.serialization
    }


# --- answers --------------------------------------------------------------------------------------------


def encode_result(service: str, action: str, result: dict, request_id: str) -> Response:
    operation = model(service).operation_model(action)
    shape = operation.output_shape
    if service == "eks":
        return 200, {"Content-Type": "application/json"}, json.dumps(_to_json(shape, result)).encode()
    namespace = model(service).metadata["xmlNamespace"]
    content = _members_to_xml(service, shape, result) if shape else ""
    if service == "ec2":
        text = f'<{action}Response xmlns="{namespace}"><requestId>{request_id}</requestId>{content}</{action}Response>'
    else:
        wrapper = (shape.serialization.get("resultWrapper") if shape else None) or f"{action}Result"
        inner = f"<{wrapper}>{content}</{wrapper}>" if shape else ""
        text = (
            f'<{action}Response xmlns="{namespace}">{inner}'
            f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{action}Response>"
        )
    return 200, {"Content-Type": "text/xml"}, text.encode()


def encode_error(service: str, error: AwsError, request_id: str) -> Response:
    status = error.status or _modelled_status(service, error.code) or 400
    if service == "eks":
        body = {"__type": error.code, "message": error.message} | error.fields
        headers = {"Content-Type": "application/json", "x-amzn-errortype": error.code}
        return status, headers, json.dumps(body).encode()
    code, message = escape(error.code), escape(error.message)
    if service == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        side = "Sender" if status < 500 else "Receiver"
        text = (
            f'<ErrorResponse xmlns="{model(service).metadata["xmlNamespace"]}"><Error><Type>{side}</Type>'
            f"<Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return status, {"Content-Type": "text/xml"}, text.encode()


def decode_answer(service: str, action: str, response: Response) -> dict:
    """A raw answer in botocore's output shape; raises `AwsError` for an error answer."""
    status, headers, body = response
    protocol = model(service).metadata["protocol"]
    shape = model(service).operation_model(action).output_shape
    lower = {name.lower(): value for name, value in headers.items()}
    parsed = parsers.create_parser(protocol).parse({"status_code": status, "headers": lower, "body": body}, shape)
    parsed.pop("ResponseMetadata", None)
    if status >= 400:
        error = parsed.get("Error", {})
        raise AwsError(error.get("Code", "Unknown"), error.get("Message", ""), status)
    return parsed


def as_json(service: str, action: str, response: Response, request_id: str) -> Response:
    """The same answer to a caller that accepts JSON: what aws-iam-authenticator reads of STS (its pkg/token/token.go,
    `getCallerIdentityWrapper`)."""
    status = response[0]
    try:
        result = decode_answer(service, action, response)
        document = {f"{action}Response": {f"{action}Result": result, "ResponseMetadata": {"RequestId": request_id}}}
    except AwsError as error:
        fault = {"Type": "Sender", "Code": error.code, "Message": error.message}
        document = {"Error": fault, "RequestId": request_id}
    return status, {"Content-Type": "application/json"}, json.dumps(document, default=str).encode()


def _modelled_status(service: str, code: str) -> int | None:
    shape = model(service).shape_for_error_code(code)
    return shape.metadata.get("error", {}).get("httpStatusCode") if shape else None


def _to_json(shape, value):
    if value is None or shape is None:
        return value
    kind = shape.type_name
    if kind == "structure":
        named = {n: m.serialization.get("name", n) for n, m in shape.members.items()}
        return {named[n]: _to_json(shape.members[n], value[n]) for n in named if value.get(n) is not None}
    if kind == "list":
        return [_to_json(shape.member, item) for item in value]
    if kind == "map":
        return {key: _to_json(shape.value, item) for key, item in value.items()}
    if kind == "timestamp":
        return value.timestamp() if isinstance(value, datetime.datetime) else value
    return base64.b64encode(value).decode() if kind == "blob" and isinstance(value, bytes) else value


def _members_to_xml(service: str, shape, value: dict) -> str:
    text = ""
    for name, member in shape.members.items():
        if value.get(name) is not None:
            text += _to_xml(service, member, value[name], member.serialization.get("name", name))
    return text


def _to_xml(service: str, shape, value, tag: str) -> str:
    kind = shape.type_name
    if kind == "structure":
        return f"<{tag}>{_members_to_xml(service, shape, value)}</{tag}>"
    if kind == "list":
        flat = shape.serialization.get("flattened")
        each = tag if flat else shape.member.serialization.get("name", "member")
        items = "".join(_to_xml(service, shape.member, item, each) for item in value)
        return items if flat else f"<{tag}>{items}</{tag}>"
    if kind == "map":
        entries = "".join(
            f"<entry><key>{escape(k)}</key><value>{escape(str(v))}</value></entry>" for k, v in value.items()
        )
        return f"<{tag}>{entries}</{tag}>"
    return f"<{tag}>{escape(_scalar(kind, value))}</{tag}>"


def _scalar(kind: str, value) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "timestamp" and isinstance(value, (int, float)):
        value = datetime.datetime.fromtimestamp(value, datetime.UTC)
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
