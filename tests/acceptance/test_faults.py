"""Calls that fail, or take effect and lose their answer: what exists stays known, the next apply goes on from there."""

import pytest
from faults import fail_each_create, fail_each_destroy, writes
from test_access import ADDRESS, WORKLOAD, access
from test_irsa import trust
from world import traces

STORY = access(workload_role=f'name = "{WORKLOAD}", instance_profile = true')
BOTH = STORY + trust()


def test_a_plan_only_reads(workspace, aws):
    root = workspace(BOTH)
    aws.clear_calls()

    root.plan()

    assert aws.calls()
    assert writes(aws) == []


@pytest.mark.parametrize("kind", ["deny", "lost_answer"])
def test_a_create_that_fails_at_any_call_is_finished_by_the_next_apply(workspace, aws, kind):
    before = aws.dump()
    root = workspace(BOTH)

    def gone(fault: dict) -> None:
        assert not traces(aws, before), fault

    fail_each_create(aws, root, kind, at_least=9, stands=root.assert_empty_plan, gone=gone)


@pytest.mark.parametrize("kind", ["deny", "lost_answer"])
def test_a_destroy_that_fails_at_any_call_is_finished_by_the_next(workspace, aws, kind):
    before = aws.dump()

    def gone(fault: dict) -> None:
        assert not traces(aws, before), fault

    fail_each_destroy(aws, workspace(BOTH), kind, at_least=6, gone=gone)


def test_a_create_that_fails_and_is_given_up_leaves_nothing_behind(workspace, aws):
    before = aws.dump()
    root = workspace(STORY)
    aws.faults.add("deny", service="eks", action="AssociateAccessPolicy")

    root.try_apply().must_fail("AssociateAccessPolicy")
    assert ADDRESS in root.resources()
    root.destroy()

    assert not traces(aws, before)


def test_throttled_calls_are_tried_again(workspace, aws):
    root = workspace(STORY)
    for service in ("iam", "eks", "sts"):
        aws.faults.add("throttle", service=service, times=2)
    root.apply()
    root.assert_empty_plan()


def test_iam_that_shows_its_writes_late_is_waited_for(workspace, aws):
    root = workspace(BOTH)
    aws.delay_iam(2.0)
    try:
        root.apply()
    finally:
        aws.delay_iam(0)
    root.assert_empty_plan()
