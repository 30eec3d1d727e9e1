"""Runs the CLI as a terminal does, in a process group of its own, and ends it or its provider in the middle.

Knows processes. Knows nothing of AWS or of what a run is for.
"""

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from harness import Run, Workspace, diagnostics_in

_TIMEOUT = 120
_live: set[subprocess.Popen] = set()
_lock = threading.Lock()
_ended = False


class Ended(Exception):
    """The sweep was stopped."""


def run(root: Workspace, *arguments: str, during: Callable[[subprocess.Popen], None] | None = None) -> Run:
    """`during` gets the process of the running CLI, and may interrupt or kill it."""
    with tempfile.TemporaryFile() as output:
        with _lock:
            if _ended:
                raise Ended
            process = subprocess.Popen(
                [root.cli.executable, *arguments],
                cwd=root.directory,
                env=root.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            _live.add(process)
        try:
            if during:
                during(process)
            process.wait(_TIMEOUT)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            with _lock:
                _live.discard(process)
        if _ended:
            raise Ended
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Run(f"{root.cli.name} {' '.join(arguments)}", process.returncode, text, diagnostics_in(text))


def end_all() -> None:
    """Ends every CLI that runs, with its provider; nothing is started after it."""
    global _ended
    with _lock:
        _ended = True
        for process in _live:
            os.killpg(process.pid, signal.SIGKILL)


def interrupt(process: subprocess.Popen) -> None:
    """Ctrl-C: SIGINT to the CLI and all that it started. Returns when the CLI has had time to pass it on."""
    os.killpg(process.pid, signal.SIGINT)
    time.sleep(0.15)


def kill_provider(process: subprocess.Popen) -> int:
    """SIGKILL to what the CLI started; returns how many processes that were."""
    children = children_of(process.pid)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(_runs(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.005)
    return len(children)


def children_of(pid: int) -> list[int]:
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += map(int, path.read_text().split())
    return found


def _runs(pid: int) -> bool:
    try:
        # The state follows the name, which may hold any character.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
