"""The policies that the repository holds: in JSON files, in JSON blocks of Markdown, and in HCL.

Knows where they are. Knows nothing of what they say.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: What the provider plans, stores and renders; what the emulated runners and the smoke test's administrators have.
JSON_FOLDERS = ("tests/golden", "tests/states", "tests/aws_emulator/aws_emulator/policies", "tests/smoke")
#: What people read.
TEXT_FOLDERS = ("docs", "examples", "modules")


def json_files() -> list[Path]:
    return sorted(path for folder in JSON_FOLDERS for path in (ROOT / folder).rglob("*.json"))


def text_files() -> list[Path]:
    found = (path for folder in TEXT_FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in (".md", ".tf"))
    return sorted([*ROOT.glob("*.md"), *found])


def in_json(value) -> Iterator[dict]:
    """The policies in a JSON value: objects with a Statement, and strings that hold one."""
    if isinstance(value, str) and value.startswith("{"):
        yield from in_json(parsed(value))
    elif isinstance(value, dict) and "Statement" in value and "Version" in value:
        yield value
    elif isinstance(value, dict | list):
        for member in value.values() if isinstance(value, dict) else value:
            yield from in_json(member)


def in_markdown(text: str) -> Iterator[dict]:
    for block in re.findall(r"^```json\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield from in_json(json.loads(block))


def in_hcl(text: str) -> Iterator[str]:
    """The `jsonencode` calls that make a policy, as expressions."""
    for call in re.finditer(r"\bjsonencode\(", text):
        expression = text[call.start() : _closing(text, call.end())]
        if re.search(r"\bStatement\b", expression):
            yield expression


def _closing(text: str, start: int) -> int:
    """Behind the parenthesis that closes the one before `start`."""
    depth = 1
    for end in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        if depth == 0:
            return end + 1
    raise ValueError(f"no closing parenthesis: {text[start : start + 80]}")


def parsed(text: str):
    """None for a text that begins as JSON does and is none, such as an HCL block."""
    try:
        return json.loads(text)
    except ValueError:
        return None
