"""What all tests share that run against the emulated AWS: every answer that it gives is one that AWS could give.

The emulator checks its answers against AWS's own models. A wrong one fails the test that got it; the last line of a run
shows how many were checked, by all workers together.
"""

from collections import Counter

import pytest
from aws_emulator import client

_of_workers = Counter()


@pytest.fixture(autouse=True)
def answers_as_aws_gives_them():
    yield
    client.check_all()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["validated"] = client.validated()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    _of_workers.update(getattr(node, "workeroutput", {}).get("validated", {}))


def pytest_terminal_summary(terminalreporter):
    total = _of_workers + Counter(client.validated())
    if total["answers"]:
        numbers = f"{total['requests']:,} requests and {total['answers']:,} answers"
        terminalreporter.write_line(f"{numbers} validated against AWS's models, {total['wrong']:,} wrong")
