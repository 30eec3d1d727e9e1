"""When xeks sends a call again: on which errors, and for how long.

Source: the functions that repeat a call, in src/objects/context.rs, and the loops around single calls, which are listed
here with their files. Which codes are of which kind is in `error_kinds`.
"""

import re
from dataclasses import dataclass
from functools import cache

from call_sites import body, sites, sources
from error_kinds import NOT_VISIBLE_YET

CONTEXT = "objects/context.rs"
#: The limit of what is repeated until the operation's `timeouts` end.
TIMEOUTS = "timeouts"


@dataclass(frozen=True)
class Repeat:
    #: Kinds and error codes; none for an answer that is repeated.
    errors: tuple[str, ...]
    #: A constant of the source, or TIMEOUTS.
    limit: str
    #: What must be true besides.
    condition: str = ""


@dataclass(frozen=True)
class Loop:
    """A call that is repeated on errors of its own, by a function in the file that makes it."""

    call: str
    file: str
    function: str
    repeat: Repeat


PROVIDER_EXISTS = "if `iam:CreateOpenIDConnectProvider` answers that the provider exists"
TRANSITION = ("InvalidStateTransition", "IncorrectState")
LOOPS = (
    Loop(
        "ec2:AcceptVpcPeeringConnection",
        "objects/ec2/peering/accepter.rs",
        "accept",
        Repeat(("Throttled", "Absent", *TRANSITION), TIMEOUTS),
    ),
    Loop(
        "ec2:CreateRoute",
        "objects/ec2/peering/route.rs",
        "once_visible",
        Repeat(("InvalidVpcPeeringConnectionID.NotFound", *TRANSITION), "PROPAGATION"),
    ),
    Loop(
        "ec2:DeleteVpcPeeringConnection",
        "objects/ec2/peering/connection.rs",
        "delete_and_wait",
        Repeat(("Throttled", *TRANSITION), TIMEOUTS),
    ),
    Loop(
        "ec2:DescribeVpcPeeringConnections",
        "objects/ec2/peering/connection.rs",
        "request",
        Repeat(("Absent",), TIMEOUTS, "after `ec2:CreateVpcPeeringConnection`"),
    ),
    Loop(
        "ec2:DescribeVpcPeeringConnections",
        "objects/ec2/peering/link.rs",
        "once_active",
        Repeat(("Absent",), TIMEOUTS, "after `ec2:AcceptVpcPeeringConnection`"),
    ),
    Loop(
        "ec2:ModifyVpcPeeringConnectionOptions",
        "objects/ec2/peering/options.rs",
        "set_dns_resolution",
        Repeat(("OperationNotPermitted", *TRANSITION), "PROPAGATION"),
    ),
    Loop(
        "ec2:ReplaceRoute",
        "objects/ec2/peering/route.rs",
        "once_visible",
        Repeat(("InvalidVpcPeeringConnectionID.NotFound", *TRANSITION), "PROPAGATION"),
    ),
    Loop(
        "eks:CreateAccessEntry",
        "objects/eks/entries.rs",
        "create",
        Repeat(("Exists",), "PROPAGATION", "if EKS shows no entry, or still the one that xeks has just deleted"),
    ),
    Loop(
        "eks:DescribeUpdate",
        "objects/eks/access_config.rs",
        "upgrade",
        Repeat(("Absent",), TIMEOUTS),
    ),
    Loop(
        "eks:UpdateClusterConfig",
        "objects/eks/access_config.rs",
        "upgrade",
        Repeat(("ResourceInUseException",), TIMEOUTS),
    ),
    Loop(
        "iam:AddClientIDToOpenIDConnectProvider",
        "objects/iam/oidc_provider/mod.rs",
        "update",
        Repeat(("Absent",), "PROPAGATION", PROVIDER_EXISTS),
    ),
    Loop(
        "iam:DeleteInstanceProfile",
        "objects/iam/instance_profile.rs",
        "delete",
        Repeat(("DeleteConflict",), "PROPAGATION"),
    ),
    Loop(
        "iam:DeleteRole",
        "objects/iam/role/delete.rs",
        "delete",
        Repeat(("DeleteConflict",), "PROPAGATION", "unless an instance profile contains the role"),
    ),
    Loop(
        "iam:GetInstanceProfile",
        "objects/iam/instance_profile.rs",
        "get",
        Repeat((), "PROPAGATION", "while the answer has the profile's ID in place of its ARN"),
    ),
    Loop(
        "iam:GetOpenIDConnectProvider",
        "objects/iam/oidc_provider/mod.rs",
        "create",
        Repeat(("Absent",), "PROPAGATION", PROVIDER_EXISTS),
    ),
    Loop(
        "iam:GetRole",
        "objects/iam/role/mod.rs",
        "get_alone",
        Repeat((), "PROPAGATION", "while the answer has the role's ID in place of its ARN"),
    ),
    Loop(
        "iam:TagOpenIDConnectProvider",
        "objects/iam/oidc_provider/mod.rs",
        "update",
        Repeat(("Absent",), "PROPAGATION", PROVIDER_EXISTS),
    ),
    Loop(
        "iam:UntagOpenIDConnectProvider",
        "objects/iam/oidc_provider/mod.rs",
        "update",
        Repeat(("Absent",), "PROPAGATION", PROVIDER_EXISTS),
    ),
    Loop(
        "iam:UpdateAssumeRolePolicy",
        "objects/iam/role/trust.rs",
        "edit",
        Repeat(
            ("Throttled", "Busy", "NotYet", "Conflict", "Unreachable"),
            "PROPAGATION",
            "on a role that xeks did not create, which is read again before each attempt; without the SDK's attempts",
        ),
    ),
    Loop(
        "iam:UpdateOpenIDConnectProviderThumbprint",
        "objects/iam/oidc_provider/mod.rs",
        "update",
        Repeat(("Absent",), "PROPAGATION", PROVIDER_EXISTS),
    ),
    *(
        # As the provider is configured, and as a profile or the environment is.
        Loop(
            "sts:AssumeRoleWithWebIdentity",
            "aws/credentials.rs",
            function,
            Repeat(("IssuerUnreachable",), "ISSUER_TIMEOUT"),
        )
        for function in ("session", "provide")
    ),
    Loop(
        "sts:GetCallerIdentity",
        "aws/account.rs",
        "identity",
        Repeat(("Throttled",), "IDENTITY_TIMEOUT"),
    ),
)
#: Functions that say for a loop which errors pass, or how long it goes on → their files.
HELPERS = {
    "is_in_transition": "objects/ec2/peering/link.rs",
    "is_transient": "aws/error.rs",
    "absent_is_none": "aws/error.rs",
    "until": "aws/wait.rs",
    "until_propagated": CONTEXT,
    "until_visible": CONTEXT,
}


