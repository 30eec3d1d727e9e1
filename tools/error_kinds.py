"""Which error codes of AWS mean what: the table in src/aws/error/kind.rs, as Markdown.

Knows which kinds there are, and nothing of calls.
"""

import re
from dataclasses import dataclass
from functools import cache

from call_sites import body, commented

FILE = "aws/error/kind.rs"
CONTEXT = "objects/context.rs"
#: Not a kind of the table: what `ask_until_visible` repeats.
NOT_VISIBLE_YET = "NotVisibleYet"

ARM = re.compile(
    r"""(?P<pattern> "[^"]+" (?:\s*\|\s* "[^"]+")* | \bcode | \b_ )
        (?:\s+ if \s+ (?P<guard> [^=]+? (?: >= [^=]+? )? ))?
        \s* => \s* (?:\{\s*)? Kind::(?P<kind>\w+)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Kind:
    name: str
    meaning: str
    #: Each with what else must be true of the error.
    codes: tuple[str, ...]


@cache
def kinds() -> dict[str, Kind]:
    """In the order of the enum."""
    codes: dict[str, list[str]] = {}
    for pattern, guard, kind in arms():
        codes.setdefault(kind, []).extend(described(pattern, guard))
    declared = re.findall(r"((?:^    /// .*\n)*)^    (\w+),$", commented(FILE), re.MULTILINE)
    found = {name: Kind(name, joined(comment), tuple(codes.get(name, []))) for comment, name in declared}
    assert codes.keys() <= found.keys(), f"src/{FILE} has kinds that are not read: {codes.keys() - found.keys()}"
    return found | {NOT_VISIBLE_YET: not_visible_yet()}


def not_visible_yet() -> Kind:
    """Source: `is_not_visible_yet`, which reads the message of what is absent."""
    missing = re.findall(r'\bmissing\("([^"]+)"\)', body(CONTEXT, "is_not_visible_yet"))
    words = ", ".join(f"“{each}”" for each in missing)
    codes = ("the codes of NotYet", f"the codes of Absent where the message contains one of {words}")
    return Kind(NOT_VISIBLE_YET, "What the call names was created a moment ago.", codes)


def arms() -> list[tuple[str, str, str]]:
    """Pattern, condition and kind of each line of the table."""
    table = body(FILE, "kind_of")
    found = [(arm["pattern"], arm["guard"] or "", arm["kind"]) for arm in ARM.finditer(table)]
    assert len(found) == table.count("=>"), f"src/{FILE}: {table.count('=>')} arms, and {len(found)} are read"
    return found


def described(pattern: str, guard: str) -> list[str]:
    named = re.findall(r'"([^"]+)"', pattern)
    if named:
        condition = in_words(guard)
        return [f"`{code}`{condition}" for code in named]
    status = re.search(r">= (\d+)", guard)
    if pattern == "_":
        return [f"any other code with HTTP status {status[1]} or higher"] if status else ["any other code"]
    ends = re.findall(r'code\.ends_with\("([^"]+)"\)', guard)
    starts = re.findall(r'code\.starts_with\("([^"]+)"\)', guard)
    return [*(f"`{each}*`" for each in starts), *(f"`*{each}`" for each in ends)]


def in_words(guard: str) -> str:
    """Of which calls and with which message a code is of this kind; empty where it always is."""
    for function in re.findall(r"\b(\w+)\(message\)", guard):
        guard += body(FILE, function)
    calls = [f" from `{each}…`" for each in re.findall(r'call\.starts_with\("([^"]+)"\)', guard)]
    messages = [f" with “{each}” in the message" for each in re.findall(r'message\.contains\("([^"]+)"\)', guard)]
    return "".join(calls + messages)


def joined(comment: str) -> str:
    return " ".join(line.strip().removeprefix("///").strip() for line in comment.splitlines())
