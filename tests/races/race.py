"""Two states, two CLI processes and two provider processes at once, in accounts whose answers take random times.

Knows how two runs are started at once, and what both accounts look like afterwards. Knows no case.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from accounts import Accounts, traces
from aws_emulator.client import Aws
from harness import Cli, Run, Workspace
from network import Network
from workspaces import workspaces

#: Calls take up to so many seconds, each its own time: reads and writes of the two runs fall between one another.
LATENCY = 0.15


class Lost(AssertionError):
    """An object was lost, or left behind without an owner."""


class Race:
    """Accounts that were reset, for one run of one case. `seed` decides how long calls take."""

    def __init__(self, cli: Cli, aws: Aws, directory: Path, seed: int):
        self.aws, self.seed = aws, seed
        aws.reset()
        aws.faults.clear()
        directory.mkdir(parents=True)
        self._workspace = workspaces(cli, aws, directory)
        self.accounts, self.network = Accounts(aws), Network(aws)
        self._before: dict = {}

    def begin(self, *configurations: str) -> list[Workspace]:
        """What exists now is what must exist at the end. One state for each configuration; from here on calls take
        time."""
        self._before = self.network.left()
        self.aws.faults.add("latency", times=None, seconds=LATENCY, spread=True, seed=self.seed)
        return [self._workspace(hcl) for hcl in configurations]

    def more(self, hcl: str) -> Workspace:
        return self._workspace(hcl)

    def at_once(self, *commands: Callable[[], Run]) -> list[Run]:
        with ThreadPoolExecutor(len(commands)) as pool:
            return [future.result() for future in [pool.submit(command) for command in commands]]

    def all_work(self, *commands: Callable[[], Run]) -> None:
        for run in self.at_once(*commands):
            check(run.code == 0, f"{run.command} failed:\n{run.text}")

    def all_plan_empty(self, *roots: Workspace) -> None:
        for run in self.at_once(*(lambda root=root: root.try_plan("-detailed-exitcode") for root in roots)):
            check(run.code == 0, f"a plan should be empty: {drift(run)}")

    def destroy_all(self, *roots: Workspace) -> None:
        """Destroys all states at once; one whose objects are still in use is refused, and destroyed after the
        others."""
        runs = self.at_once(*(root.try_destroy for root in roots))
        again = [root for root, run in zip(roots, runs, strict=True) if run.code]
        for run in runs:
            in_use = "still carries the traffic" in run.text
            check(run.code == 0 or in_use, f"{run.command} failed:\n{run.text}")
        for root in again:
            run = root.try_destroy()
            check(run.code == 0, f"{run.command} failed again:\n{run.text}")
        left = traces(self.aws, self._before)
        check(not left, f"not as before: {sorted(left)[:10]}")


def check(holds: object, what: str) -> None:
    if not holds:
        raise Lost(what)


def drift(run: Run) -> str:
    return run.text if run.errors else run.output[-3000:]
