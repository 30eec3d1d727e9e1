"""What is wrong with a policy by the Service Authorization Reference: what can never match, and what is missing.

Source of the rules: the reference's introduction, "How to read the actions table". Pure: knows neither files nor AWS.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from authorization import Action, ResourceType, actions_like, carried, is_of_type

# IAM user guide, "Available keys for AWS OIDC federation": what a token of an EKS cluster gives to conditions.
TOKEN_KEYS = ("aud", "sub")
# The reference on ec2:AuthorizeSecurityGroupIngress and …Egress: "Policies using the security-group-rule resource-level
# permission are only enforced when the API request includes TagSpecifications".
ONLY_WITH_TAGS = re.compile(r"using the (\S+) resource-level permission are only enforced when .* TagSpecifications")


def findings(document: dict) -> list[str]:
    """One sentence for each fault, none for a policy without."""
    statements = [Statement(each, place) for place, each in enumerate(as_list(document["Statement"]), 1)]
    found = [fault for statement in statements for fault in statement.faults()]
    return found + list(_missing_beside([statement for statement in statements if statement.allows]))


@dataclass(frozen=True)
class Statement:
    source: dict
    place: int

    @property
    def name(self) -> str:
        return self.source.get("Sid", f"statement {self.place}")

    @property
    def allows(self) -> bool:
        return self.source["Effect"] == "Allow"

    @property
    def resources(self) -> list[str]:
        """A trust policy has no Resource: it is about the role that it is on."""
        return as_list(self.source.get("Resource", "*"))

    def actions(self) -> dict[str, tuple[Action, ...]]:
        """Each pattern → the actions that match; none for a NotAction, of which nothing could be checked."""
        return {pattern: actions_like(pattern) for pattern in as_list(self.source.get("Action", [])) if pattern != "*"}

    def types(self, action: Action, resource: str) -> list[ResourceType]:
        """The action's resource types that the resource can be of."""
        return [kind for kind in action.types if is_of_type(resource, kind)]

    def takes(self, action: Action, resource: str) -> bool:
        return bool(self.types(action, resource)) if action.types else resource == "*"

    def faults(self) -> Iterator[str]:
        for pattern, actions in self.actions().items():
            if not actions:
                yield f"{self.name}: {pattern} is no action of the reference"
        yield from self._resource_faults()
        yield from self._key_faults()

    def _resource_faults(self) -> Iterator[str]:
        known = {pattern: actions for pattern, actions in self.actions().items() if actions}
        for pattern, actions in known.items():
            if not any(self.takes(action, resource) for action in actions for resource in self.resources):
                types = sorted({kind.name for action in actions for kind in action.types}) or ["*"]
                yield f"{self.name}: {pattern} is authorized on {', '.join(types)}, and no resource is one"
        every = [action for actions in known.values() for action in actions]
        for resource in self.resources:
            if every and not any(self.takes(action, resource) for action in every):
                yield f"{self.name}: {resource} is of no type that an action of the statement is authorized on"

    def _key_faults(self) -> Iterator[str]:
        known = [actions for actions in self.actions().values() if actions]
        for operator, keys in self.source.get("Condition", {}).items():
            # These are meant for requests without the key too: one action that carries it is enough.
            optional = operator.endswith("IfExists") or operator == "Null"
            for key in keys:
                without = [self._without(key, actions) for actions in known]
                if all(without) or not optional:
                    calls = sorted(set().union(*without))
                    yield from (f"{self.name}: {call} does not carry {key}" for call in calls)

    def _without(self, key: str, actions: tuple[Action, ...]) -> set[str]:
        """The calls without the key, if there is one for each of the actions that match a pattern."""
        without = [set(self._calls_without(key, action)) for action in actions]
        return set().union(*without) if all(without) else set()

    def _calls_without(self, key: str, action: Action) -> Iterator[str]:
        if carried(key, action.keys) or self._is_token_key(key, action):
            return
        if not action.types:
            yield action.name
        for resource in self.resources:
            types = self.types(action, resource)
            # Of types that are all optional, the call is about one; each required one is authorized by itself.
            needed = [kind for kind in types if kind.required]
            without = [kind for kind in needed or types if not carried(key, kind.keys)]
            if without and (needed or len(without) == len(types)):
                yield from (f"{action.name} on {kind.name}" for kind in without)

    def _is_token_key(self, key: str, action: Action) -> bool:
        """A claim of the provider that the statement trusts."""
        if action.name != "sts:AssumeRoleWithWebIdentity":
            return False
        providers = as_list(self.source.get("Principal", {}).get("Federated", []))
        issuers = [provider.partition(":oidc-provider/")[2] for provider in providers]
        issuer, _, claim = key.rpartition(":")
        return issuer in issuers and claim in TOKEN_KEYS


def _missing_beside(statements: list[Statement]) -> Iterator[str]:
    """What the allowed actions are authorized on as well, and no statement allows."""
    allowed = _allowed(statements)
    for action, types in sorted(allowed.items(), key=lambda each: each[0].name):
        only = f"is allowed on {', '.join(sorted(types))} only"
        for kind in sorted(kind.name for kind in action.types if kind.required and kind.name not in types):
            yield f"{action.name} {only}, and is authorized on {kind} too"
        tagged = ONLY_WITH_TAGS.search(action.description)
        if tagged and tagged[1] not in types and _may_tag(allowed, tagged[1]):
            yield f"{action.name} {only}, and with tags is authorized on {tagged[1]} too"


def _allowed(statements: list[Statement]) -> dict[Action, set[str]]:
    """Each action that is named without wildcards → the resource types that it is allowed on."""
    allowed: dict[Action, set[str]] = {}
    for statement in statements:
        for pattern, actions in statement.actions().items():
            for action in actions if "*" not in pattern else ():
                for resource in statement.resources:
                    types = statement.types(action, resource)
                    if types:
                        allowed.setdefault(action, set()).update(kind.name for kind in types)
    return allowed


def _may_tag(allowed: dict[Action, set[str]], kind: str) -> bool:
    """Calls give tags where the policy allows ec2:CreateTags on what they make."""
    return any(action.name == "ec2:CreateTags" and kind in types for action, types in allowed.items())


def as_list(value) -> list:
    return value if isinstance(value, list) else [value]
