"""Kills the provider in the middle of an apply, as the kernel kills a process when memory runs out."""

import subprocess
import time

import terminal
from aws_emulator.client import Aws
from cases import Call
from harness import Run, Workspace


def killed_at(root: Workspace, aws: Aws, call: Call, *arguments: str, takes_effect: bool = True) -> Run:
    """Applies, and kills the provider at this call: after the call took effect, or before it can."""
    at = {"account": call.account, "service": call.service, "action": call.action, "after": call.nth - 1}
    aws.faults.add("hold_answer" if takes_effect else "hold", **at)
    killed = []

    def during(process: subprocess.Popen) -> None:
        deadline = time.monotonic() + 30
        while not aws.faults.hit(0.5):
            assert process.poll() is None and time.monotonic() < deadline, f"{call} was not made"
        killed.append(terminal.kill_provider(process))
        aws.faults.release(drop=True)

    run = terminal.run(root, "apply", "-json", "-auto-approve", *arguments, during=during)
    aws.faults.clear()
    aws.faults.release(drop=True)
    aws.quiet()
    assert killed and run.code == 1, run.text
    return run
