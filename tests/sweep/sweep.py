"""Injects every fault into every call of every operation of every resource and mode, runs every operation under each
condition of AWS, and shows that nothing is lost.

    make sweep                                                  # all, in half an hour on two cores
    make sweep SWEEP='irsa/*/create'                            # some
    make sweep SWEEP='irsa/*/*/kill*'                           # some faults; on every call that reads too
    make sweep SWEEP='access/direct/create/kill/cluster/eks:CreateAccessEntry#1'   # one
    make sweep SWEEP='*/*/*/late-lists'                         # one condition

For each case: the accounts as they are before the operation, the operation with the fault, then, without a fault,
`apply` (which must end in the state that an apply without a fault ends in, but for ids and times), `plan` (which must
be empty) and `destroy` (by the state alone; all accounts must be as before, byte for byte).
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
from cases import LEGEND, Case, Operation, Selection, Stage, cases_of
from harness import Cli
from modes import MODES, Mode
from report import Report
from verdict import Verdict, try_case
from worker import Worker


@dataclass
class Work:
    """What is to do at a stage; `cases` are those left, None until its calls are known."""

    mode: Mode
    stage: Stage
    cases: deque[Case] | None = None
    workers: int = 0
    done: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sweep:
    """The stages, shared by all workers: each takes the one with the fewest workers, and the next case of it.

    `sample`: every mode in one operation only, and so many cases of that.
    """

    def __init__(self, selection: Selection, sample: int | None = None):
        self.selection, self.sample = selection, sample
        work = [
            Work(mode, Stage(str(mode), operation))
            for mode in MODES
            for operation in Operation
            if mode.imports or operation is not Operation.IMPORT
        ]
        if sample:
            work = work[:: len(Operation) + 1]
        self.work = [each for each in work if selection.takes(str(each.stage))]
        self.found: queue.Queue[Verdict | BaseException | None] = queue.Queue()
        self.lock = threading.Lock()

    def next_work(self, mode: Mode | None) -> Work | None:
        """A stage without a worker, of the worker's own mode if there is one; else the one with most cases left."""
        with self.lock:
            unfinished = [work for work in self.work if not work.done]
            if not unfinished:
                return None
            best = min(
                unfinished,
                key=lambda work: (work.workers, work.mode is not mode, self._at(work.mode), -len(work.cases or ())),
            )
            best.workers += 1
            return best

    def _at(self, mode: Mode) -> int:
        return sum(work.workers for work in self.work if work.mode is mode)

    def next_case(self, work: Work) -> Case | None:
        with work.lock:
            if not work.cases:
                work.done = True
                return None
            return work.cases.popleft()

    def run_worker(self, cli: Cli, directory: Path) -> None:
        """Runs cases until none are left."""
        try:
            with Worker(cli, directory) as worker:
                while work := self.next_work(worker.mode):
                    self._run_stage(worker, work)
        except terminal.Ended:
            pass
        except BaseException as error:
            self.found.put(error)
        finally:
            self.found.put(None)

    def _run_stage(self, worker: Worker, work: Work) -> None:
        worker.enter(work.mode)
        calls = worker.start(work.stage.operation).calls
        with work.lock:
            if work.cases is None:
                every_read = self.selection.names_faults
                cases = [c for c in cases_of(work.stage, calls, every_read) if self.selection.takes(str(c))]
                work.cases = deque(cases[:: len(cases) // self.sample + 1] if self.sample else cases)
        while case := self.next_case(work):
            self.found.put(try_case(worker, case))


def sweep(cli: Cli, directory: Path, pattern: str = "", workers: int = 2, sample: int | None = None) -> Report:
    """All cases that `pattern` selects, or a sample of them; failures are printed as they happen."""
    all_stages, report = Sweep(Selection(pattern), sample), Report()
    threads = [
        threading.Thread(target=all_stages.run_worker, args=(cli, directory / f"worker{number}"), daemon=True)
        for number in range(workers)
    ]
    for thread in threads:
        thread.start()
    running = len(threads)
    try:
        while running:
            match all_stages.found.get():
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
    # A case of a peering spends more than half of its time waiting, for the provider's pauses and for AWS.
    options.add_argument("--workers", type=int, default=(os.cpu_count() or 2) * 3)
    given = options.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="xeks-sweep-") as folder:
        directory = Path(folder)
        (directory / "cli").mkdir()
        try:
            cli = Cli(given.cli, given.provider.resolve(), directory / "cli")
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
