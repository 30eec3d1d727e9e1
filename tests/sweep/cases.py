"""Which faults are injected into which calls of an operation, and under which conditions it runs as a whole.

Knows calls by account, service, action and how many of that kind went before. Knows no CLI, no AWS and no resource.
"""

import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from fnmatch import fnmatchcase


class Operation(StrEnum):
    """What a case interrupts."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    REPLACE_FIRST = "replace-first"
    READ = "read"
    IMPORT = "import"
    DESTROY = "destroy"


REPLACEMENTS = (Operation.REPLACE, Operation.REPLACE_FIRST)


class Interruption(Enum):
    """What is done while the emulator holds the call."""

    KILL = "SIGKILL to the provider"
    CTRL_C = "SIGINT to the CLI and the provider"


@dataclass(frozen=True)
class Fault:
    """What happens to one call of an operation."""

    name: str
    meaning: str
    #: The emulator's kind of fault for a call that writes.
    on_write: str
    #: The same for a call that reads; None where reads have no such case.
    on_read: str | None
    interruption: Interruption | None = None
    #: The provider retries the call, and the operation succeeds.
    is_retried: bool = False
    #: The provider is configured not to retry.
    without_retries: bool = False
    #: The error names the account, or the account and the call.
    names_account: bool = False
    names_call: bool = False
    #: The only service that has such a case.
    service: str | None = None
    #: The code that AWS answers, if it is not that of the kind.
    code: str | None = None
    #: How many calls it hits; None is all that follow.
    times: int | None = 1

    def __str__(self) -> str:
        return self.name


FAULTS = [
    Fault("error", "the call is refused before it takes effect", "error", "error", names_account=True, names_call=True, code="InjectedFault"),
    Fault("lost", "the call takes effect, its answer is lost, and it is not retried", "lost_answer", None, without_retries=True),
    Fault("lost-once", "the call takes effect, its answer is lost, and it is retried", "lost_answer", None),
    Fault("throttle", "throttled, then answered", "throttle", "throttle", is_retried=True),
    Fault("500", "the service fails before any effect, then answers", "500", "500", is_retried=True),
    Fault("reset", "the connection is reset before any effect", "reset", "reset", is_retried=True),
    Fault("concurrent", "IAM is busy with another write of the object, twice", "error", None, is_retried=True, service="iam", code="ConcurrentModification", times=2),
    Fault("kill", "kill -9 of the provider once the call took effect", "hold_answer", "hold", Interruption.KILL),
    Fault("kill-before", "kill -9 of the provider while the call is in flight, and it never arrives", "hold", None, Interruption.KILL),
    Fault("interrupt", "Ctrl-C to the CLI while the call is in flight", "hold_answer", "hold", Interruption.CTRL_C),
    Fault("expired", "from this call on the session of the account has expired", "expired", "expired", names_account=True, times=None),
]  # fmt: skip
OF_READS = [fault for fault in FAULTS if fault.on_read]


@dataclass(frozen=True)
class Condition:
    """What AWS does during a whole operation, which succeeds all the same."""

    name: str
    meaning: str
    #: The emulator's settings, each with its seconds.
    settings: tuple[tuple[str, float], ...]
    #: Whether an operation that makes these calls can meet it.
    concerns: Callable[[list["Call"]], bool]

    def __str__(self) -> str:
        return self.name


def _calls(service: str, *actions: str) -> Callable[[list["Call"]], bool]:
    """Whether each of the actions is called."""
    return lambda calls: {(service, action) for action in actions} <= {(call.service, call.action) for call in calls}


def _writes_iam(calls: list["Call"]) -> bool:
    return any(call.service == "iam" and not call.reads for call in calls)


CONDITIONS = [
    Condition("slow-writes", "a write to a role takes its time, and IAM refuses another one meanwhile", (("set_write_seconds", 1),), _writes_iam),
    Condition("late-lists", "IAM's lists show what was there before", (("delay_lists", 2),), _writes_iam),
    Condition("late-deletes", "what was removed from a role or a profile still prevents its deletion", (("delay_deletes", 2),), _calls("iam", "DeleteRole")),
    Condition("late-both", "the same, and IAM's lists show it for even longer", (("delay_deletes", 2), ("delay_lists", 6)), _calls("iam", "DeleteRole")),
    Condition("late-arns", "IAM shows the ids of new roles and profiles in place of their ARNs", (("delay_arns", 2),), _calls("iam", "CreateRole")),
    Condition("late-entries", "EKS takes a deleted access entry for one in use", (("delay_entry_deletes", 2),), _calls("eks", "DeleteAccessEntry", "CreateAccessEntry")),
]  # fmt: skip

READS = ("Get", "List", "Describe", "Assume")

LEGEND = """\
Calls that write: every fault on every call, "concurrent" on those of IAM.
Calls that read: of each action in an account the last call of the operation gets one fault, drawn by the names of
resource, mode, operation and action; other faults, and earlier calls of the action, are left out (SWEEP='*/*/*/*'
leaves none out). A lost answer and a reset connection are the same to a read, and counted once, as reset.
Operations as a whole: each of the last columns once, where the operation makes calls that it concerns."""


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
class Stage:
    """An operation of a resource in a mode."""

    #: RESOURCE/MODE
    mode: str
    operation: Operation

    def __str__(self) -> str:
        return f"{self.mode}/{self.operation}"


@dataclass(frozen=True)
class Case:
    """A fault at a call of an operation, or an operation under a condition."""

    stage: Stage
    fault: Fault | Condition
    call: Call | None = None

    def __str__(self) -> str:
        return f"{self.stage}/{self.fault}" + (f"/{self.call}" if self.call else "")

    @property
    def kind(self) -> str:
        """The emulator's kind of fault."""
        return self.fault.on_read if self.call.reads else self.fault.on_write


def calls_of(recordings: list[list[dict]], accounts: dict[str, str]) -> list[Call]:
    """The calls that an operation made each time that it was recorded: how often AWS is asked while waiting varies."""
    counts = [Counter((accounts[c["account"]], c["service"], c["action"]) for c in calls) for calls in recordings]
    sure = {key: min(count[key] for count in counts) for key in counts[0]}
    return [Call(*key, nth) for key, times in sorted(sure.items()) for nth in range(1, times + 1)]


def cases_of(stage: Stage, calls: list[Call], every_read: bool = False) -> list[Case]:
    """The cases of one operation, those of one call next to one another; at the end those of the operation as a whole."""
    last = {(call.account, call.service, call.action): call for call in calls}
    found = []
    for call in calls:
        if not call.reads:
            faults = [fault for fault in FAULTS if fault.service in (None, call.service)]
        elif every_read:
            faults = OF_READS
        elif last[call.account, call.service, call.action] is call:
            faults = [drawn(f"{stage}/{call.account}/{call.service}:{call.action}")]
        else:
            faults = []
        found += [Case(stage, fault, call) for fault in faults]
    return found + [Case(stage, condition) for condition in CONDITIONS if condition.concerns(calls)]


def drawn(name: str) -> Fault:
    """A fault for a read: always the same one for a name."""
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
