"""Answers against the services' models: what the emulator says must be what AWS could say.

Owns: reading an answer as it goes over the wire, and finding in it what the operation's model does not allow; the list
of what was found, and how many answers were looked at. Must not know: how answers come about.

An answer has only members that the operation's output shape has, each of the shape's type and within its constraints,
and all that the shape requires; an error has a code that the operation or the service documents, the status that the
model gives for it, and a message.
"""

import functools
import json
import re
import threading
from xml.etree import ElementTree

from . import error_codes
from .call import Call, Response
from .constraints import broken
from .wire import from_json, model, typed

#: (service, shape, demand of the model) -> values with which AWS itself does not meet it.
_OTHERWISE = {
    # AWS CLI reference, describe-access-entry and other examples of EKS: "tags": {}.
    ("eks", "TagMap", "length"): r"\{\}",
    # EC2 API reference, InternetGatewayAttachment: "the state is available when attached to a VPC"; Image, Platform:
    # "This value is set to windows for Windows AMIs".
    ("ec2", "AttachmentStatus", "enum"): "available",
    ("ec2", "PlatformValues", "enum"): "windows",
    # IAM user guide, "IAM identifiers": the root user's id is the account's.
    ("iam", "idType", "length"): r"\d{12}",
    # IAM API reference, AttachedPermissionsBoundary: "This data type can only have a value of Policy"; so in the AWS
    # CLI reference, create-user, and in issue 82 of awsdocs/iam-user-guide.
    ("iam", "PermissionsBoundaryAttachmentType", "enum"): "Policy",
}

_lock = threading.Lock()
_wrong: list[dict] = []
_checked = 0
_found = 0


class Wrong(ValueError):
    """The emulator answered what AWS would not."""


def checked() -> int:
    """How many answers were checked since the start."""
    return _checked


def found() -> int:
    """How many of them were wrong."""
    return _found


def wrong() -> list[dict]:
    """service, action and what is wrong of each answer that was, since they were last taken."""
    with _lock:
        return list(_wrong)


def take() -> list[dict]:
    """The same, and forget them."""
    with _lock:
        taken = list(_wrong)
        _wrong.clear()
    return taken


def refuse() -> None:
    """Raise Wrong if there was any wrong answer, and forget them."""
    if taken := take():
        raise Wrong("answers that AWS would not give: " + json.dumps(taken))


def check(call: Call, response: Response) -> None:
    """Remember what is wrong with the answer."""
    global _checked, _found
    what = list(problems(call.service, call.action, response))
    with _lock:
        _checked += 1
        if what:
            _found += 1
            _wrong.append({"service": call.service, "action": call.action, "status": response[0], "what": what})


def problems(service: str, action: str, response: Response):
    """What the models don't allow in this answer, in words."""
    status, _, body = response
    try:
        if status >= 400:
            yield from _of_error(service, action, status, body)
        else:
            yield from _of_result(service, action, body)
    except (ValueError, ElementTree.ParseError) as error:
        yield f"the body can't be read: {error}"


def _of_result(service: str, action: str, body: bytes):
    shape, unknown = model(service).operation_model(action).output_shape, []
    if service == "eks":
        written = json.loads(body or b"{}")
        value = from_json(shape, written, "", unknown) if shape else written
    else:
        value = _from_xml(shape, _result_of(service, action, shape, body, unknown), "", unknown) if shape else {}
    yield from (f"{name} is no member" for name in unknown)
    for each in broken(shape, value) if shape else ():
        if re.fullmatch(_OTHERWISE.get((service, each.shape, each.rule), "(?!)"), str(each.value)):
            continue
        yield f"{'.'.join(map(str, each.path))} is {each.value!r}: {each.rule} {each.bound or ''}".rstrip()


