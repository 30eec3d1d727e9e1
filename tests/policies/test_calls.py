"""The AWS calls in the source: each is one that AWS has, is permitted, and is on the page docs/aws-calls.md."""

import re
from fnmatch import fnmatchcase

import calls
import pytest
from authorization import actions_like
from call_sites import ec2_methods, sources
from error_kinds import kinds
from retries import LOOPS, faults, looping

CALLS = calls.calls()
# What reads at the end of an apply, which the page describes, and what all loops are made of.
NO_LOOPS = ("resources/lifecycle/", "objects/context.rs", "aws/wait.rs")


def test_the_page_is_up_to_date():
    assert calls.PAGE.read_text() == calls.page(), "run `make docs`"


@pytest.mark.parametrize("service", ["eks", "iam", "sts"])
def test_every_operation_of_an_sdk_that_the_source_calls_is_named(service):
    """An operation is a method of the SDK's client, such as `create_role()`."""
    methods = {snake_case(name): name for name in calls.service_model(service).operation_names}
    called = set(re.findall(r"\.(\w+)\(\)", "".join(sources().values())))
    assert {call for call in CALLS if call.startswith(f"{service}:")} == {
        f"{service}:{name}" for method, name in methods.items() if method in called
    }


def snake_case(name: str) -> str:
    """As the Rust SDK names methods: CreateOpenIDConnectProvider is `create_open_id_connect_provider`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def test_every_operation_of_the_ec2_client_is_called():
    assert {call for call in CALLS if call.startswith("ec2:")} == {f"ec2:{name}" for name in ec2_methods().values()}


def test_every_call_is_in_the_model_of_its_service():
    assert {call for call in CALLS if calls.operation(call) not in calls.model(call).operation_names} == set()


def test_all_that_authorizes_a_call_is_in_the_service_authorization_reference():
    needed = {action for call in CALLS for action in calls.actions(call)}
    assert {action for action in needed if len(actions_like(action)) != 1} == set()


def test_every_call_is_granted_or_listed_with_the_reason():
    assert set(CALLS) - calls.granted().keys() == calls.NOT_GRANTED.keys()


def test_an_account_that_grants_a_call_grants_what_it_takes_besides():
    missing = {
        (call, account, action)
        for call in CALLS
        for account in calls.granted().get(call, {})
        for action in calls.actions(call)
        if account not in calls.granted().get(action, {})
    }
    assert missing == set()


def test_nothing_is_granted_that_no_call_takes():
    assert calls.granted().keys() <= {action for call in CALLS for action in calls.actions(call)}


@pytest.mark.parametrize("loop", LOOPS, ids=lambda loop: loop.call)
def test_a_loop_around_a_call_is_in_its_file_with_errors_and_limit(loop):
    assert faults(loop) == []


def test_every_function_that_repeats_calls_has_a_loop_on_the_page():
    around_calls = {(file, function) for file, function in looping() if not file.startswith(NO_LOOPS)}
    assert around_calls == {(loop.file, loop.function) for loop in LOOPS}


def test_every_error_code_that_a_model_names_for_a_call_has_a_meaning():
    """EC2's model names none."""
    known = [code for kind in kinds().values() for text in kind.codes for code in re.findall("`([^`]+)`", text)]
    codes = {code for call in CALLS for code in modelled_codes(call)}
    assert len(codes) > 20
    assert {code for code in codes if not any(fnmatchcase(code, pattern) for pattern in known)} == set()


def modelled_codes(call: str) -> set[str]:
    shapes = calls.model(call).operation_model(calls.operation(call)).error_shapes
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in shapes}


def test_a_code_that_is_of_a_kind_in_some_calls_or_messages_only_says_so():
    assert "`ResourceInUseException` from `eks:Create…`" in kinds()["Exists"].codes
    assert "`MalformedPolicyDocument` with “Invalid principal in policy” in the message" in kinds()["NotYet"].codes
    assert "`InvalidParameterException` from `eks:…` with “invalid principal” in the message" in kinds()["NotYet"].codes
    assert {"`NoSuchEntity`", "`*.NotFound`"} <= set(kinds()["Absent"].codes)
