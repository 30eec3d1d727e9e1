"""A trust policy that names the ID of a deleted principal: IAM accepts no change to it. IAM user guide, "AWS JSON policy elements:
Principal": once a role is deleted, policies show its unique ID in place of its ARN."""

import json
import time
from dataclasses import dataclass

import pytest
from accounts import Accounts, traces
from cross_account_access import ACCESS, access
from irsa_trust import CHAINED, ROLE, trust

#: A Sid as another resource of xeks writes it: the connection, an instance, an index.
OTHER_SID = "Xeks0123456789abx0123456789abcdefx0"


@dataclass(frozen=True)
class Existing:
    """A configuration that adds a statement to a role that existed before, and that role."""

    hcl: str
    account: str
    role: str
    address: str


EXISTING = {
    "access role": Existing(
        access(f'name = "{ACCESS}", existing = true'), "cluster", ACCESS, "xeks_cross_account_access.ec2"
    ),
    "target of a chained trust": Existing(
        trust(f'name = "{ROLE}", existing = true', more=CHAINED), "workload", ROLE, "xeks_irsa_trust.app"
    ),
    "federated role": Existing(trust(f'name = "{ROLE}", existing = true'), "workload", ROLE, "xeks_irsa_trust.app"),
}


@pytest.fixture(params=EXISTING.values(), ids=EXISTING.keys())
def existing(request):
    return request.param


def trusts(*statements: dict) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allows(sid: str, principal: dict) -> dict:
    return {"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}


EC2 = allows("Ops", {"Service": "ec2.amazonaws.com"})


def prepare(aws, existing: Existing) -> tuple[Accounts, dict]:
    """The role as others made it, and what all accounts hold then."""
    accounts = Accounts(aws)
    accounts.iam(existing.account).create_role(RoleName=existing.role, AssumeRolePolicyDocument=trusts(EC2))
    return accounts, aws.dump()


def name_deleted(accounts: Accounts, existing: Existing, sid: str) -> str:
    """Adds a statement that names a role, and deletes that role. Returns its ID."""
    iam = accounts.iam(existing.account)
    person = iam.create_role(RoleName="person", AssumeRolePolicyDocument=trusts(EC2))["Role"]
    document = accounts.trust(existing.account, existing.role)
    statements = [*document["Statement"], allows(sid, {"AWS": person["Arn"]})]
    iam.update_assume_role_policy(RoleName=existing.role, PolicyDocument=trusts(*statements))
    iam.delete_role(RoleName="person")
    assert person["RoleId"] in json.dumps(accounts.trust(existing.account, existing.role))
    return person["RoleId"]


def without(accounts: Accounts, existing: Existing, sid: str) -> None:
    """What the error says: the statement is removed by hand."""
    statements = accounts.trust(existing.account, existing.role)["Statement"]
    kept = [statement for statement in statements if statement["Sid"] != sid]
    accounts.iam(existing.account).update_assume_role_policy(RoleName=existing.role, PolicyDocument=trusts(*kept))


def test_a_foreign_statement_is_a_warning_of_the_plan_and_an_error_at_once(workspace, aws, existing):
    accounts, before = prepare(aws, existing)
    dead = name_deleted(accounts, existing, "People")
    root = workspace(existing.hcl)

    plan = root.plan()
    warned = [str(warning) for warning in plan.warnings if dead in str(warning)]
    assert len(warned) == 1 and "Statement People" in warned[0], plan.warnings

    began = time.monotonic()
    failed = root.try_apply()
    assert failed.code and time.monotonic() - began < 20, "waiting never helps"
    (error,) = failed.errors
    for part in (dead, "Statement People", existing.role, "Remove", "update-assume-role-policy"):
        assert part in str(error), str(error)

    without(accounts, existing, "People")
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def test_a_foreign_statement_stops_the_destroy_before_anything_is_deleted(workspace, aws, existing):
    accounts, before = prepare(aws, existing)
    root = workspace(existing.hcl)
    root.apply()
    objects = set(root.state(existing.address)["objects"])
    dead = name_deleted(accounts, existing, "People")

    failed = root.try_destroy()
    assert failed.code and dead in failed.text and "Statement People" in failed.text
    own_roles = {name for name in objects if "/iam_role/" in name}
    assert own_roles <= set(root.state(existing.address)["objects"])

    without(accounts, existing, "People")
    root.destroy()
    assert not traces(aws, before)


def test_a_statement_of_another_resource_is_dropped_with_its_principal(workspace, aws, existing):
    accounts, before = prepare(aws, existing)
    dead = name_deleted(accounts, existing, OTHER_SID)
    root = workspace(existing.hcl)

    applied = root.apply()
    assert any(dead in str(warning) for warning in applied.warnings)
    assert dead not in json.dumps(accounts.trust(existing.account, existing.role))
    root.assert_empty_plan()

    name_deleted(accounts, existing, OTHER_SID)
    root.destroy()
    assert not traces(aws, before)
