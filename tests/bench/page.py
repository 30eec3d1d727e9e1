"""docs/benchmarks.md, from what was measured."""

import statistics
from collections.abc import Callable, Iterable

from kinds import KINDS
from measure import spread

HEAD = """---
page_title: "Benchmarks - xeks"
description: |-
  What the provider costs: its process, and the time, calls and memory of plans and applies.
---

# Benchmarks

`make bench` measures what this page shows. The numbers are medians of {runs} runs, with the least and the greatest
in brackets, on two cores ({machine}), with {cli} at `-parallelism={parallelism}`.

AWS is an emulator on the same machine, which delays each call by the latency given. With no latency, the times are
mostly those of the emulator: compare them with each other, not with AWS. The numbers of calls do not depend on it.

The runner has `iam:GetAccountAuthorizationDetails`, `iam:GetAccountSummary` and `iam:ListRoles`, so that many roles
are read at once.
"""

TIMES = """Seconds, and calls of AWS. An apply plans first, and once more in the process that applies; a destroy
refreshes first. The floor of an apply is its longest chain of calls, one after the other, times the latency: reads of
its two plans once, and what follows once for each {parallelism} resources.
"""

LIMITED = """IAM accepts {rate} calls per second of each account, and {burst} at once after a pause; 50 ms for each
call. The floors are the calls of one account that IAM accepted, without the burst, divided by the rate: those that
change something, and all. Throttled calls come in addition.
"""

COMMANDS = """The objects of one resource, created and deleted by a script of `aws` commands: one after the other, and
with those at once that need nothing of each other. The script checks nothing, waits for nothing and knows no state.
Most of its time is the start of each command.
"""

#: How the names of calls begin that change something.
WRITES = ("Create", "Put", "Add", "Delete", "Remove", "Attach", "Detach", "Update", "Tag", "Untag")


def line(part: str, name: str, found) -> str:
    """One result, for the terminal."""
    if part in ("jobs", "limited"):
        texts = [f"{job} {_seconds(measured)} s, {_calls(measured)} calls" for job, measured in found.items()]
        return f"{name}: {'; '.join(texts)}"
    if part == "commands":
        return f"{name}: create {spread(found['create'])} s, delete {spread(found['delete'])} s"
    return f"{name}: {found[0]} {found[1]}"


def rendered(measured: dict) -> str:
    jobs = measured.get("jobs", {})
    parts = [HEAD.format(**measured)]
    parts += _process(measured.get("process", {}))
    parts += _times(jobs, measured["parallelism"])
    parts += _memory(jobs)
    parts += _limited(measured.get("limited", {}), measured["rate"], measured["burst"])
    parts += _commands(measured.get("commands", {}), jobs)
    parts += _names(jobs)
    return "\n".join(parts)


def _process(found: dict) -> list[str]:
    if not found:
        return []
    return [
        "## The process\n",
        *_table(["", "measured"], ([what, f"{value} {unit}"] for what, (value, unit) in found.items())),
    ]


