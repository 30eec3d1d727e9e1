"""What was checked, printed as it is checked: a sentence, the command, and what it answered in its own words."""

import subprocess
import textwrap
import time
from collections.abc import Callable

#: How much of an answer is shown.
LINES, WIDTH = 6, 160


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, []
        self._began = time.monotonic()

    def title(self, text: str) -> None:
        print(f"\n{text}  [{time.monotonic() - self._began:.0f} s]", flush=True)

    def check(self, what: str, holds: bool, words: str = "") -> bool:
        print(f"  {'ok    ' if holds else 'FAILED'} {what}", flush=True)
        lines = words.strip().splitlines()
        for line in shortened(lines) if holds else lines:
            print(f"           {line}", flush=True)
        if holds:
            self.passed += 1
        else:
            self.failed.append(what)
        return holds

    def works(self, what: str, ended: subprocess.CompletedProcess, *words: str) -> bool:
        """It ended well and said these words."""
        missing = [word for word in words if word not in ended.stdout]
        return self.check(what, ended.returncode == 0 and not missing, said(ended) + absent(missing))

    def refused(self, what: str, ended: subprocess.CompletedProcess, *words: str) -> bool:
        """It ended with an error that has these words."""
        missing = [word for word in words if word not in ended.stderr]
        return self.check(what, ended.returncode != 0 and not missing, said(ended) + absent(missing))

    def finish(self) -> int:
        print(f"\n{self.passed} passed, {len(self.failed)} failed", flush=True)
        for what in self.failed:
            print(f"  failed: {what}", flush=True)
        return 1 if self.failed or not self.passed else 0


def shortened(lines: list[str]) -> list[str]:
    rest = [f"... {len(lines) - LINES} more lines"] if len(lines) > LINES else []
    return [textwrap.shorten(line, WIDTH, placeholder=" ...") for line in lines[:LINES]] + rest


def said(ended: subprocess.CompletedProcess) -> str:
    command = " ".join(map(str, [str(ended.args[0]).rsplit("/", 1)[-1], *ended.args[1:]]))
    return f"$ {command}\n{ended.stdout}{ended.stderr}"


def absent(words: list[str]) -> str:
    return f"\n(without {words})" if words else ""


def until(holds: Callable[[], bool], seconds: float = 15) -> bool:
    """Whether it holds within so many seconds."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True
