"""The steps of a run: what was done, for how long, and what failed; and the report of it.

Knows nothing of AWS or the CLI.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class OutOfTime(Exception):
    """The run's budget is used up."""


@dataclass
class Step:
    title: str
    seconds: float = 0.0
    error: str = ""


@dataclass
class Steps:
    """Each step as it is made, printed. `deadline` is in the time of `time.monotonic`."""

    deadline: float
    made: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, title: str, in_time: bool = True) -> Iterator[None]:
        if in_time and self.remaining() <= 0:
            raise OutOfTime("the budget is used up")
        made, start = Step(title), time.monotonic()
        self.made.append(made)
        print(f"{title} … ", end="", flush=True)
        try:
            yield
        except BaseException as error:
            made.error = described(error)
            raise
        finally:
            made.seconds = time.monotonic() - start
            print(f"{made.seconds:.1f} s{' FAILED' if made.error else ''}", flush=True)

    def remaining(self) -> float:
        return self.deadline - time.monotonic()

    @property
    def failed(self) -> list[Step]:
        return [step for step in self.made if step.error]


def described(error: BaseException) -> str:
    """An error in words; boto3's errors have the request's id beside them."""
    answer = getattr(error, "response", {})
    id = answer.get("ResponseMetadata", {}).get("RequestId")
    name = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
    return f"{name}{error}" + (f" (request id {id})" if id else "")


def report(versions: dict[str, str], steps: list[Step], left: list[str], secrets: dict[str, str]) -> str:
    """Markdown to paste into an issue. `secrets`: text → what replaces it."""
    failed = [step for step in steps if step.error]
    result = f"{len(failed)} of {len(steps)} steps failed" if failed else f"all {len(steps)} steps worked"
    lines = [f"## xeks smoke test: {result}", ""]
    lines += [f"- {name}: {version}" for name, version in versions.items()]
    lines += ["", "| Step | Seconds | |", "|---|---:|---|"]
    lines += [f"| {step.title} | {step.seconds:.1f} | {'**failed**' if step.error else 'ok'} |" for step in steps]
    for step in failed:
        lines += ["", f"### {step.title}", "", "```text", step.error, "```"]
    lines += ["", "Nothing is left in either account." if not left else "**Left in the accounts:**", ""]
    lines += [f"- {each}" for each in left]
    return masked("\n".join(lines).rstrip() + "\n", secrets)


def masked(text: str, secrets: dict[str, str]) -> str:
    """Without what identifies accounts: the given texts, other account ids, access key ids, ids of issuers."""
    for secret, name in secrets.items():
        text = text.replace(secret, name)
    text = re.sub(r"(?<![\w-])\d{12}(?![\w-])", "ACCOUNT", text)
    text = re.sub(r"\b(AKIA|ASIA)[A-Z0-9]{12,}\b", "ACCESS_KEY", text)
    return re.sub(r"(/id/)[0-9A-F]{32}\b", r"\1ISSUER", text)
