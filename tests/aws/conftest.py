"""One AWS for all tests of the extension, reset before each."""

import pytest
from xeks_aws.client import Aws


@pytest.fixture(scope="session")
def running():
    with Aws() as aws:
        yield aws


@pytest.fixture
def aws(running):
    running.reset()
    return running
