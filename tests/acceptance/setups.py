"""Set-ups for the path data sources to explain: each sound or with one thing broken, and what they must say of it.

Knows how set-ups are created, read in one apply and shown as a page. The set-ups themselves are in `setups_*.py`.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from accounts import Accounts
from aws_emulator.client import Aws, Credentials
from harness import Cli
from profiles import write_profiles

#: What differs from one run to the next, as the page shows it.
VARYING = (
    (re.compile(r"\b(AROA|AIDA)[A-Z0-9]{16,}"), r"\1…"),
    (re.compile(r"\b(vpc|subnet|sg|rtb|pcx|acl|igw|nat|tgw|eni|sgr)-[0-9a-f]{8,}"), r"\1-…"),
    # Elastic IP addresses, as the emulated AWS draws them.
    (re.compile(r"\b52(\.\d+){3}"), "52.…"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "https://…"),
    (
        re.compile(r"https://oidc\.eks\.([a-z0-9-]+)\.amazonaws\.com/id/[0-9A-F]+"),
        r"https://oidc.eks.\1.amazonaws.com/id/…",
    ),
    (re.compile(r"oidc\.eks\.([a-z0-9-]+)\.amazonaws\.com/id/[0-9A-F]+"), r"oidc.eks.\1.amazonaws.com/id/…"),
)


@dataclass
class Asked:
    """A data source to be read: its type, arguments, and whose credentials its `live_as` has."""

    type: str
    arguments: dict[str, Any]
    signed_in: Credentials | None = None


@dataclass
class Setup:
    """`make` creates it sound and returns what `breaks` breaks and `ask` asks about; a sound one breaks nothing."""

    name: str
    make: Callable[[Accounts, str], Any]
    ask: Callable[[Any], Asked]
    breaks: Callable[[Any], None] = lambda made: None
    #: The first hop that fails, its status, and words of its reason and of its fix.
    hop: str | None = None
    status: str = "broken"
    reason: str = ""
    fix: str = ""


@dataclass
class Explanation:
    """What the data source says of a set-up."""

    setup: Setup
    state: dict
    key: str = ""
    wrong: list[str] = field(default_factory=list)

    @property
    def first(self) -> dict | None:
        return next((hop for hop in self.state["hops"] if hop["status"] in ("broken", "unknown")), None)

    def check(self) -> "Explanation":
        """Records what differs from what it must say."""
        setup, state, first = self.setup, self.state, self.first
        expect = self._expect
        expect("allowed", state["allowed"], setup.hop is None)
        expect("broken", state["broken"], setup.hop)
        if setup.hop is None:
            expect("statuses", {hop["name"]: hop["status"] for hop in state["hops"] if hop["status"] != "ok"}, {})
        elif first:
            expect("status", first["status"], setup.status)
            for key in ("reason", "fix"):
                if getattr(setup, key) not in (first[key] or ""):
                    self.wrong.append(f"{key}: no {getattr(setup, key)!r} in {first[key]!r}")
            if first["status"] == "broken" and not first["fix"]:
                self.wrong.append("no fix")
        return self

    def _expect(self, what: str, found, wanted) -> None:
        if found != wanted:
            self.wrong.append(f"{what} is {found!r}, not {wanted!r}")


def explain(cli: Cli, aws: Aws, directory: Path, setups: list[Setup]) -> list[Explanation]:
    """Creates all of them, breaks those to be broken, and reads every data source in one apply."""
    accounts = Accounts(aws)
    made = [setup.make(accounts, f"{number:02}") for number, setup in enumerate(setups, 1)]
    # IAM's times have a resolution of one second: what is recreated below must be newer than what exists now.
    time.sleep(1.1)
    for setup, one in zip(setups, made, strict=True):
        setup.breaks(one)
    asked = {
        f"case_{number:02}": setup.ask(one) for number, (setup, one) in enumerate(zip(setups, made, strict=True), 1)
    }
    states = read(cli, aws, directory, asked)
    return [Explanation(setup, states[key], key).check() for setup, key in zip(setups, asked, strict=True)]


def read(cli: Cli, aws: Aws, directory: Path, asked: dict[str, Asked]) -> dict[str, dict]:
    """Name → state of each data source."""
    signed_in = {key: one.signed_in for key, one in asked.items() if one.signed_in}
    root = cli.workspace(directory, **write_profiles(aws, directory / "aws", **signed_in))
    workload_accounts = {key: {"profile": key, "region": aws.region} for key in signed_in}
    provider = {
        "cluster_account": {"profile": "platform", "region": aws.region},
        "workload_account": {"profile": "workload", "region": aws.region},
    }
    data: dict[str, dict] = {}
    for key, one in asked.items():
        data.setdefault(one.type, {})[key] = one.arguments | ({"live_as": key} if one.signed_in else {})
    source = {"xeks": {"source": "xeks/xeks"}}
    document = {
        "terraform": {"required_providers": source},
        "provider": {"xeks": provider | ({"workload_accounts": workload_accounts} if workload_accounts else {})},
        "data": data,
    }
    root.write(json.dumps(document, indent=2), "main.tf.json")
    root.apply()
    return root.data_sources()


def page(explanations: list[Explanation]) -> str:
    """The page in docs/: every broken set-up with the hop and reason named, and every sound one."""
    broken = [one for one in explanations if one.setup.hop]
    sound = [one for one in explanations if not one.setup.hop]
    lines = [
        "---",
        'page_title: "Broken set-ups, and what the data sources say of them - xeks"',
        'subcategory: ""',
        "description: |-",
        "  For many mistakes in cross-account access: the hop that xeks_access_path or xeks_irsa_path names, the "
        "reason and the fix.",
        "---",
        "",
        "# Broken set-ups, and what the data sources say of them",
        "",
        "<!-- Written by `make docs`, which runs the set-ups; the acceptance tests fail where this page is out of "
        "date. -->",
        "",
        f"{len(broken)} set-ups with one thing broken each, and {len(sound)} sound ones, read by `terraform apply` "
        "against the two-account AWS of the tests. *Hop* is what `broken` says; reason and fix are that hop's own. "
        "[kubectl's errors](kubectl-errors.md) shows what kubectl says of some of them.",
        "",
        "| # | Broken | Data source | Hop | Status | Reason | Fix |",
        "|---:|---|---|---|---|---|---|",
    ]
    for number, one in enumerate(broken, 1):
        first = one.first or {}
        cells = [one.setup.name, f"`{kind_of(one)}`", f"`{first.get('name')}`", first.get("status")]
        cells += [plain(first.get("reason"), one.key), plain(first.get("fix"), one.key)]
        lines.append(f"| {number} | {' | '.join(map(cell, cells))} |")
    lines += [
        "",
        "## Sound ones",
        "",
        "Every hop of these is `ok`.",
        "",
        "| # | Sound | Data source | Hops |",
        "|---:|---|---|---|",
    ]
    for number, one in enumerate(sound, 1):
        hops = ", ".join(f"`{hop['name']}`" for hop in one.state["hops"])
        lines.append(f"| {number} | {cell(one.setup.name)} | `{kind_of(one)}` | {hops} |")
    return "\n".join(lines) + "\n"


def kind_of(explanation: Explanation) -> str:
    return "xeks_irsa_path" if "service_account" in explanation.state else "xeks_access_path"


def plain(text: str | None, key: str) -> str:
    """Without what differs between runs, and without the number in the set-up's names."""
    text = text or ""
    for pattern, shown in VARYING:
        text = pattern.sub(shown, text)
    return re.sub(rf"-{key.removeprefix('case_')}\b", "", text)


def cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
