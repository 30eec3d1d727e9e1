"""The AWS calls in src/: the name of each, the file that makes it, and the function that repeats it.

Source: a call has its name where it is made, as in `cx.ask("iam:CreateRole", …)` and `.named("iam:GetRole", …)`, or in
a constant of the same file. A call of EC2 has its name in src/aws/ec2, and is made where that client's method is
called. Knows neither AWS nor errors.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src"

NAMED = re.compile(r'\b(ask|ask_until_visible|ask_issuer|named)\(\s*&?(?:format!\()?("[^"]*"|\w+)')
EC2_METHOD = re.compile(r"^    pub async fn (\w+)\(.*?^    \}", re.MULTILINE | re.DOTALL)
EC2_ACTION = re.compile(r'\bself\.(?:all|call)\(\s*"(\w+)"|\blet action = "(\w+)"')
EC2_REPEATED = r"\b(patiently|once_visible)\("


@dataclass(frozen=True)
class Site:
    #: Such as `iam:CreateRole`.
    call: str
    #: Below src/.
    file: str
    #: The function that sends it, and sends it again; `named` sends it as it is.
    sender: str


@cache
def sites() -> tuple[Site, ...]:
    methods = ec2_methods()
    found = []
    for file, text in sources().items():
        found += sdk_sites(file, text)
        if not file.startswith("aws/ec2/"):
            found += ec2_sites(file, text, methods)
    return tuple(found)


@cache
def sources() -> dict[str, str]:
    """File below src/ → its text, without tests and comments."""
    paths = (path.relative_to(SRC) for path in sorted(SRC.rglob("*.rs")))
    kept = (path for path in paths if not {"tests", "tests.rs", "fuzzing", "fuzzing.rs"} & set(path.parts))
    return {path.as_posix(): re.sub(r"^ *//.*\n", "", commented(path), flags=re.MULTILINE) for path in kept}


def commented(file: Path | str) -> str:
    """The text of a file below src/, without tests."""
    return (SRC / file).read_text().split("#[cfg(test)]\nmod tests {")[0]


def body(file: str, function: str) -> str:
    """The function as it is written, from `fn` to the bracket that closes it."""
    found = re.search(
        rf"^( *)(?:pub\S* )?(?:async )?fn {function}\b.*?^\1}}", sources()[file], re.MULTILINE | re.DOTALL
    )
    assert found, f"src/{file} has no function {function}"
    return found[0]


def sdk_sites(file: str, text: str) -> Iterator[Site]:
    for match in NAMED.finditer(text):
        sender, argument = match.groups()
        call = argument[1:] if argument.startswith('"') else value_of(argument, text[: match.start()])
        name = re.match(r"\w+:\w+", call)
        if name:
            yield Site(name[0], file, sender)


def value_of(name: str, before: str) -> str:
    """The text that a constant or variable has, by its last declaration; empty for a parameter."""
    declared = re.findall(rf'\b(?:const|let) {name}(?:: &str)? = (?:format!\()?"([^"]*)"', before)
    return declared[-1] if declared else ""


def ec2_methods() -> dict[str, str]:
    """Method of the EC2 client → the action that it calls."""
    found = {}
    for file, text in sources().items():
        if file.startswith("aws/ec2/"):
            for method in EC2_METHOD.finditer(text):
                actions = {name for pair in EC2_ACTION.findall(method[0]) for name in pair if name}
                assert len(actions) == 1, f"src/{file}: {method[1]} calls {actions or 'nothing'}"
                found[method[1]] = actions.pop()
    return found


def ec2_sites(file: str, text: str, methods: dict[str, str]) -> Iterator[Site]:
    for match in re.finditer(rf"\.({'|'.join(methods)})\(", text):
        yield Site(f"ec2:{methods[match[1]]}", file, ec2_sender(text, match.start()))


def ec2_sender(text: str, at: int) -> str:
    """What repeats the call there: it is passed as a closure, or by the name of one."""
    before, after = text[:at], text[at:]
    closure = re.search(EC2_REPEATED + r"\|\| \w+$", before)
    if closure:
        return closure[1]
    variable = re.search(r"\blet (\w+) = \|\| \w+$", before)
    passed = variable and re.search(EC2_REPEATED + rf"(?:\w+, )*&?{variable[1]}\)", after)
    return passed[1] if passed else "named"
