"""`trusted_principal_arns` of both resources: principals by ARN, patterns, those that do not exist, and those that reach far."""

import json
from dataclasses import dataclass

import pytest
from accounts import CLUSTER_ACCOUNT, TRUSTS_EC2, WORKLOAD_ACCOUNT, Accounts, role_arn, traces
from configurations import Refusal
from cross_account_access import ACCESS, ACCESS_ARN, access
from cross_account_access import ADDRESS as ACCESS_ADDRESS
from irsa_trust import ADDRESS as TRUST_ADDRESS
from irsa_trust import CHAINED, ROLE, trust
from permission_sets import FIRST, NEXT, PATH, assign, assign_again, assumes, pattern, role_name, sign_in

ROLE_ARN = role_arn(WORKLOAD_ACCOUNT, ROLE)
PEOPLE = role_arn(CLUSTER_ACCOUNT, "people")
THIRD_ACCOUNT = "111122223333"
WITHOUT_PATH = role_arn(WORKLOAD_ACCOUNT, role_name("PowerUser"))


def attributes(name: str, principals: tuple[str, ...], more: str = "") -> str:
    listed = f"trusted_principal_arns = {json.dumps(principals)}, " if principals else ""
    return f'{listed}{more + ", " if more else ""}name = "{name}"'


def on_access(*principals: str, more: str = "") -> str:
    return access(attributes(ACCESS, principals, more), kubernetes='groups = ["people"]')


def on_role(*principals: str, more: str = "") -> str:
    return trust(attributes(ROLE, principals, more))


def on_target(*principals: str, more: str = "") -> str:
    return trust(attributes(ROLE, principals, more), more=CHAINED)


@dataclass(frozen=True)
class Trusting:
    """A role that takes principals: HCL for a list of them, the resource's address, and the role's account, name and ARN."""

    hcl: callable
    address: str
    account: str
    name: str
    arn: str
    attribute: str


TRUSTING = {
    "access role": Trusting(on_access, ACCESS_ADDRESS, "cluster", ACCESS, ACCESS_ARN, "access_role"),
    "role": Trusting(on_role, TRUST_ADDRESS, "workload", ROLE, ROLE_ARN, "role"),
    "role behind a pod role": Trusting(on_target, TRUST_ADDRESS, "workload", ROLE, ROLE_ARN, "role"),
}


@pytest.fixture(params=TRUSTING.values(), ids=TRUSTING.keys())
def trusting(request):
    return request.param


def make_people(aws) -> None:
    Accounts(aws).make_role("cluster", "people", TRUSTS_EC2)


def test_people_of_a_permission_set_assume_the_role_also_after_it_was_assigned_again(workspace, aws, trusting):
    assign(aws, "PowerUser")
    assign(aws, "Auditor")
    before = aws.dump()
    root = workspace(trusting.hcl(pattern("PowerUser")))
    root.apply()
    root.assert_empty_plan()
    assert assumes(aws, sign_in(aws, "PowerUser"), trusting.arn)
    assert not assumes(aws, sign_in(aws, "Auditor"), trusting.arn)

    assign_again(aws, "PowerUser")

    root.assert_empty_plan()
    assert assumes(aws, sign_in(aws, "PowerUser", NEXT), trusting.arn)
    aws.unassign_permission_set("workload", "PowerUser")
    assign(aws, "PowerUser")
    root.destroy()
    assert not {trace for trace in traces(aws, before) if "AWSReservedSSO" not in trace}


def test_a_pattern_works_with_trust_in_the_account_and_with_an_external_id(workspace, aws):
    assign(aws, "PowerUser")
    root = workspace(on_access(pattern("PowerUser"), more='trust = "account", external_id = "xeks-1"'))
    root.apply()
    root.assert_empty_plan()
    assert not assumes(aws, sign_in(aws, "PowerUser"), ACCESS_ARN)
    assert assumes(aws, sign_in(aws, "PowerUser"), ACCESS_ARN, ExternalId="xeks-1")


