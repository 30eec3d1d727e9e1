"""One AWS for all tests of the extension, reset before each; a VPC of the workload account for the tests of EC2."""

import pytest
from aws_emulator.client import Aws


@pytest.fixture(scope="session")
def running():
    with Aws() as aws:
        yield aws


@pytest.fixture
def aws(running):
    running.reset()
    return running


@pytest.fixture
def ec2(aws):
    return aws.client("workload", "ec2")


@pytest.fixture
def vpc(ec2):
    return ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
