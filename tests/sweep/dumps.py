"""What two states of the accounts have in common that were reached in different ways: a dump without what AWS or
chance decided.

Knows the form of a dump. Knows nothing of how it came about.
"""

import json
import re

from accounts import without_gone

_RANDOM = [
    (re.compile(r"\b(AROA|AIPA|AIDA|AGPA|ANPA)[A-Z0-9]{12,}"), r"\1…"),
    (re.compile(r"\b(pcx|sgr)-[0-9a-f]+"), r"\1-…"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "uuid"),
]
#: What says which of several resources wrote what they share: statements' ids, and the tag of an OIDC provider.
_WRITERS = [
    (re.compile(r"\bXeks\w+"), "Xeks…"),
    (re.compile(r'(?<="Key": "xeks:creator",)(\s*)"Value": "[^"]*"'), r'\1"Value": "a trust"'),
]
_TIMES = re.compile(r"(Date|Time|At)$|^_made$")


def exact(dump: dict) -> str:
    """Everything, but for peering connections that are gone: AWS shows those for some hours."""
    return json.dumps(without_gone(dump), sort_keys=True, indent=1)


def essential(dump: dict, shares: bool) -> str:
    """Without ids that AWS gave, times, and the instances of creates; of what is shared, without the writer."""
    dump = without_gone(dump)
    text = json.dumps(_ordered(dump), sort_keys=True, indent=1)
    for instance in sorted(_instances(dump)):
        text = text.replace(instance, "instance")
    for pattern, shown in [*_RANDOM, *(_WRITERS if shares else [])]:
        text = pattern.sub(shown, text)
    return json.dumps(_ordered(json.loads(text)), sort_keys=True, indent=1)


def _ordered(value):
    if isinstance(value, dict):
        return {key: _ordered(member) for key, member in value.items() if not _TIMES.search(key)}
    if isinstance(value, list):
        return sorted(map(_ordered, value), key=lambda member: json.dumps(member, sort_keys=True))
    return value


def _instances(value) -> set[str]:
    if isinstance(value, dict):
        if value.get("Key") == "xeks:instance":
            return {value["Value"]}
        own = {value["xeks:instance"]} if isinstance(value.get("xeks:instance"), str) else set()
        # A usage tag on a connection, as a member of a list or a key of a map.
        keys = [key for key in (value.get("Key"), *value) if isinstance(key, str)]
        own |= {key.removeprefix("xeks:use:") for key in keys if key.startswith("xeks:use:")}
        return own.union(*map(_instances, value.values()))
    return set().union(*map(_instances, value)) if isinstance(value, list) else set()