def _of_error(service: str, action: str, status: int, body: bytes):
    code, message, members = _error_of(service, body)
    if not error_codes.is_known(service, action, code):
        yield f"{code} is no error of {action}"
        return
    shape = _error_shape(service, action, code)
    modelled = shape.metadata.get("error", {}).get("httpStatusCode") if shape else None
    if modelled and modelled != status:
        yield f"{code} has status {status}, not {modelled}"
    if not message:
        yield f"{code} has no message"
    known = {name.lower() for name in shape.members} if shape else set()
    yield from (f"{name} is no member of {code}" for name in members if name.lower() not in known | {"message"})


def _error_of(service: str, body: bytes) -> tuple[str, str | None, list[str]]:
    """The code, the message, and what else a JSON error has."""
    if service == "eks":
        written = json.loads(body)
        code = str(written.pop("__type", written.pop("code", ""))).split("#")[-1]
        return code, written.get("message", written.get("Message")), list(written)
    root = ElementTree.fromstring(body)
    error = next((each for each in root.iter() if _tag(each) == "Error"), root)
    texts = {_tag(child): child.text for child in error}
    return texts.get("Code") or "", texts.get("Message"), []


@functools.cache
def _error_shape(service: str, action: str, code: str):
    if action not in model(service).operation_names:
        return None
    shapes = model(service).operation_model(action).error_shapes
    return next((shape for shape in shapes if shape.error_code == code), None)


# --- XML ------------------------------------------------------------------------------------------------


def _result_of(service: str, action: str, shape, body: bytes, unknown: list[str]) -> list[ElementTree.Element]:
    """The elements that hold the output's members."""
    root = ElementTree.fromstring(body)
    namespace = model(service).metadata["xmlNamespace"].rstrip("/")
    if root.tag.replace("/}", "}") != f"{{{namespace}}}{action}Response":
        unknown.append(root.tag)
    if service == "ec2":
        return [child for child in root if _tag(child) != "requestId"]
    wrapper = shape.serialization.get("resultWrapper") or f"{action}Result"
    unknown += [_tag(child) for child in root if _tag(child) not in (wrapper, "ResponseMetadata")]
    return [child for result in root if _tag(result) == wrapper for child in result]


def _from_xml(shape, elements: list[ElementTree.Element], path: str, unknown: list[str]) -> dict:
    """A structure in botocore's names; elements that the shape does not have go to `unknown`."""
    members, found = _xml_members(shape), {}
    for element in elements:
        tag = _tag(element)
        if tag not in members:
            unknown.append(path + tag)
            continue
        name, member = members[tag]
        if member.serialization.get("flattened"):
            found.setdefault(name, []).append(_value(member.member, element, f"{path}{tag}.", unknown))
        else:
            found[name] = _value(member, element, f"{path}{tag}.", unknown)
    return found


@functools.cache
def _xml_members(shape) -> dict:
    """element name -> (member name, shape)."""
    found = {}
    for name, member in shape.members.items():
        of_items = member.type_name == "list" and member.serialization.get("flattened")
        written = (member.member.serialization.get("name") if of_items else None) or member.serialization.get("name")
        found[written or name] = (name, member)
    return found


def _value(shape, element: ElementTree.Element, path: str, unknown: list[str]):
    kind, text = shape.type_name, element.text or ""
    if kind == "structure":
        return _from_xml(shape, list(element), path, unknown)
    if kind == "list":
        item = shape.member.serialization.get("name", "member")
        unknown += [path + _tag(child) for child in element if _tag(child) != item]
        return [_value(shape.member, child, f"{path}{item}.", unknown) for child in element if _tag(child) == item]
    if kind == "map":
        return {_text(entry, "key"): _value(shape.value, entry.find("{*}value"), path, unknown) for entry in element}
    unknown += [path + _tag(child) for child in element]
    return _scalar(kind, text)


def _scalar(kind: str, text: str):
    """The value, or the text where it is none of that kind; a boolean is written in lower case."""
    return text if kind == "boolean" and text not in ("true", "false") else typed(kind, text)


def _text(entry: ElementTree.Element, name: str) -> str:
    return entry.findtext(f"{{*}}{name}") or ""


def _tag(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
