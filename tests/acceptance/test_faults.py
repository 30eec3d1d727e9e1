"""Calls that fail, or take effect and lose their answer: what exists stays in the state, and the next apply continues from it."""

import itertools
import time

import pytest
from accounts import traces
from cross_account_access import ACCESS, ADDRESS, STORY, WORKLOAD, access
from faults import Write, fail_each_create, fail_each_destroy, writes
from irsa_trust import trust

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

    def gone(call: Write) -> None:
        assert not traces(aws, before), call

    fail_each_create(aws, root, kind, at_least=9, in_place=root.assert_empty_plan, gone=gone)


@pytest.mark.parametrize("kind", ["deny", "lost_answer"])
def test_a_destroy_that_fails_at_any_call_is_finished_by_the_next(workspace, aws, kind):
    before = aws.dump()

    def gone(call: Write) -> None:
        assert not traces(aws, before), call

    fail_each_destroy(aws, workspace(BOTH), kind, at_least=6, gone=gone)


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


OTHER = access(
    f'name = "{ACCESS}", external_id = "e-1", description = "d"',
    f'name = "{WORKLOAD}", instance_profile = true, instance_profile_name = "other", max_session_duration = 7200',
    'username = "u", groups = ["g"], policies = { AmazonEKSViewPolicy = { scope = "namespace", namespaces = ["a"] } }',
    'tags = { a = "1" }',
)


def test_an_update_that_fails_at_any_call_can_be_retried_reverted_or_destroyed(workspace, aws):
    before = aws.dump()
    root = workspace(STORY + trust())
    after = OTHER + trust(service_accounts='{ namespace = "b", name = "*" }', more='audiences = ["vault"]')
    root.apply()
    root.write(after)
    aws.clear_calls()
    root.apply()
    # An audience stays with a provider that was made here, so that only the first update adds it.
    calls = [call for call in writes(aws) if call.action != "AddClientIDToOpenIDConnectProvider"]
    assert len(calls) > 8

    for call, then in zip(calls, itertools.cycle(["retry", "revert", "destroy"])):
        root.write(STORY + trust())
        root.apply()
        root.write(after)
        call.fail(aws, "deny")
        root.try_apply().must_fail(call.action)
        aws.faults.clear()

        if then == "destroy":
            root.destroy()
            assert not traces(aws, before), call
            continue
        root.write(after if then == "retry" else STORY + trust())
        root.apply()
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