def _times(jobs: dict, parallelism: int) -> list[str]:
    parts = [
        "## Time and calls\n",
        TIMES.format(parallelism=parallelism),
    ]
    for latency in sorted({latency for _, _, latency in map(_split, jobs)}):
        parts.append(f"### {latency} ms for each call\n")
        head = ["Resource", "Number", "plan", "apply", "floor", "empty plan", "destroy"]
        rows = []
        for kind, count, of, found in _ordered(jobs):
            if of == latency:
                floor = (KINDS[kind].planned + KINDS[kind].applied * -(-count // parallelism)) * latency / 1000
                cells = {job: f"{_seconds(each)} s, {_calls(each)}" for job, each in found.items()}
                rows.append(
                    [
                        f"`{kind}`",
                        str(count),
                        cells["plan"],
                        cells["apply"],
                        f"{floor:.2f} s",
                        cells["empty plan"],
                        cells["destroy"],
                    ]
                )
        parts += _table(head, rows)
    return parts


def _memory(jobs: dict) -> list[str]:
    if not jobs:
        return []
    parts = [
        "## Memory\n",
        "The largest resident set of a process of the provider in MiB, the median, at the highest latency measured.\n",
    ]
    rows = []
    for kind, count, _, found in _ordered(jobs, max):
        rows.append(
            [f"`{kind}`", str(count), *(f"{statistics.median(each['mebibytes']):.0f}" for each in found.values())]
        )
    return [*parts, *_table(["Resource", "Number", "plan", "apply", "empty plan", "destroy"], rows)]


def _limited(found: dict, rate: int, burst: int) -> list[str]:
    if not found:
        return []
    parts = [
        "## With a rate limit\n",
        LIMITED.format(rate=rate, burst=burst),
    ]
    rows = []
    for name, jobs in found.items():
        kind, count = name.split("/")
        for job in ("apply", "destroy"):
            each = jobs[job]
            accounts = 2 if kind == "xeks_cross_account_access" else 1
            calls = _of_iam(each["calls"]) - each["throttled"]
            writes = _of_iam(each["calls"], WRITES)
            floors = [f"{max(n / accounts - burst, 0) / rate:.1f} s" for n in (writes, calls)]
            rows.append([f"`{kind}`", count, job, f"{_seconds(each)} s", *floors, str(calls), str(each["throttled"])])
    head = ["Resource", "Number", "Job", "time", "writes ÷ rate", "calls ÷ rate", "IAM calls", "throttled"]
    return [*parts, *_table(head, rows)]


def _of_iam(made: dict[str, int], beginnings: tuple[str, ...] = ("",)) -> int:
    return sum(n for call, n in made.items() if call.startswith(tuple(f"iam:{beginning}" for beginning in beginnings)))


def _commands(found: dict, jobs: dict) -> list[str]:
    if not found:
        return []
    parts = [
        "## Beside the AWS CLI\n",
        COMMANDS,
    ]
    of_story = {"story 1": "xeks_cross_account_access", "story 2": "xeks_irsa_trust"}
    rows = []
    for name, seconds in found.items():
        story, how, latency = name.split("/")
        xeks = jobs.get(f"{of_story[story]}/1/{latency}")
        cells = [f"{_seconds(xeks['apply'])} s", f"{_seconds(xeks['destroy'])} s"] if xeks else ["", ""]
        rows.append(
            [
                f"`{of_story[story]}`",
                f"{latency} ms",
                how,
                f"{spread(seconds['create'])} s",
                cells[0],
                f"{spread(seconds['delete'])} s",
                cells[1],
            ]
        )
    return [*parts, *_table(["", "latency", "script", "create", "xeks apply", "delete", "xeks destroy"], rows)]


def _names(jobs: dict) -> list[str]:
    if not jobs:
        return []
    parts = ["## Calls by name\n", "Of the run with the median number of calls, at the lowest latency measured.\n"]
    for kind, count, _, found in _ordered(jobs, min):
        parts.append(f"### {count} of `{kind}`\n")
        calls = {job: each["calls"] for job, each in found.items()}
        names = sorted({call for made in calls.values() for call in made})
        rows = ([f"`{call}`", *(str(made.get(call, "")) for made in calls.values())] for call in names)
        parts += _table(["Call", *calls], rows)
    return parts


def _split(name: str) -> tuple[str, int, int]:
    kind, count, latency = name.split("/")
    return kind, int(count), int(latency)


def _ordered(jobs: dict, choose: Callable[[list[int]], int] | None = None) -> list[tuple[str, int, int, dict]]:
    """Kind, number, latency and what was measured, in the order of kinds and numbers; of the latencies all, or the one
    that `choose` takes."""
    found = [(*_split(name), measured) for name, measured in jobs.items()]
    if choose:
        latencies: dict[tuple[str, int], list[int]] = {}
        for kind, count, latency, _ in found:
            latencies.setdefault((kind, count), []).append(latency)
        found = [each for each in found if each[2] == choose(latencies[each[0], each[1]])]
    return sorted(found, key=lambda each: (list(KINDS).index(each[0]), each[1]))


def _seconds(job: dict) -> str:
    return spread(job["seconds"], 2 if statistics.median(job["seconds"]) < 10 else 1)


def _calls(job: dict) -> str:
    return str(sum(job["calls"].values()))


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return ["\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"]
