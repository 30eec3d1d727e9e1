"""One worker's AWS and root module: creates the state of the accounts in which an operation begins, and returns to it
in milliseconds.

Knows modes and operations. Knows nothing of faults.
"""

from dataclasses import dataclass, field
from pathlib import Path

import terminal
from aws_emulator.client import Aws
from cases import Call, Operation, calls_of
from dumps import essential, exact
from harness import Cli, Run
from modes import Mode
from profiles import write_profiles
from workspaces import PROVIDER

APPLY = ("apply", "-json", "-auto-approve")
DESTROY = ("destroy", "-json", "-auto-approve")
FIRST = "  lifecycle {\n    create_before_destroy = true\n  }\n}\n"


@dataclass
class Start:
    """Where an operation begins, and what it is."""

    snapshot: int
    files: dict[str, bytes]
    arguments: tuple[str, ...]
    #: The accounts without what is random, once this operation, or an apply after it, has converged.
    converged: str = ""
    calls: list[Call] = field(default_factory=list)


class Worker:
    def __init__(self, cli: Cli, directory: Path):
        self.cli, self.directory = cli, directory
        self.aws = Aws(story=True)
        self.mode: Mode | None = None

    def __enter__(self) -> "Worker":
        self.aws.__enter__()
        self.accounts = {account.id: name for name, account in self.aws.accounts.items()}
        self.root = self.cli.workspace(self.directory, **write_profiles(self.aws, self.directory / "aws"))
        self.kept = {path.name for path in self.directory.iterdir()}
        return self

    def __exit__(self, *gone) -> None:
        self.aws.__exit__(*gone)

    def enter(self, mode: Mode) -> None:
        """Creates the two states that a mode begins in: before any apply, and with the first configuration applied."""
        if self.mode is mode:
            return
        self.aws.reset()
        self.mode = mode
        update = mode.write(self.aws)
        self.first, self.second = update.before, update.after
        self.before, self.empty = exact(self.aws.dump()), self.aws.snapshot()
        self.lay(self.empty, {"main.tf": self.first.encode()})
        self.run(*APPLY).must_work()
        resources = self.root.resources()
        self.id = resources[mode.address]["id"]
        self.applied, self.made, self.state = self.aws.snapshot(), self.essential(), self.state_file()
        self.starts = {}

    def essential(self) -> str:
        return essential(self.aws.dump(), self.mode.shares)

    def start(self, operation: Operation) -> Start:
        """The beginning of an operation; the first time it is run twice without a fault, to know its calls."""
        if operation not in self.starts:
            start = self._start(operation)
            start.calls = calls_of([self._record(start) for _ in range(2)], self.accounts)
            if operation is Operation.DESTROY:
                assert exact(self.aws.dump()) == self.before, "a destroy without a fault leaves traces"
                self.run(*APPLY).must_work()
            start.converged = self.essential()
            if operation not in (Operation.UPDATE, Operation.REPLACE_FIRST):
                assert start.converged == self.made, f"{operation} without a fault ends elsewhere than an apply"
            self.starts[operation] = start
        return self.starts[operation]

    def _start(self, operation: Operation) -> Start:
        first, state = {"main.tf": self.first.encode()}, {"terraform.tfstate": self.state}
        replace = (*APPLY, f"-replace={self.mode.address}")
        match operation:
            case Operation.CREATE:
                return Start(self.empty, first, APPLY)
            case Operation.UPDATE:
                return Start(self.applied, {"main.tf": self.second.encode()} | state, APPLY)
            case Operation.REPLACE:
                return Start(self.applied, first | state, replace)
            case Operation.REPLACE_FIRST:
                text = self.first.rstrip().removesuffix("}") + FIRST
                return Start(self.applied, {"main.tf": text.encode()} | state, replace)
            case Operation.READ:
                return Start(self.applied, first | state, (*APPLY, "-refresh-only"))
            case Operation.IMPORT:
                block = f'import {{\n  to = {self.mode.address}\n  id = "{self.id}"\n}}\n'
                return Start(self.applied, first | {"import.tf": block.encode()}, APPLY)
            case Operation.DESTROY:
                return Start(self.applied, first | state, DESTROY)

    def _record(self, start: Start) -> list[dict]:
        self.back_to(start)
        self.run(*start.arguments).must_work()
        return self.aws.calls()

    def back_to(self, start: Start) -> None:
        self.lay(start.snapshot, start.files)

    def lay(self, snapshot: int, files: dict[str, bytes]) -> None:
        self.aws.restore(snapshot)
        for path in self.directory.iterdir():
            if path.name not in self.kept:
                path.unlink()
        for name, content in files.items():
            (self.directory / name).write_bytes(content)
        self.configure()

    def configure(self, retries: int | None = None) -> None:
        """Writes the provider's configuration; `retries` as both accounts' `max_retries`."""
        hcl = PROVIDER % ""
        if retries is not None:
            hcl = hcl.replace('region = "', f'max_retries = {retries}, region = "')
        (self.directory / "provider.tf").write_text(hcl)

    def state_file(self) -> bytes:
        return (self.directory / "terraform.tfstate").read_bytes()

    def run(self, *arguments: str, **more) -> Run:
        return terminal.run(self.root, *arguments, **more)
