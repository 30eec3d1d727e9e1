"""Drift as a table: something is changed behind Terraform's back; the plan must name it, an apply must heal it.

Each row runs against the same applied configuration, since a healed row leaves it as it was. A row that fails throws it
away. What was seen goes into build/drift-*.md.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import Workspace
from world import World

BUILD = Path(__file__).parents[2] / "build"


@dataclass(frozen=True)
class Row:
    #: What is changed, for people: "access role: trust policy".
    name: str
    #: Reads what the change is about; equal before and after healing.
    read: Callable[[World], Any]
    change: Callable[[World], Any]
    #: The path that the plan must name, as a prefix: `username`, `objects["cluster/iam_role/x"].document`.
    path: str


@dataclass
class Applied:
    """A configuration, applied once and again after a row that failed."""

    name: str
    world: World
    address: str
    begin: Callable[[], Workspace]
    workspace: Workspace | None = None
    seen: list[tuple[str, str, str]] = field(default_factory=list)

    def check(self, row: Row) -> None:
        workspace = self.workspace or self.begin()
        self.workspace = None
        before = row.read(self.world)
        row.change(self.world)
        assert row.read(self.world) != before, "the row changes nothing"

        plan = workspace.plan()
        changed = plan.changed(self.address)
        named = [path for path in changed if path.startswith(row.path)]
        self.seen.append((row.name, named[0] if named else f"not seen: {changed}", "no"))
        assert plan.actions(self.address) == ["update"], f"{plan.actions(self.address)}: {changed}"
        assert named, f"no {row.path} in {changed}"

        workspace.apply("tfplan")
        assert row.read(self.world) == before
        workspace.assert_empty_plan()
        self.seen[-1] = (row.name, named[0], "yes")
        self.workspace = workspace

    def write_table(self) -> None:
        BUILD.mkdir(exist_ok=True)
        lines = ["| changed behind Terraform's back | drift seen in | healed |", "|---|---|---|"]
        lines += [f"| {name} | `{path}` | {healed} |" for name, path, healed in self.seen]
        file_name = re.sub(r"[^\w.-]", "-", self.name)
        (BUILD / f"drift-{file_name}.md").write_text("\n".join(lines) + "\n")
