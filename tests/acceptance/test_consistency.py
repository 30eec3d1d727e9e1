"""Eventual consistency and throttling: an apply waits, and the next runs find what it created."""

import pytest
from accounts import traces
from many_resources import mixed
from network import Network

pytestmark = pytest.mark.one_cli


def late(aws, seconds: float, share: float) -> None:
    aws.delay(seconds)
    for at, service in enumerate(("iam", "sts", "eks", "ec2")):
        aws.faults.add("throttle", service=service, times=None, chance=share, seed=at)


def prompt(aws) -> None:
    aws.delay(0)
    aws.faults.clear()


def apply_and_destroy(workspace, aws, count: int, seconds: float, share: float) -> None:
    hcl = mixed(aws, count)
    before = Network(aws).left()
    root = workspace(hcl)
    root.timeout = 900
    late(aws, seconds, share)
    try:
        root.apply()
        assert len(root.resources()) == count
        root.assert_empty_plan()
        root.destroy()
    finally:
        prompt(aws)
    assert root.resources() == {}
    assert not traces(aws, before)


def test_ten_resources_under_delay_and_throttling_leave_nothing(workspace, aws):
    apply_and_destroy(workspace, aws, 10, 5, 0.2)


@pytest.mark.long
def test_fifty_resources_under_delay_and_throttling_leave_nothing(workspace, aws):
    apply_and_destroy(workspace, aws, 50, 15, 0.2)
