"""Requests against the services' models, and what AWS says of one that breaks them.

Owns: each service's code and words for a parameter that is unknown, missing or not as the model demands. Must not know:
what the models demand (`constraints`), rules that no model states.

The words:
  IAM, STS  ValidationError (API references, "Common Error Types"), "1 validation error detected: Value 'x' at
            'roleName' failed to satisfy constraint: Member must have length less than or equal to 64"
  EKS       the same words, as those JSON services have them that validate by their model (Smithy, "Constraint traits"),
            with InvalidParameterException where the operation models it, otherwise InvalidRequestException or
            BadRequestException, or else Smithy's own ValidationException
  EC2       EC2 API reference, "Error codes": MissingParameter, InvalidParameterValue, UnknownParameter; their words are
            those that users report, such as "The parameter ImageType is not recognized" and "Value ( 1 ) for parameter
            maxResults is invalid. Expecting a value greater than 5."
"""

from . import error_codes
from .call import AwsError, Call
from .constraints import Broken, broken
from .wire import model

_EKS_CODES = ("InvalidParameterException", "InvalidRequestException", "BadRequestException")
_CONSTRAINTS = {
    "missing": "Member must not be null",
    "length": "Member must have length greater than or equal to {}",
    "length limit": "Member must have length less than or equal to {}",
    "value": "Member must have value greater than or equal to {}",
    "value limit": "Member must have value less than or equal to {}",
    "pattern": "Member must satisfy regular expression pattern: {}",
    "enum": "Member must satisfy enum value set: {}",
    "type": "Member must be of type {}",
}
_checked = 0


def checked() -> int:
    """How many requests were checked since the start."""
    return _checked


def check(call: Call) -> None:
    """Raise what the service answers to a request that is not as its model demands."""
    global _checked
    _checked += 1
    shape = model(call.service).operation_model(call.action).input_shape
    found = list(broken(shape, call.params)) if shape else []
    if call.unknown or found:
        raise (_ec2 if call.service == "ec2" else _others)(call, found)


def unknown_operation(service: str) -> AwsError:
    """API references, common errors: InvalidAction; of EKS, a JSON service, UnknownOperationException, 404."""
    code, status = ("UnknownOperationException", 404) if service == "eks" else ("InvalidAction", 400)
    return AwsError(code, f"Could not find an operation of {service} for this request.", status)


def _ec2(call: Call, found: list[Broken]) -> AwsError:
    if call.unknown:
        return AwsError("UnknownParameter", f"The parameter {call.unknown[0]} is not recognized")
    first = found[0]
    name = ".".join(map(str, (*first.path[:-1], _lower(first.path[-1]))))
    if first.rule == "missing":
        return AwsError("MissingParameter", f"The request must contain the parameter {name}")
    expected = {
        "value": "Expecting a value greater than {}.",
        "value limit": "Expecting a value less than {}.",
        "length": "The minimum length is {}.",
        "length limit": "The maximum length is {}.",
    }.get(first.rule, "")
    words = f"Value ( {first.value} ) for parameter {name} is invalid. {expected.format(first.bound)}"
    return AwsError("InvalidParameterValue", words.rstrip())


def _others(call: Call, found: list[Broken]) -> AwsError:
    unknown = [f"'{name}' is no parameter of {call.action}" for name in call.unknown]
    every = unknown + [_constraint(each) for each in found]
    plural = "error" if len(every) == 1 else "errors"
    return AwsError(_code(call), f"{len(every)} validation {plural} detected: " + "; ".join(every), 400)


def _code(call: Call) -> str:
    if call.service != "eks":
        return "ValidationError"
    return next((code for code in _EKS_CODES if error_codes.is_known("eks", call.action, code)), "ValidationException")


def _constraint(each: Broken) -> str:
    path = ".".join(f"{part}.member" if isinstance(part, int) else _lower(part) for part in each.path)
    bound = f"[{', '.join(each.bound)}]" if each.rule == "enum" else each.bound
    shown = "[…]" if isinstance(each.value, list) else each.value
    value = "Value null" if each.rule == "missing" else f"Value '{shown}'"
    return f"{value} at '{path}' failed to satisfy constraint: {_CONSTRAINTS[each.rule].format(bound)}"


def _lower(name) -> str:
    return str(name)[0].lower() + str(name)[1:]
