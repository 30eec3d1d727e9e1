"""What a sweep found: failures as they come, and a table of all cases at the end."""

from collections import Counter

from cases import CONDITIONS, FAULTS, Condition, Fault
from verdict import Verdict

_REPORT_EVERY = 50
_LONGEST = 6000


class Report:
    def __init__(self):
        self.run: Counter[tuple[str, Fault | Condition]] = Counter()
        self.converged: Counter[tuple[str, Fault | Condition]] = Counter()
        self.failed: list[Verdict] = []
        self.seconds = 0.0
        self.takeovers = 0

    def add(self, verdict: Verdict) -> None:
        key = str(verdict.case.stage), verdict.case.fault
        self.run[key] += 1
        self.converged[key] += verdict.converged
        self.seconds += verdict.seconds
        self.takeovers += verdict.takeovers
        if not verdict.converged:
            self.failed.append(verdict)
            print(failure(verdict), flush=True)
        if self.run.total() % _REPORT_EVERY == 0:
            print(f"… {self.run.total()} cases run, {self.converged.total()} converged", flush=True)

    @property
    def sound(self) -> bool:
        return self.run.total() > 0 and not self.failed

    def table(self) -> str:
        """Each line an operation, each column a fault or a condition: cases converged / cases run."""
        stages = sorted({stage for stage, _ in self.run})
        faults = [fault for fault in (*FAULTS, *CONDITIONS) if any(key[1] == fault for key in self.run)]
        rows = [["resource/mode/operation", *map(str, faults), "all"]]
        rows += [
            [stage, *(self._cell([(stage, f)]) for f in faults), self._cell([(stage, f) for f in faults])]
            for stage in stages
        ]
        rows += [["all", *(self._cell([(s, f) for s in stages]) for f in faults), self._cell(list(self.run))]]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(w) if n == 0 else cell.rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True))
            )
            for row in rows
        ]
        meanings = [f"  {fault.name:<12} {fault.meaning}" for fault in faults]
        return "\n".join(["", "converged/run", *lines, "", *meanings])

    def _cell(self, keys: list[tuple[str, Fault | Condition]]) -> str:
        run, converged = sum(self.run[k] for k in keys), sum(self.converged[k] for k in keys)
        return f"{converged}/{run}" if run else "-"

    def summary(self, seconds: float) -> str:
        failed = "".join(f"\n  make sweep SWEEP='{verdict.case}'" for verdict in self.failed)
        total = f"{self.run.total()} cases run, {self.converged.total()} converged, {len(self.failed)} not"
        takeovers = f"{self.takeovers} objects without a state taken over"
        return f"{total}; {takeovers}; in {seconds / 60:.1f} minutes{failed and '; each alone:'}{failed}"


def failure(verdict: Verdict) -> str:
    text = "\n".join(verdict.problems)
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "\n[…]"
    return f"FAILED {verdict.case}\n" + "\n".join(f"    {line}" for line in text.splitlines())
