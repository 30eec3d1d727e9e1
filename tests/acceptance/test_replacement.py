"""Replacement, in both orders: every object is in place afterwards, and a destroy leaves no trace."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from accounts import Accounts, traces
from cross_account_access import ACCESS, ADDRESS, STORY, WORKLOAD, access, assert_story_in_place
from every_object import CREATE_FIRST
from irsa_trust import ADDRESS as TRUST
from irsa_trust import CHAINED, ROLE, trust


def test_replace_creates_every_object_again(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(STORY)
    root.apply()
    old = accounts.role("cluster", ACCESS)["RoleId"]

    root.apply(f"-replace={ADDRESS}")

    assert accounts.role("cluster", ACCESS)["RoleId"] != old
    assert_story_in_place(accounts)
    root.assert_empty_plan()


def test_create_before_destroy_keeps_what_the_new_resource_took_over(workspace, aws):
    root = workspace(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more="lifecycle {\n  create_before_destroy = true\n}"))  # fmt: skip
    root.apply()

    root.apply(f"-replace={ADDRESS}")

    assert_story_in_place(Accounts(aws))
    root.assert_empty_plan()
    root.destroy()


def test_a_renamed_workload_role_replaces(workspace, aws):
    accounts = Accounts(aws)
    root = workspace(STORY)
    root.apply()

    root.write(access(workload_role='name = "renamed", instance_profile = true'))
    root.apply()

    assert accounts.role("workload", WORKLOAD) is None
    assert_story_in_place(accounts, "renamed")
    root.assert_empty_plan()


def test_a_renamed_workload_role_cannot_share_the_access_role_with_the_old_one(workspace, aws):
    """With create_before_destroy both resources exist at once, and an access role can belong to one only: refused, and nothing is lost."""
    first = "lifecycle {\n  create_before_destroy = true\n}"
    root = workspace(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more=first))
    root.apply()

    root.write(access(workload_role='name = "renamed", instance_profile = true', more=first))
    root.try_apply().must_fail("remove create_before_destroy")

    root.write(access(workload_role=f'name = "{WORKLOAD}", instance_profile = true', more=first))
    root.apply()
    assert_story_in_place(Accounts(aws))
    assert Accounts(aws).role("workload", "renamed") is None
    root.assert_empty_plan()


@dataclass(frozen=True)
class Replaced:
    """A configuration that takes `more` lines, the address of its resource, and the foreign roles that it expects."""

    address: str
    hcl: Callable[[str], str]
    foreign_roles: tuple[tuple[str, str], ...] = ()


BOTH_ROLES = (("workload", WORKLOAD), ("cluster", ACCESS))
TRUSTS = {
    "federated": Replaced(TRUST, lambda more: trust(more=more)),
    "chained": Replaced(TRUST, lambda more: trust(more=f"{CHAINED}\n{more}")),
    "existing": Replaced(
        TRUST, lambda more: trust(f'name = "{ROLE}", existing = true', more=more), (("workload", ROLE),)
    ),
    "adopted": Replaced(TRUST, lambda more: trust(more=f'adopt = "if_exists"\n{more}'), (("workload", ROLE),)),
}
ACCESSES = {
    "existing": Replaced(ADDRESS, lambda more: access(f'name = "{ACCESS}", existing = true', f'name = "{WORKLOAD}", existing = true', more=more), BOTH_ROLES),
    "adopted": Replaced(ADDRESS, lambda more: access(more=f'adopt = "if_exists"\n{more}'), BOTH_ROLES),
    "direct": Replaced(ADDRESS, lambda more: access(None, more=f'mode = "direct"\n{more}')),
}  # fmt: skip
in_both_orders = pytest.mark.parametrize("more", ["", CREATE_FIRST], ids=["destroy first", "create first"])


def replace(workspace, aws, replaced: Replaced, more: str) -> None:
    accounts = Accounts(aws)
    for account, name in replaced.foreign_roles:
        accounts.make_foreign_role(account, name)
    before = aws.dump()
    root = workspace(replaced.hcl(more))
    root.apply()

    root.apply(f"-replace={replaced.address}")

    root.assert_empty_plan()
    assert replaced.address in root.resources()
    assert replaced.address != TRUST or "sts:AssumeRoleWithWebIdentity" in json.dumps(aws.dump())
    root.destroy()
    assert not traces(aws, before)


@in_both_orders
@pytest.mark.parametrize("kind", TRUSTS)
def test_a_trust_is_replaced_completely(workspace, aws, kind, more):
    replace(workspace, aws, TRUSTS[kind], more)


@in_both_orders
@pytest.mark.parametrize("kind", ACCESSES)
def test_an_access_is_replaced_completely(workspace, aws, kind, more):
    replace(workspace, aws, ACCESSES[kind], more)
