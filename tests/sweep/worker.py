"""One worker's AWS and root module: makes the world in which an operation begins, and goes back to it in milliseconds.

Knows modes and operations. Knows nothing of faults.
"""

from dataclasses import dataclass, field
from pathlib import Path

import terminal
from aws_emulator.client import Aws
from cases import Call, calls_of
from dumps import essential, exact
from harness import Cli, Run
from modes import Mode
from profiles import write_profiles
from workspaces import PROVIDER

APPLY = ("apply", "-json", "-auto-approve")
DESTROY = ("destroy", "-json", "-auto-approve")
FIRST = "  lifecycle {\n    create_before_destroy = true\n  }\n}\n"

OPERATIONS = ("create", "update", "replace", "replace-first", "read", "import", "destroy")


@dataclass
class Start:
    """Where an operation begins, and what it is."""

    snapshot: int
    files: dict[str, bytes]
    arguments: tuple[str, ...]
    #: The world without what is random, once this operation, or an apply after it, has converged.
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
        """Makes the worlds of a mode: with nothing of ours, and with the first configuration applied."""
        if self.mode is mode:
            return
        self.aws.reset()
        self.first, self.second = mode.write(self.aws)
        self.before, self.empty = exact(self.aws.dump()), self.aws.snapshot()
        self.lay(self.empty, {"main.tf": self.first.encode()})
        self.run(*APPLY).must_work()
        resources = self.root.resources()
        self.id = resources[mode.address]["id"]
        self.applied, self.made, self.state = self.aws.snapshot(), essential(self.aws.dump()), self.state_file()
        self.mode, self.starts = mode, {}

    def start(self, operation: str) -> Start:
        """The beginning of an operation; the first time it is run twice without a fault, to know its calls."""
        if operation not in self.starts:
            start = self._start(operation)
            start.calls = calls_of([self._record(start) for _ in range(2)], self.accounts)
            if operation == "destroy":
                assert exact(self.aws.dump()) == self.before, "a destroy without a fault leaves traces"
                self.run(*APPLY).must_work()
            start.converged = essential(self.aws.dump())
            if operation not in ("update", "replace-first"):
                assert start.converged == self.made, f"{operation} without a fault ends elsewhere than an apply"
            self.starts[operation] = start
        return self.starts[operation]

    def _start(self, operation: str) -> Start:
        first, state = {"main.tf": self.first.encode()}, {"terraform.tfstate": self.state}
        replace = (*APPLY, f"-replace={self.mode.address}")
        match operation:
            case "create":
                return Start(self.empty, first, APPLY)
            case "update":
                return Start(self.applied, {"main.tf": self.second.encode()} | state, APPLY)
            case "replace":
                return Start(self.applied, first | state, replace)
            case "replace-first":
                text = self.first.rstrip().removesuffix("}") + FIRST
                return Start(self.applied, {"main.tf": text.encode()} | state, replace)
            case "read":
                return Start(self.applied, first | state, (*APPLY, "-refresh-only"))
            case "import":
                block = f'import {{\n  to = {self.mode.address}\n  id = "{self.id}"\n}}\n'
                return Start(self.applied, first | {"import.tf": block.encode()}, APPLY)
            case "destroy":
                return Start(self.applied, first | state, DESTROY)
        raise ValueError(operation)

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