def test_patterns_of_one_account_share_a_statement_beside_principals_by_arn(workspace, aws, trusting):
    make_people(aws)
    other = f"arn:aws:iam::{CLUSTER_ACCOUNT}:role/ci/deploy-?"
    root = workspace(trusting.hcl(PEOPLE, other, pattern("PowerUser"), pattern("Auditor")))
    root.apply()
    root.assert_empty_plan()

    statements = Accounts(aws).trust(trusting.account, trusting.name)["Statement"]
    like = {s["Principal"]["AWS"]: s["Condition"]["ArnLike"]["aws:PrincipalArn"] for s in statements if "ArnLike" in s.get("Condition", {})}  # fmt: skip
    assert like == {
        f"arn:aws:iam::{CLUSTER_ACCOUNT}:root": other,
        f"arn:aws:iam::{WORKLOAD_ACCOUNT}:root": [pattern("Auditor"), pattern("PowerUser")],
    }
    assert any(PEOPLE in s["Principal"].get("AWS", []) for s in statements)


def test_principals_change_in_place_and_come_back_by_import(workspace, aws, trusting):
    make_people(aws)
    before = aws.dump()
    root = workspace(trusting.hcl(PEOPLE))
    root.apply()
    root.write(trusting.hcl(PEOPLE, pattern("PowerUser")))
    assert root.plan().actions(trusting.address) == ["update"]
    root.apply()
    root.assert_empty_plan()

    id = root.state(trusting.address)["id"]
    root.forget(trusting.address)
    root.import_(trusting.address, id).must_work()

    root.assert_empty_plan()
    root.write(trusting.hcl())
    root.apply()
    root.assert_empty_plan()
    root.destroy()
    assert not traces(aws, before)


def test_on_an_existing_role_the_statements_are_added_beside_foreign_ones_and_removed(workspace, aws, trusting):
    accounts = Accounts(aws)
    accounts.make_role(trusting.account, trusting.name, TRUSTS_EC2)
    assign(aws, "PowerUser")
    before = aws.dump()
    root = workspace(trusting.hcl(pattern("PowerUser"), more="existing = true"))
    root.apply()
    root.assert_empty_plan()
    assert assumes(aws, sign_in(aws, "PowerUser"), trusting.arn)

    root.destroy()
    assert not traces(aws, before)


def test_a_pattern_that_was_changed_by_hand_shows_and_is_written_again(workspace, aws, trusting):
    accounts = Accounts(aws)
    root = workspace(trusting.hcl(pattern("PowerUser")))
    root.apply()
    wider = json.dumps(accounts.trust(trusting.account, trusting.name)).replace("PowerUser_*", "*")
    accounts.iam(trusting.account).update_assume_role_policy(RoleName=trusting.name, PolicyDocument=wider)

    changed = root.plan().changed(trusting.address)
    assert [path for path in changed if path.endswith(".document")], changed
    root.apply()
    root.assert_empty_plan()
    assert "PowerUser_*" in json.dumps(accounts.trust(trusting.account, trusting.name))


def principal(resource: str, account: str = WORKLOAD_ACCOUNT, partition: str = "aws", service: str = "iam") -> str:
    return f"arn:{partition}:{service}::{account}:{resource}"


