"""One case: the operation with its fault, then what must hold whatever the fault did.

Knows how a case runs and how to judge it. Knows no resource.
"""

import difflib
import os
import re
import subprocess
import time
from dataclasses import dataclass, field

import terminal
from aws_emulator.accounts import ALL_ROLES
from cases import REPLACEMENTS, Case, Condition, Interruption
from dumps import exact
from harness import Run
from worker import APPLY, DESTROY, Worker

_PATIENCE = 60
#: What the CLI reports when a provider violates the protocol, or crashes.
BROKEN = re.compile(
    r"Provider (produced|returned) (an )?(inconsistent|invalid|unexpected)|unexpected new value|bug in the provider"
    r"|plugin (crashed|did not respond|exited)|The plugin encountered an error|panicked|Request cancelled"
    r"|Failed to save state",
    re.IGNORECASE,
)


@dataclass
class Verdict:
    case: Case
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0
    #: Objects without a state that the apply after the fault took over.
    takeovers: int = 0

    @property
    def converged(self) -> bool:
        return not self.problems


def try_case(worker: Worker, case: Case) -> Verdict:
    begun = time.monotonic()
    start = worker.start(case.stage.operation)
    for _ in range(2):
        worker.back_to(start)
        if isinstance(case.fault, Condition):
            first, hit = _conditioned(worker, case.fault, start.arguments), True
        else:
            first, hit = _faulted(worker, case, start.arguments)
        if hit:
            break
    if not hit:
        problems = ["the operation did not make this call, twice"]
    elif isinstance(case.fault, Condition):
        problems = _broken(first) + (["the operation fails"] if first.code else [])
    else:
        problems = _of_the_fault(worker, case, first)
    after, takeovers = _after_the_fault(worker, start.converged)
    problems = [f"{problem}\n" for problem in problems + after]
    return Verdict(case, problems + _said(first, problems), time.monotonic() - begun, takeovers)


def _conditioned(worker: Worker, condition: Condition, arguments: tuple[str, ...]) -> Run:
    """The run during which the condition holds."""
    for setting, seconds in condition.settings:
        getattr(worker.aws, setting)(seconds)
    try:
        return worker.run(*arguments)
    finally:
        worker.aws.reset_settings()
        worker.aws.quiet()


def _faulted(worker: Worker, case: Case, arguments: tuple[str, ...]) -> tuple[Run, bool]:
    """The run that the fault hits, and whether it did."""
    call, aws = case.call, worker.aws
    more = {"times": case.fault.times} | ({"code": case.fault.code} if case.fault.code else {})
    where = {"account": call.account, "service": call.service, "action": call.action, "after": call.nth - 1}
    aws.faults.add(case.kind, **where, **more)
    if case.fault.without_retries:
        worker.configure(retries=0)

    def during(process: subprocess.Popen) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not aws.faults.hit(0.5):
            if process.poll() is not None or time.monotonic() > deadline:
                return
        if case.fault.interruption is Interruption.CTRL_C:
            terminal.interrupt(process)
            aws.faults.release()
        else:
            terminal.kill_provider(process)
            # A call that was sent may take effect after the kill: drop it, so that it never does so during the next
            # run.
            aws.faults.release(drop=True)

    held = case.fault.interruption is not None
    run = worker.run(*arguments, during=during if held else None)
    hit = aws.faults.hit(0)
    aws.faults.clear()
    worker.configure()
    if held:
        aws.faults.release(drop=True)
        aws.quiet()
    return run, hit


def _of_the_fault(worker: Worker, case: Case, run: Run) -> list[str]:
    """What is wrong with the run that the fault hit."""
    account, text = worker.aws.accounts[case.call.account].id, run.text
    if f"sts:GetCallerIdentity in {case.call.account}_account" in text:
        # The call that reads the account's id names the account as the configuration does.
        account = f"{case.call.account}_account"
    if case.fault.interruption is Interruption.KILL:
        return [] if run.code else ["the CLI ended well though its provider was killed"]
    problems = [f"the CLI says: {found.group()}" for found in [BROKEN.search(text)] if found]
    if case.fault.is_retried and run.code:
        problems.append("the call was not retried")
    if not run.code and _may_be_silent(case):
        return problems
    wanted = [account] if case.fault.names_account else []
    wanted += [f"{case.call.service}:{case.call.action}"] if case.fault.names_call else []
    if missing := [word for word in wanted if word not in text]:
        problems.append(f"the error does not name {missing}")
    return problems


def _may_be_silent(case: Case) -> bool:
    """Whether an error of the call, which fails nothing, may go unsaid: Terraform plans a replacement once more as a
    create, and drops the warnings of that plan; and what is not read at once is read one by one."""
    at_once = os.environ.get("XEKS_ROLES") == "all" and f"{case.call.service}:{case.call.action}" in ALL_ROLES
    return (case.call.reads and case.stage.operation in REPLACEMENTS) or at_once


def _after_the_fault(worker: Worker, converged: str) -> tuple[list[str], int]:
    """What is wrong after an apply, a plan and a destroy without a fault; and how many objects that apply took over."""
    problems = []
    if (run := worker.run(*APPLY)).code:
        problems.append(f"apply does not converge:\n{run.text}")
    takeovers = sum("will be taken over" in warning.summary for warning in run.warnings)
    problems += _broken(run)
    if differs := _difference(converged, worker.essential()):
        problems.append(f"it converges to another state than without a fault:\n{differs}")
    if (run := worker.run("plan", "-json", "-detailed-exitcode")).code:
        problems.append(f"the plan is not empty ({run.code}):\n{run.text if run.errors else run.output}")
    problems += _broken(run)
    # By the state alone: it must name every object, and the plan has just read them.
    if (run := worker.run(*DESTROY, "-refresh=false")).code:
        problems.append(f"destroy fails:\n{run.text}")
    problems += _broken(run)
    if worker.root.resources():
        problems.append("the state still names a resource")
    if differs := _difference(worker.before, exact(worker.aws.dump())):
        problems.append(f"destroy leaves the accounts otherwise than before:\n{differs}")
    return problems, takeovers


def _broken(run: Run) -> list[str]:
    return [f"{run.command} says: {found.group()}" for found in [BROKEN.search(run.text)] if found]


def _said(run: Run, problems: list[str]) -> list[str]:
    return [f"the run that the fault hit ended with {run.code}:\n{run.text}"] if problems else []


def _difference(wanted: str, found: str) -> str:
    if wanted == found:
        return ""
    return "\n".join(difflib.unified_diff(wanted.splitlines(), found.splitlines(), "wanted", "found", "", "", 2, ""))
