"""Fixtures: a CLI with the provider installed, two AWS accounts with the first story's cluster, and workspaces in them.

Each test runs once per CLI that was named with --cli, in accounts that were reset for it.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from accounts import Accounts
from aws_emulator.client import Aws
from drift import Applied
from harness import Cli, Workspace
from workspaces import workspaces


def pytest_addoption(parser):
    parser.addoption("--cli", action="append", default=[], help="a terraform or tofu to test with; may be repeated")
    parser.addoption("--long", action="store_true", help="the tests that take minutes too, which other targets run")
    parser.addoption("--provider", default="build/terraform-provider-xeks", help="the provider's release binary")


def pytest_configure(config):
    config.addinivalue_line("markers", "one_cli: what it shows does not depend on the CLI: run with the first one only")
    config.addinivalue_line("markers", "long: run with --long only")
    config.addinivalue_line("markers", "single_reads: counts or permits single reads of roles: not with XEKS_ROLES=all")


#: Few tests that take half a minute or more each.
LONG_FILES = {
    "test_setups.py",
    "test_golden.py",
    "test_golden_cases.py",
    "test_secret_search.py",
    "test_consistency.py",
    "test_smoke.py",
}


def pytest_collection_modifyitems(items):
    """Long files first: at the end, one of them would keep one worker busy while the others have nothing left."""
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


def pytest_runtest_setup(item):
    if item.get_closest_marker("long") and not item.config.getoption("--long"):
        pytest.skip("takes minutes; --long runs it")
    if item.get_closest_marker("single_reads") and os.environ.get("XEKS_ROLES") == "all":
        pytest.skip("counts or permits the reads of single roles")


def pytest_generate_tests(metafunc):
    if "cli" in metafunc.fixturenames:
        clis = metafunc.config.getoption("--cli") or [os.environ.get("XEKS_CLI", "terraform")]
        if metafunc.definition.get_closest_marker("one_cli"):
            clis = clis[:1]
        metafunc.parametrize("cli", clis, indirect=True, ids=lambda path: Path(path).name, scope="session")


@pytest.fixture(scope="session")
def cli(request, tmp_path_factory) -> Cli:
    provider = Path(request.config.getoption("--provider")).resolve()
    return Cli(request.param, provider, tmp_path_factory.mktemp("cli"))


@pytest.fixture(scope="session")
def running_aws():
    with Aws(story=True) as aws:
        yield aws


@pytest.fixture
def aws(running_aws) -> Aws:
    running_aws.reset()
    return running_aws


@pytest.fixture
def workspace(cli, aws, tmp_path) -> Callable[..., Workspace]:
    """`workspace(hcl, in_provider="…")`: a root module with both accounts signed in as their runners."""
    return workspaces(cli, aws, tmp_path)


@pytest.fixture(scope="module")
def drifting(cli, running_aws, tmp_path_factory) -> Iterator[Callable[..., Applied]]:
    """`drifting(name, address, accounts, set_up)`: `set_up` prepares the accounts, reset before, and returns HCL."""
    made = []

    def drift(name: str, address: str, accounts: Accounts, set_up: Callable[[], str]) -> Applied:
        def begin() -> Workspace:
            running_aws.reset()
            workspace = workspaces(cli, running_aws, tmp_path_factory.mktemp("drift"))(set_up())
            workspace.apply()
            workspace.assert_empty_plan()
            return workspace

        made.append(Applied(f"{name}-{cli.name}", accounts, address, begin))
        return made[-1]

    yield drift
    for applied in made:
        applied.write_table()