INVALID = {
    "a wildcard for the account": (principal("role/app", "*"), ["12 digits"]),
    "a wildcard in the partition": (principal("role/app-*", partition="aws-*"), ["partition"]),
    "a variable": (principal("role/$${aws:username}*"), ["matches no principal"]),
    "a group": (principal("group/ops-*"), ["matches no principal"]),
    "a pattern of sessions": (principal("assumed-role/app/*", service="sts"), ["ARN of its role"]),
    "a permission set's roles without their path": (principal("role/AWSReservedSSO_PowerUser_*"), ["/aws-reserved/sso.amazonaws.com/REGION/"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_validate_refuses_a_pattern_that_is_none_or_matches_nothing(workspace, aws, trusting, case):
    arn, words = INVALID[case]
    aws.clear_calls()
    hcl = trusting.hcl("PATTERN").replace("PATTERN", arn)
    workspace(hcl).validate().must_fail(f"{trusting.attribute}.trusted_principal_arns", *words)
    assert aws.calls() == []


MISSING = {
    "a role of the workload account": Refusal(role_arn(WORKLOAD_ACCOUNT, "gone"), [f"(looked in {WORKLOAD_ACCOUNT}", "Create the role first"]),
    "a role of the cluster account": Refusal(role_arn(CLUSTER_ACCOUNT, "gone"), [f"(looked in {CLUSTER_ACCOUNT}"]),
    "a user": Refusal(principal("user/gone"), ["names a user that does not exist"]),
    "a role under another path": Refusal(role_arn(CLUSTER_ACCOUNT, "people", "/team/"), [f"is {PEOPLE}", "Use that ARN"]),
    "a session of no role": Refusal(principal("assumed-role/gone/s", service="sts"), ["does not exist"]),
    "a permission set's role without its path": Refusal(WITHOUT_PATH, [f"role{PATH}{role_name('PowerUser')}", pattern("PowerUser")]),
    "a former role of a permission set": Refusal(role_arn(WORKLOAD_ACCOUNT, role_name("PowerUser", NEXT), PATH), ["/REGION/AWSReservedSSO_PowerUser_*"]),
}  # fmt: skip


#: The same apply may create them.
MAY_STILL_COME = {"a role of the workload account", "a role of the cluster account", "a user", "a session of no role"}


@pytest.mark.parametrize("case", MISSING)
def test_a_principal_that_does_not_exist_is_reported_by_the_plan_and_refused_before_anything_is_made(
    workspace, aws, trusting, case
):
    make_people(aws)
    assign(aws, "PowerUser", FIRST)
    before = aws.dump()
    arn, words = MISSING[case].hcl, MISSING[case].words
    root = workspace(trusting.hcl(arn))
    run = root.try_plan()
    run = run.must_work() if case in MAY_STILL_COME else run.must_fail()
    assert not [word for word in (f"{arn} does not exist", *words) if word not in run.text], run.text
    root.try_apply().must_fail(arn)
    assert not traces(aws, before)


def test_a_permission_sets_role_of_a_third_account_that_lacks_its_path_is_a_warning(workspace, trusting):
    arn = role_arn(THIRD_ACCOUNT, role_name("PowerUser"))
    (warning,) = workspace(trusting.hcl(arn)).plan().warnings
    assert "probably does not exist" in warning.summary
    assert f"arn:aws:iam::{THIRD_ACCOUNT}:role/aws-reserved/sso.amazonaws.com/REGION/" in warning.detail


WIDE = {
    "every role": (principal("role/*"), f"trusts all of account {WORKLOAD_ACCOUNT}", "Each role of account"),
    "every user": (principal("user/*"), f"trusts all of account {WORKLOAD_ACCOUNT}", "Each user of account"),
    "every principal": (principal("*"), f"trusts all of account {WORKLOAD_ACCOUNT}", "Each principal of account"),
    "the root": (principal("root"), f"trusts all of account {WORKLOAD_ACCOUNT}", "Each principal of account"),
    "names that others can take": (principal("role/team-*"), "trusts a pattern of names", "can create a role or user"),
}


@pytest.mark.parametrize("case", WIDE)
def test_a_pattern_that_reaches_far_is_a_warning_until_it_is_applied(workspace, aws, trusting, case):
    arn, summary, words = WIDE[case]
    root = workspace(trusting.hcl(arn))
    (warning,) = root.plan().warnings
    assert summary in warning.summary and words in warning.detail
    root.apply()
    root.write(trusting.hcl(arn, more='description = "d"'))
    assert root.plan().warnings == []


def test_every_role_of_a_third_account_without_an_external_id_is_warned_of_as_the_account_is(workspace):
    (warning,) = workspace(on_access(principal("role/*", THIRD_ACCOUNT))).plan().warnings
    assert warning.summary == f"The access role trusts all of account {THIRD_ACCOUNT} without an external ID"
    assert "confused deputy" in warning.detail


@pytest.mark.single_reads
def test_a_permission_set_is_not_warned_of_and_nothing_is_looked_up_for_a_pattern(workspace, aws, trusting):
    aws.clear_calls()
    assert workspace(trusting.hcl(pattern("PowerUser"))).plan().warnings == []
    assert not [call for call in aws.calls() if call["action"] in ("ListRoles", "GetUser")]
