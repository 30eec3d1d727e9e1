"""What the demo prints: titles, steps, command lines, and the results of its checks."""

import sys


def title(text: str) -> None:
    say(paint(1, f"\n{text}\n{'=' * len(text)}"))


def step(text: str) -> None:
    say(paint(36, f"\n{text}"))


def command_line(text: str) -> None:
    say(paint(2, f"  $ {text}"))


def show(text: str) -> None:
    say("\n".join(f"    {line}".rstrip() for line in text.strip().splitlines()))


def expect(holds: bool, what: str) -> None:
    """Prints what holds; ends the demo if it does not."""
    if not holds:
        sys.exit(paint(31, f"FAILED: {what}"))
    if what:
        say(paint(32, f"  ✔ {what}"))


def paint(code: int, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def say(text: str) -> None:
    print(text, flush=True)
