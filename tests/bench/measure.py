"""Runs a command of the CLI and measures it: seconds, calls of AWS by name, and the memory of the provider's processes.

Knows processes and the emulated AWS. Knows nothing of what is run.
"""

import os
import statistics
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import terminal
from aws_emulator.client import Aws
from harness import Workspace

_SECONDS_BETWEEN_LOOKS = 0.02


@dataclass
class Job:
    """One command, run several times."""

    seconds: list[float] = field(default_factory=list)
    #: The largest resident set of a provider's process, in MiB, of each run.
    mebibytes: list[float] = field(default_factory=list)
    #: Of each run, `service:Operation` → calls, and how many of them AWS throttled.
    calls: list[tuple[Counter, int]] = field(default_factory=list)

    def run(self, aws: Aws, root: Workspace, *arguments: str) -> None:
        aws.quiet()
        aws.clear_calls()
        began = time.monotonic()
        peak = _run(root, *arguments)
        self.seconds.append(time.monotonic() - began)
        aws.quiet()
        made = aws.calls()
        self.mebibytes.append(peak)
        throttled = sum((call["error"] or "").startswith(("Throttl", "RequestLimit")) for call in made)
        self.calls.append((Counter(f"{call['service']}:{call['action']}" for call in made), throttled))

    def kept(self) -> dict:
        """What the page needs: least, median and greatest, and the calls of the run with the median number of calls."""
        calls, throttled = sorted(self.calls, key=lambda run: run[0].total())[len(self.calls) // 2]
        return {
            "seconds": _ends_and_middle(self.seconds, 3),
            "mebibytes": _ends_and_middle(self.mebibytes, 1),
            "calls": dict(sorted(calls.items())),
            "throttled": throttled,
        }


def _ends_and_middle(values: list[float], digits: int) -> list[float]:
    return [round(of(values), digits) for of in (min, statistics.median, max)]


def spread(values: list[float], digits: int = 2) -> str:
    """Median, and in brackets the least and the greatest."""
    middle, least, most = (f"{of(values):.{digits}f}" for of in (statistics.median, min, max))
    return middle if least == most else f"{middle} ({least} to {most})"


def _run(root: Workspace, *arguments: str) -> float:
    memory = _Memory()
    try:
        terminal.run(root, *arguments, during=memory.watch).must_work()
    finally:
        memory.ended.set()
    memory.join()
    return memory.peak


class _Memory(threading.Thread):
    """Looks at the resident sets of the providers that a process starts, until it has ended."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.ended = 0.0, threading.Event()

    def watch(self, process: subprocess.Popen) -> None:
        self.parent = process.pid
        self.start()

    def run(self) -> None:
        while not self.ended.wait(_SECONDS_BETWEEN_LOOKS):
            for child in self._children():
                self.peak = max(self.peak, _peak_of(child))

    def _children(self) -> list[int]:
        found = []
        for task in _listed(f"/proc/{self.parent}/task"):
            found += _read(f"/proc/{self.parent}/task/{task}/children").split()
        # Until it becomes the provider, a child shows the memory of its parent.
        return [int(child) for child in found if "terraform-provider-xeks" in _read(f"/proc/{child}/cmdline")]


def _peak_of(process: int) -> float:
    """The kernel's own peak, of a process that may have ended."""
    lines = _read(f"/proc/{process}/status").splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)


def _listed(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _read(file: str) -> str:
    try:
        return Path(file).read_text()
    except OSError:
        return ""
