"""A chain of a story, explained by the provider's own data source: printed, broken on purpose, reported, repaired.

Knows the CLI and the screen. What breaks a hop is given to it.
"""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_emulator.client import Aws
from harness import Cli, Workspace
from screen import command_line, expect, show, step

CHAINS = Path(__file__).parent / "chains"
MARKS = {"broken": "✖", "unknown": "?"}


class Chain:
    """`name` is a folder of `chains`, `source` the data source in it, `story` the root module that repairs it."""

    def __init__(self, aws: Aws, cli: Cli, story: Workspace, name: str, source: str, scratch: Path, profiles: dict):
        self._aws, self._cli, self._story, self._source = aws, cli, story, source
        folder = scratch / f"chain-{name}"
        shutil.copytree(CHAINS / name, folder)
        self._root = cli.workspace(folder, **profiles)

    def ask(self, **variables: Any) -> dict:
        self._root.write(json.dumps(variables), "terraform.tfvars.json").apply()
        return self._root.output("chain")

    def show(self, **variables: Any) -> None:
        """Prints the chain as text. No hop may be broken."""
        command_line(f"{self._cli.name} output   # text of {self._source}")
        found = self.ask(**variables)
        show(found["text"])
        expect(found["allowed"], f"{self._source}: every hop is ok")

    def break_and_repair(self, breaks: Callable[[Aws], str], hop: str, status: str = "broken", **variables: Any):
        step(breaks(self._aws))
        found = self.ask(**variables)
        named = next((one for one in found["hops"] if one["name"] == found["broken"]), {})
        mark = MARKS.get(named.get("status"))
        show(f"{mark} {named.get('name')}  {named.get('object')}\n    {named.get('reason')}\n    → {named.get('fix')}")
        is_named = (named.get("name"), named.get("status")) == (hop, status)
        expect(is_named, f"{self._source} names the {status} hop: {hop}")

        command_line(f"{self._cli.name} apply")
        run = self._story.run("apply", "-no-color", "-auto-approve").must_work()
        show("\n".join(line for line in run.output.splitlines() if line.startswith("Apply")))
        plan = self._story.run("plan", "-no-color", "-detailed-exitcode")
        expect(plan.code == 0 and self.ask(**variables)["allowed"], "repaired: every hop is ok again")
