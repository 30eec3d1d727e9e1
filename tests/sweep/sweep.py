"""Puts every fault on every call of every operation of every resource and mode, and shows that nothing is ever lost.

    make sweep                                                  # all, in half an hour on two cores
    make sweep SWEEP='irsa/*/create'                            # some
    make sweep SWEEP='irsa/*/*/kill*'                           # some faults; on every call that reads too
    make sweep SWEEP='access/direct/create/kill/cluster/eks:CreateAccessEntry#1'   # one

For each case: the world as it is before the operation, the operation with the fault, then, with nobody's help and no
fault, `apply` (which must end in the world that an apply without a fault ends in, but for ids and times), `plan` (which
must be empty) and `destroy` (by the state alone; all accounts must be as before, byte for byte).
"""

import argparse
import os
import queue
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import terminal
from cases import LEGEND, Case, Selection, cases_of
from harness import Cli
from modes import MODES, Mode
from report import Report
from verdict import Verdict, try_case
from worker import OPERATIONS, Worker


@dataclass
class Stage:
    """An operation of a resource in a mode; `cases` is what is left to do, None until its calls are known."""

    mode: Mode
    operation: str
    cases: deque[Case] | None = None
    workers: int = 0
    done: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __str__(self) -> str:
        return f"{self.mode}/{self.operation}"


class Sweep:
    """The stages, shared by all workers: each takes the one with the fewest workers, and the next case of it.

    `sample`: every mode in one operation only, and so many cases of that.
    """

    def __init__(self, selection: Selection, sample: int | None = None):
        self.selection, self.sample = selection, sample
        stages = [Stage(mode, operation) for mode in MODES for operation in OPERATIONS]
        if sample:
            stages = stages[:: len(OPERATIONS) + 1]
        self.stages = [stage for stage in stages if selection.takes(str(stage))]
        self.found: queue.Queue[Verdict | BaseException | None] = queue.Queue()
        self.lock = threading.Lock()

    def next_stage(self, mode: Mode | None) -> Stage | None:
        """One that nobody is at, of the worker's own mode if there is one; else one where there is much left."""
        with self.lock:
            open_stages = [stage for stage in self.stages if not stage.done]
            if not open_stages:
                return None
            best = min(
                open_stages,
                key=lambda stage: (
                    stage.workers,
                    stage.mode is not mode,
                    self._at(stage.mode),
                    -len(stage.cases or ()),
                ),
            )
            best.workers += 1
            return best

    def _at(self, mode: Mode) -> int:
        return sum(stage.workers for stage in self.stages if stage.mode is mode)

    def next_case(self, stage: Stage) -> Case | None:
        with stage.lock:
            if not stage.cases:
                stage.done = True
                return None
            return stage.cases.popleft()

    def work(self, cli: Cli, directory: Path) -> None:
        """One worker's life."""
        try:
            with Worker(cli, directory) as worker:
                while stage := self.next_stage(worker.mode):
                    self._work_at(worker, stage)
        except terminal.Ended:
            pass
        except BaseException as error:
            self.found.put(error)
        finally:
            self.found.put(None)

    def _work_at(self, worker: Worker, stage: Stage) -> None:
        worker.enter(stage.mode)
        calls = worker.start(stage.operation).calls
        with stage.lock:
            if stage.cases is None:
                every_read = self.selection.names_faults
                cases = [c for c in cases_of(str(stage), calls, every_read) if self.selection.takes(str(c))]
                stage.cases = deque(cases[:: len(cases) // self.sample + 1] if self.sample else cases)
        while case := self.next_case(stage):
            self.found.put(try_case(worker, case))


def sweep(cli: Cli, directory: Path, pattern: str = "", workers: int = 2, sample: int | None = None) -> Report:
    """All cases that `pattern` selects, or a sample of them; told as they end."""
    work, report = Sweep(Selection(pattern), sample), Report()
    threads = [
        threading.Thread(target=work.work, args=(cli, directory / f"worker{number}"), daemon=True)
        for number in range(workers)
    ]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            match work.found.get():
                case None:
                    running -= 1
                case Verdict() as verdict:
                    report.add(verdict)
                case error:
                    raise error
    finally:
        terminal.end_all() if running else None
        for thread in threads:
            thread.join(30)
    return report


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--cli", required=True, help="the terraform or tofu to run")
    options.add_argument("--provider", required=True, type=Path, help="the provider's release binary")
    options.add_argument(
        "--only", default="", help="resource/mode/operation/fault/account/service:Action#n, from the left"
    )
    # Of a peering's case more than half is waiting, for the provider's pauses and for AWS.
    options.add_argument("--workers", type=int, default=(os.cpu_count() or 2) * 3)
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="xeks-sweep-") as folder:
        directory = Path(folder)
        (directory / "cli").mkdir()
        try:
            cli = Cli(given.cli, given.provider.resolve(), directory / "cli", unchecked=True)
            report = sweep(cli, directory, given.only, given.workers)
        except KeyboardInterrupt:
            print("\nstopped", file=sys.stderr)
            return 130
        except Exception:
            traceback.print_exc()
            return 1
    print(report.table())
    print(LEGEND)
    print(report.summary(time.monotonic() - begun))
    return 0 if report.sound else 1


if __name__ == "__main__":
    sys.exit(main())
