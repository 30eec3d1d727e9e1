"""`make demo` and `make playground`, the first commands of a new user: what they show, and what they print to be run."""

import os
import signal
import subprocess
import sys
from itertools import takewhile

import pytest
from stories import ROOT

pytestmark = pytest.mark.one_cli

DEMO = ROOT / "tests" / "demo"
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}


@pytest.fixture
def program(cli, request):
    """`program(name, *arguments)`: the program of that make target, as a process."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(DEMO)])}
    binaries = ["--provider", request.config.getoption("--provider"), "--cli", cli.executable]

    def start(name: str, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen([sys.executable, str(DEMO / name), *binaries, *arguments], env=environment, **PIPES)

    return start


def test_the_demo_shows_that_both_stories_work_and_leaves_nothing(program):
    with program("demo.py") as demo:
        shown, _ = demo.communicate(timeout=300)
    assert demo.returncode == 0, shown[-3000:]
    assert shown.count("repaired: every hop is ok again") == 4 and "both accounts are as before" in shown


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_commands_that_the_playground_prints_work_until_it_is_ended(program, cli, tmp_path, end):
    with program("playground.py", "--folder", str(tmp_path / "playground")) as playground:
        try:
            printed = list(takewhile(lambda line: not line.startswith("Change an object"), playground.stdout))
            printed += [playground.stdout.readline() for _ in range(2)]
            commands = "".join(
                line.replace("apply", "apply -auto-approve") for line in printed if line.startswith("  ")
            )
            script = commands.partition("  export")[2]
            shell = ["bash", "-e", "-c", f"export {script}\n{cli.executable} plan -detailed-exitcode"]
            environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
            run = subprocess.run(shell, env=environment, timeout=120, check=False, **PIPES)
            assert run.returncode == 2 and "added, 0 changed, 0 destroyed." in run.stdout, run.stdout[-3000:]
        finally:
            playground.send_signal(end)
        assert playground.wait(timeout=30) == 0
        assert "The two accounts are deleted" in playground.stdout.read()
