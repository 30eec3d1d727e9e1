"""Drift as a table: something is changed outside Terraform, the plan must name it, and an apply must correct it.

All rows run against the same applied configuration, which a corrected row leaves as it was; after a row that fails,
it is applied again. The results are written to build/drift-*.md.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accounts import Accounts
from harness import Workspace

BUILD = Path(__file__).parents[2] / "build"


@dataclass(frozen=True)
class Row:
    #: What is changed, for people: "access role: trust policy".
    name: str
    #: Reads what the change is about; equal before the change and after the correction.
    read: Callable[[Accounts], Any]
    change: Callable[[Accounts], Any]
    #: The path that the plan must name, as a prefix: `username`, `objects["cluster/iam_role/x"].document`.
    path: str


@dataclass
class Applied:
    """A configuration, applied once and again after a row that failed."""

    name: str
    accounts: Accounts
    address: str
    begin: Callable[[], Workspace]
    workspace: Workspace | None = None
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def check(self, row: Row) -> None:
        workspace = self.workspace or self.begin()
        self.workspace = None
        before = row.read(self.accounts)
        row.change(self.accounts)
        assert row.read(self.accounts) != before, "the row changes nothing"

        plan = workspace.plan()
        changed = plan.changed(self.address)
        named = [path for path in changed if path.startswith(row.path)]
        self.seen.append((row.name, named[0] if named else f"not seen: {changed}", "no"))
        assert plan.actions(self.address) == ["update"], f"{plan.actions(self.address)}: {changed}"
        assert named, f"no {row.path} in {changed}"

        workspace.apply("tfplan")
        assert row.read(self.accounts) == before
        workspace.assert_empty_plan()
        self.seen[-1] = (row.name, named[0], "yes")
        self.workspace = workspace

    def write_table(self) -> None:
        BUILD.mkdir(exist_ok=True)
        lines = ["| changed outside Terraform | drift detected in | corrected |", "|---|---|---|"]
        lines += [f"| {name} | `{path}` | {corrected} |" for name, path, corrected in self.seen]
        file_name = re.sub(r"[^\w.-]", "-", self.name)
        (BUILD / f"drift-{file_name}.md").write_text("\n".join(lines) + "\n")
