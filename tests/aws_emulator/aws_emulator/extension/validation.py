"""The constraints that the services' models put on parameters: required, length, pattern, range, enumeration.

Owns: checking a call's parameters against botocore's model and AWS's words for a violation. Must not know:
rules that no model states.

Source: the model's `required`, `min`, `max`, `pattern`, `enum`; the wording is IAM's and STS's, e.g.
"1 validation error detected: Value 'x' at 'roleName' failed to satisfy constraint: Member must have length less than
or equal to 64". EKS and EC2 word each refusal for themselves, so their own files do it.
"""

import re

from .call import AwsError, Call
from .wire import model

_CHECKED = ("iam", "sts")


def check(call: Call) -> None:
    if call.service not in _CHECKED:
        return
    shape = model(call.service).operation_model(call.action).input_shape
    found = list(_violations(shape, call.params, "")) if shape else []
    if found:
        plural = "error" if len(found) == 1 else "errors"
        raise AwsError("ValidationError", f"{len(found)} validation {plural} detected: " + "; ".join(found), 400)


def _violations(shape, value, path: str):
    kind = shape.type_name
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"Value null at '{_member(path, name)}' failed to satisfy constraint: Member must not be null"
        for name, member in shape.members.items():
            if value.get(name) is not None:
                yield from _violations(member, value[name], _member(path, name))
        return
    if kind == "list":
        yield from _size(shape, len(value), path, "[…]", "length")
        for number, item in enumerate(value, 1):
            yield from _violations(shape.member, item, f"{path}.{number}.member")
        return
    if kind == "string":
        yield from _size(shape, len(value), path, value, "length")
        pattern = shape.metadata.get("pattern")
        if pattern and not _matches(pattern, value):
            yield _violation(path, value, f"Member must satisfy regular expression pattern: {pattern}")
        if shape.enum and value not in shape.enum:
            yield _violation(path, value, f"Member must satisfy enum value set: [{', '.join(shape.enum)}]")
    elif kind in ("integer", "long"):
        if not isinstance(value, int):
            raise AwsError("MalformedInput", f"{value!r} is no number", 400)
        yield from _size(shape, value, path, value, "value")


def _member(path: str, name: str) -> str:
    lower = name[0].lower() + name[1:]
    return f"{path}.{lower}" if path else lower


def _size(shape, size: int, path: str, shown, what: str):
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and size < low:
        yield _violation(path, shown, f"Member must have {what} greater than or equal to {low}")
    if high is not None and size > high:
        yield _violation(path, shown, f"Member must have {what} less than or equal to {high}")


def _violation(path: str, value, constraint: str) -> str:
    return f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"


def _matches(pattern: str, value: str) -> bool:
    if r"\p{" not in pattern:
        return re.fullmatch(pattern, value, re.ASCII | re.DOTALL) is not None
    # Java's \p{L}, \p{N} and the underscore together are Python's \w; \p{Z} are Unicode's separators.
    separators = "\u0020\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    pattern = pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", "").replace(r"\p{Z}", separators)
    return re.fullmatch(pattern, value) is not None