def repeats(call: str) -> list[Repeat]:
    """What sends the call again, other than the SDK."""
    senders = {site.sender for site in sites() if site.call == call}
    found = {repeat: None for sender in sorted(senders) for repeat in by_sender(sender)}
    found |= {loop.repeat: None for loop in LOOPS if loop.call == call}
    return list(found)


def by_sender(sender: str) -> list[Repeat]:
    patient = [Repeat(kinds_in(CONTEXT, "patiently"), limit_in(CONTEXT, "patiently"))]
    return {
        "named": [],
        "patiently": patient,
        "once_visible": patient,
        "ask": patient,
        "ask_until_visible": [*patient, Repeat((NOT_VISIBLE_YET,), limit_in(CONTEXT, "until_visible"))],
        "ask_issuer": [*patient, Repeat(kinds_in(CONTEXT, "ask_issuer"), limit_in(CONTEXT, "ask_issuer"))],
    }[sender]


def looping() -> set[tuple[str, str]]:
    """Each file and function that repeats calls, with whatever it calls."""
    repeating = re.compile(r"\b(?:wait::retry|retry_while|until|until_visible|until_propagated|Pauses::new)\(")
    return {
        (file, re.findall(r"\bfn (\w+)", text[: match.start()])[-1])
        for file, text in sources().items()
        for match in repeating.finditer(text)
        if not text[: match.start()].endswith("fn ")
    }


def faults(loop: Loop) -> list[str]:
    """What the loop's file does not have of it."""
    text = sources().get(loop.file, "")
    for helper, file in HELPERS.items():
        if re.search(rf"\b{helper}\(", text):
            text += body(file, helper)
    errors = [error for error in loop.repeat.errors if not re.search(rf'Kind::{error}\b|"{error}"', text)]
    limit = "cx.limits()" if loop.repeat.limit == TIMEOUTS else loop.repeat.limit
    calls = {site.call for site in sites() if site.file == loop.file}
    return [*errors, *({limit} - set(re.findall(re.escape(limit), text))), *({loop.call} - calls)]


def kinds_in(file: str, function: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\bKind::(\w+)", body(file, function)))


def limit_in(file: str, function: str) -> str:
    found = re.search(r"\bat_most\((\w+)\)", body(file, function))
    return found[1] if found else TIMEOUTS


@cache
def seconds(constant: str) -> float:
    """A duration of the source, by the name of its constant."""
    pattern = re.compile(rf"\bconst {constant}: Duration = Duration::from_(secs|millis)\((\d+)\);")
    found = {(match[1], int(match[2])) for text in sources().values() for match in pattern.finditer(text)}
    assert len(found) == 1, f"{constant} is {found or 'nowhere'}"
    unit, number = found.pop()
    return number if unit == "secs" else number / 1000
