"""Calls that fail: what exists stays in the state, and the next apply continues from it.

tests/objects/failing_calls.rs and sweep.rs have updates, destroys, and answers that are lost.
"""

import time

from accounts import traces
from cross_account_access import ADDRESS, STORY, access
from faults import Write, fail_each_create, writes
from irsa_trust import trust

BOTH = STORY + trust()


def test_a_plan_only_reads(workspace, aws):
    root = workspace(BOTH)
    aws.clear_calls()

    root.plan()

    assert aws.calls()
    assert writes(aws) == []


def test_a_create_that_fails_at_any_call_is_finished_by_the_next_apply(workspace, aws):
    before = aws.dump()
    root = workspace(BOTH)

    def gone(call: Write) -> None:
        assert not traces(aws, before), call

    fail_each_create(aws, root, at_least=9, in_place=root.assert_empty_plan, gone=gone)


def test_a_failed_create_that_is_destroyed_leaves_nothing_behind(workspace, aws):
    before = aws.dump()
    root = workspace(STORY)
    aws.faults.add("deny", service="eks", action="AssociateAccessPolicy")

    root.try_apply().must_fail("AssociateAccessPolicy")
    assert ADDRESS in root.resources()
    root.destroy()

    assert not traces(aws, before)


def test_throttled_calls_are_retried(workspace, aws):
    root = workspace(STORY)
    for service in ("iam", "eks", "sts"):
        aws.faults.add("throttle", service=service, times=2)
    root.apply()
    root.assert_empty_plan()


def test_an_apply_waits_until_writes_to_iam_are_visible(workspace, aws):
    root = workspace(BOTH)
    aws.delay_iam(2.0)
    try:
        root.apply()
    finally:
        aws.delay_iam(0)
    root.assert_empty_plan()


def test_a_timeout_in_the_configuration_ends_a_wait(workspace, aws):
    root = workspace(access(more='timeouts = { create = "3s" }'))
    aws.faults.add("throttle", service="iam", action="CreateRole", times=100000)
    began = time.time()

    root.try_apply().must_fail("CreateRole")

    assert time.time() - began < 30
    aws.faults.clear()
    root.apply()
    root.assert_empty_plan()
