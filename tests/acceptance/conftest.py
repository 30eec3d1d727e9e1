"""Fixtures: each test runs once per CLI that was named with --cli."""

import os
from pathlib import Path

import pytest
from harness import Cli


def pytest_addoption(parser):
    parser.addoption("--cli", action="append", default=[], help="a terraform or tofu to test with; may be repeated")
    parser.addoption("--provider", default="build/terraform-provider-xeks", help="the provider's release binary")


def pytest_generate_tests(metafunc):
    if "cli" in metafunc.fixturenames:
        clis = metafunc.config.getoption("--cli") or [os.environ.get("XEKS_CLI", "terraform")]
        metafunc.parametrize("cli", clis, indirect=True, ids=lambda path: Path(path).name, scope="session")


@pytest.fixture(scope="session")
def cli(request, tmp_path_factory) -> Cli:
    provider = Path(request.config.getoption("--provider")).resolve()
    return Cli(request.param, provider, tmp_path_factory.mktemp("cli"))
