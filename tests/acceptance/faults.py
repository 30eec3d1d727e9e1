"""An operation that fails at each of its writing calls in turn, and the next one, which finishes it.

Knows the AWS under test and the CLI. Which resources there are, and what must stand or be gone, is the test's.
"""

from collections.abc import Callable

from aws_emulator.client import Aws
from harness import Workspace

READS = ("Get", "List", "Describe", "Assume")


def writes(aws: Aws) -> list[dict]:
    """Every different writing call since the log was cleared, as a fault's fields."""
    found = []
    for call in aws.calls():
        fault = {"account": call["account"], "service": call["service"], "action": call["action"]}
        if not call["action"].startswith(READS) and fault not in found:
            found.append(fault)
    return found


def fail_each_create(
    aws: Aws, root: Workspace, kind: str, at_least: int, stands: Callable[[], None], gone: Callable[[dict], None]
) -> None:
    """`stands` asserts what holds after the apply that finishes a create, `gone` what does after the destroy."""
    aws.clear_calls()
    root.apply()
    faults = writes(aws)
    assert len(faults) >= at_least
    root.destroy()

    for fault in faults:
        aws.faults.add(kind, **fault)
        first = root.try_apply()
        hit = aws.faults.list()[0]["hit"]
        aws.faults.clear()

        assert hit == 1, fault
        if kind == "deny":
            first.must_fail(fault["action"], fault["account"])
        root.apply()
        stands()
        root.destroy()
        gone(fault)


def fail_each_destroy(aws: Aws, root: Workspace, kind: str, at_least: int, gone: Callable[[dict], None]) -> None:
    root.apply()
    aws.clear_calls()
    root.destroy()
    faults = writes(aws)
    assert len(faults) >= at_least

    for fault in faults:
        root.apply()
        aws.faults.add(kind, **fault)
        first = root.try_destroy()
        aws.faults.clear()

        if kind == "deny":
            first.must_fail(fault["action"], fault["account"])
        if first.code:
            root.destroy()
        assert root.resources() == {}
        gone(fault)
