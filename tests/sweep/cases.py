"""Which faults are put on which calls of an operation.

Knows calls by account, service, action and how many of that kind went before. Knows no CLI, no AWS and no resource.
"""

import zlib
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase

#: Name → (the test AWS's kind of fault for a call that writes, for one that reads, what it is). None: no such case.
FAULTS = {
    "error": ("error", "error", "the call is refused before it takes effect"),
    "lost": ("lost_answer", None, "the call takes effect, its answer is lost, and it is not tried again"),
    "lost-once": ("lost_answer", None, "the call takes effect, its answer is lost, and it is tried again"),
    "throttle": ("throttle", "throttle", "throttled, then answered"),
    "500": ("500", "500", "the service fails before any effect, then answers"),
    "reset": ("reset", "reset", "the connection is reset before any effect"),
    "kill": ("hold_answer", "hold", "kill -9 of the provider once the call took effect"),
    "kill-before": ("hold", None, "kill -9 of the provider while the call is on its way, and it never arrives"),
    "interrupt": ("hold_answer", "hold", "Ctrl-C to the CLI while the call is under way"),
    "expired": ("expired", "expired", "from this call on the account's session has expired"),
}
OF_READS = [fault for fault, (_, read, _) in FAULTS.items() if read]

READS = ("Get", "List", "Describe", "Assume")

LEGEND = """\
Calls that write: every fault on every call.
Calls that read: of each action in an account the last call of the operation gets one fault, drawn by the names of
resource, mode, operation and action; other faults, and earlier calls of the action, are left out (SWEEP='*/*/*/*'
leaves none out). A lost answer and a reset connection are the same to a read, and counted once, as reset."""


@dataclass(frozen=True)
class Call:
    """The `nth` call of this action in this account (`cluster` or `workload`) within one operation, counted from 1."""

    account: str
    service: str
    action: str
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.account}/{self.service}:{self.action}#{self.nth}"

    @property
    def reads(self) -> bool:
        return self.action.startswith(READS)


@dataclass(frozen=True)
class Case:
    #: resource/mode/operation
    stage: str
    fault: str
    call: Call

    def __str__(self) -> str:
        return f"{self.stage}/{self.fault}/{self.call}"

    @property
    def kind(self) -> str:
        write, read, _ = FAULTS[self.fault]
        return read if self.call.reads else write


def calls_of(recordings: list[list[dict]], accounts: dict[str, str]) -> list[Call]:
    """The calls that an operation made each time that it was recorded: how often AWS is asked while waiting varies."""
    counts = [Counter((accounts[c["account"]], c["service"], c["action"]) for c in calls) for calls in recordings]
    sure = {key: min(count[key] for count in counts) for key in counts[0]}
    return [Call(*key, nth) for key, times in sorted(sure.items()) for nth in range(1, times + 1)]


def cases_of(stage: str, calls: list[Call], every_read: bool = False) -> list[Case]:
    """The cases of one operation, those of one call next to one another."""
    last = {(call.account, call.service, call.action): call for call in calls}
    found = []
    for call in calls:
        if not call.reads:
            faults = list(FAULTS)
        elif every_read:
            faults = list(OF_READS)
        elif last[call.account, call.service, call.action] is call:
            faults = [drawn(f"{stage}/{call.account}/{call.service}:{call.action}")]
        else:
            faults = []
        found += [Case(stage, fault, call) for fault in faults]
    return found


def drawn(name: str) -> str:
    """A fault of reads; the same one for a name each time."""
    return OF_READS[zlib.crc32(name.encode()) % len(OF_READS)]


class Selection:
    """`resource/mode/operation/fault/account/service:Action#n`, from the left as far as wanted, with * and ?."""

    def __init__(self, pattern: str):
        self.parts = pattern.split("/") if pattern else []

    @property
    def names_faults(self) -> bool:
        return len(self.parts) > 3

    def takes(self, path: str) -> bool:
        """Whether it takes this path, or something below it."""
        return all(fnmatchcase(part, wanted) for part, wanted in zip(path.split("/"), self.parts, strict=False))
