"""A create that is denied each of its writes in turn, and the next apply, which finishes it.

Knows the emulated AWS and the CLI. Which resources there are, and what must exist or be gone, is the test's.
"""

from collections.abc import Callable
from dataclasses import dataclass

from aws_emulator.client import Aws
from harness import Workspace

READS = ("Get", "List", "Describe", "Assume")


@dataclass(frozen=True)
class Write:
    """A call that writes, in the account of this id."""

    account: str
    service: str
    action: str

    def deny(self, aws: Aws) -> None:
        """The next such call is denied."""
        aws.faults.add("deny", account=self.account, service=self.service, action=self.action)


def writes(aws: Aws) -> list[Write]:
    """Every different call that writes, since the log was cleared."""
    calls = [Write(call["account"], call["service"], call["action"]) for call in aws.calls()]
    return list(dict.fromkeys(call for call in calls if not call.action.startswith(READS)))


def fail_each_create(
    aws: Aws, root: Workspace, at_least: int, in_place: Callable[[], None], gone: Callable[[Write], None]
) -> None:
    """`in_place` asserts what holds after the apply that finishes a create, `gone` what holds after the destroy."""
    aws.clear_calls()
    root.apply()
    calls = writes(aws)
    assert len(calls) >= at_least
    root.destroy()

    for call in calls:
        call.deny(aws)
        first = root.try_apply()
        hit = aws.faults.list()[0]["hit"]
        aws.faults.clear()

        assert hit == 1, call
        first.must_fail(call.action, call.account)
        root.apply()
        in_place()
        root.destroy()
        gone(call)
