"""`workload_role.permission_set`: the role that IAM Identity Center keeps for a permission set is found, and found again."""

import json

import pytest
from accounts import CLUSTER, WORKLOAD_ACCOUNT, Accounts, traces
from configurations import Refusal
from cross_account_access import ACCESS, ADDRESS, WORKLOAD, access
from instance import exec_of, run_aws
from permission_sets import FIRST, NEXT, assign, assign_again, role_name, sign_in

VIEW = 'policies = { AmazonEKSViewPolicy = { scope = "cluster" } }'


def people(workload_role: str = 'permission_set = "PowerUser"', more: str = "", kubernetes: str = VIEW) -> str:
    return access(None, workload_role, kubernetes, f'mode = "direct"\n{more}')


BY_SET = people()
BY_NAME = people(f'name = "{role_name("PowerUser")}", existing = true, manage_policy = false')


def signs_in(aws, kubeconfig: str, suffix: str = FIRST) -> dict:
    """What the cluster makes of a person who runs the kubeconfig's command."""
    environment = aws.environment("workload") | sign_in(aws, "PowerUser", suffix).environment()
    run = run_aws(exec_of(kubeconfig), {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **environment})
    assert run.returncode == 0, run.stderr
    return aws.review_token(CLUSTER, json.loads(run.stdout)["status"]["token"])


def without_sets(found: set[str]) -> set[str]:
    return {trace for trace in found if "AWSReservedSSO" not in trace}


@pytest.mark.parametrize("region", ["ap-south-1", "us-east-1"])
def test_people_of_a_permission_set_reach_the_cluster(workspace, aws, region):
    arn = assign(aws, "PowerUser", region=region)
    assign(aws, "PowerUser_Admin")
    before = aws.dump()
    root = workspace(BY_SET)
    plan = root.plan()
    assert plan.warnings == []
    root.apply("tfplan")
    root.assert_empty_plan()

    state = root.state(ADDRESS)
    assert state["id"] == f"{CLUSTER}//{role_name('PowerUser')}"
    assert state["workload_role_arn"] == arn
    assert Accounts(aws).associations(arn) == {"AmazonEKSViewPolicy": {"type": "cluster", "namespaces": []}}
    assert signs_in(aws, state["kubeconfig"])["status"] == 200
    root.destroy()
    assert not traces(aws, before)


def test_a_permission_set_that_was_assigned_again_gets_its_access_entry_in_place(workspace, aws):
    former = assign(aws, "PowerUser")
    root = workspace(BY_SET)
    root.apply()
    arn = assign_again(aws, "PowerUser")

    plan = root.plan()
    assert plan.actions(ADDRESS) == ["update"]
    (warning,) = plan.warnings
    assert role_name("PowerUser") in warning.detail and role_name("PowerUser", NEXT) in warning.detail
    root.apply("tfplan")

    root.assert_empty_plan()
    accounts = Accounts(aws)
    assert accounts.associations(arn) == {"AmazonEKSViewPolicy": {"type": "cluster", "namespaces": []}}
    assert accounts.entry(former) is None
    assert signs_in(aws, root.state(ADDRESS)["kubeconfig"], NEXT)["status"] == 200
    root.destroy()
    assert accounts.entry(arn) is None


def test_groups_and_tags_go_with_the_entry_of_the_next_role(workspace, aws):
    assign(aws, "PowerUser")
    root = workspace(
        people(kubernetes='groups = ["devs"], username = "dev:{{SessionName}}"', more='tags = { a = "1" }')
    )
    root.apply()
    arn = assign_again(aws, "PowerUser")
    root.apply()
    root.assert_empty_plan()
    entry = Accounts(aws).entry(arn)
    assert (entry["kubernetesGroups"], entry["username"]) == (["devs"], "dev:{{SessionName}}")


def test_a_plan_without_a_refresh_says_that_the_role_is_another_one(workspace, aws):
    assign(aws, "PowerUser")
    root = workspace(BY_SET)
    root.apply()
    assign_again(aws, "PowerUser")
    root.write(people(more='tags = { a = "1" }'))

    assert "without -refresh=false" in str(root.plan("-refresh=false").warnings)
    root.try_apply("tfplan").must_fail("failed before anything was changed", role_name("PowerUser", NEXT))
    root.apply()
    root.assert_empty_plan()


MISSING = {
    "no permission set": Refusal("", ["No permission set is assigned to account"]),
    "others": Refusal("Poweruser Auditor", ["Did you mean Poweruser?", "Permission sets there: Auditor, Poweruser."]),
}


@pytest.mark.parametrize("case", MISSING)
def test_a_permission_set_that_is_not_assigned_is_a_warning_of_the_plan_and_an_error_of_the_apply(workspace, aws, case):
    for name in MISSING[case].hcl.split():
        assign(aws, name)
    before = aws.dump()
    root = workspace(BY_SET)
    words = ["permission set PowerUser", WORKLOAD_ACCOUNT, "IAM Identity Center", *MISSING[case].words]
    warned = "\n".join(map(str, root.plan().warnings))
    assert not [word for word in words if word not in warned], warned
    root.try_apply().must_fail(*words)
    assert not traces(aws, before)


def test_one_that_is_no_longer_assigned_is_reported_and_can_be_destroyed(workspace, aws):
    before = aws.dump()
    assign(aws, "PowerUser")
    root = workspace(BY_SET)
    root.apply()
    aws.unassign_permission_set("workload", "PowerUser")

    run = root.try_plan()
    assert "permission set PowerUser" in run.text and "IAM Identity Center" in run.text
    root.try_apply().must_fail("permission set PowerUser")
    root.destroy()
    assert not traces(aws, before)


def test_two_roles_of_one_permission_set_are_an_error_that_names_them(workspace, aws):
    assign(aws, "PowerUser")
    assign(aws, "PowerUser", NEXT)
    workspace(BY_SET).try_plan().must_fail(role_name("PowerUser"), role_name("PowerUser", NEXT), "existing = true")


def test_without_the_right_to_list_roles_the_plan_says_that_it_was_not_checked_and_the_apply_fails(workspace, aws):
    assign(aws, "PowerUser")
    aws.faults.add("deny", service="iam", action="ListRoles", times=None)
    root = workspace(BY_SET)
    assert "iam:ListRoles" in str(root.plan().warnings)
    root.try_apply("tfplan").must_fail("iam:ListRoles", "failed before anything was changed")


@pytest.mark.parametrize("hcl", [BY_SET, BY_NAME], ids=["by its permission set", "by its name"])
def test_an_import_by_the_name_of_the_role_replaces_nothing(workspace, aws, hcl):
    assign(aws, "PowerUser")
    before = aws.dump()
    root = workspace(hcl)
    root.apply()
    made = aws.dump()
    root.forget(ADDRESS)
    root.import_(ADDRESS, f"{CLUSTER}//{role_name('PowerUser')}").must_work()
    assert not traces(aws, made), "an import writes nothing"

    if hcl == BY_SET:
        root.assert_empty_plan()
    assert root.plan().actions(ADDRESS) in (["no-op"], ["update"])
    root.apply("tfplan")
    root.assert_empty_plan()
    assert not traces(aws, made)
    root.destroy()
    assert not traces(aws, before)


def test_a_configuration_that_terraform_writes_of_an_import_plans_nothing(workspace, aws):
    assign(aws, "PowerUser")
    root = workspace(BY_SET)
    root.apply()
    id = root.state(ADDRESS)["id"]
    root.forget(ADDRESS)

    root.write(f'import {{\n  to = {ADDRESS}\n  id = "{id}"\n}}\n')
    root.run("plan", "-no-color", "-generate-config-out=made.tf").must_work()
    assert root.plan().changed(ADDRESS) == []
    root.apply("tfplan")
    root.assert_empty_plan()


def test_an_import_of_a_former_role_names_the_current_one(workspace, aws):
    assign(aws, "PowerUser")
    assign_again(aws, "PowerUser")
    run = workspace(BY_SET).import_(ADDRESS, f"{CLUSTER}//{role_name('PowerUser')}")
    assert run.code == 1 and role_name("PowerUser", NEXT) in run.output


@pytest.mark.parametrize("order", [(BY_NAME, BY_SET), (BY_SET, BY_NAME)], ids=["name to set", "set to name"])
def test_a_role_may_be_named_in_the_other_way_in_place(workspace, aws, order):
    assign(aws, "PowerUser")
    before = aws.dump()
    root = workspace(order[0])
    root.apply()
    made = aws.dump()
    root.write(order[1])
    assert root.plan().actions(ADDRESS) == ["update"]
    root.apply("tfplan")
    root.assert_empty_plan()
    assert not traces(aws, made)
    root.destroy()
    assert not traces(aws, before)


def test_another_permission_set_replaces(workspace, aws):
    assign(aws, "PowerUser")
    other = assign(aws, "Auditor")
    root = workspace(BY_SET)
    root.apply()
    root.write(people('permission_set = "Auditor"'))
    assert root.plan().actions(ADDRESS) == ["delete", "create"]
    root.apply()
    root.assert_empty_plan()
    assert Accounts(aws).entries() == sorted({*Accounts(aws).entries(), other})


INVALID = {
    "in mode assume_role": Refusal(access(f'name = "{ACCESS}"', 'permission_set = "PowerUser"'), ["workload_role.permission_set", "direct", "trusted_principal_arns"]),
    "with a name": Refusal(people(f'permission_set = "PowerUser", name = "{WORKLOAD}"'), ["workload_role.permission_set", "either name or permission_set"]),
    "neither": Refusal(people("existing = true"), ["workload_role.name", "permission_set"]),
    "a name that is none": Refusal(people('permission_set = "Power User"'), ["workload_role.permission_set"]),
    "too long a name": Refusal(people(f'permission_set = "{"x" * 33}"'), ["workload_role.permission_set", "1 to 32"]),
    "with an instance profile": Refusal(people('permission_set = "PowerUser", instance_profile = true'), ["workload_role.instance_profile", "Only AWS"]),
    "with managed policies": Refusal(people('permission_set = "PowerUser", managed_policy_arns = []'), ["workload_role.managed_policy_arns", "Only AWS"]),
}  # fmt: skip


@pytest.mark.parametrize("case", INVALID)
def test_validate_refuses_what_a_permission_set_can_not_have(workspace, aws, case):
    aws.clear_calls()
    workspace(INVALID[case].hcl).validate().must_fail(*INVALID[case].words)
    assert aws.calls() == []


def test_an_unknown_permission_set_is_planned_and_found_by_the_apply(workspace, aws):
    assign(aws, "PowerUser")
    root = workspace(
        people("permission_set = terraform_data.set.output")
        + 'resource "terraform_data" "set" { input = "PowerUser" }\n'
    )
    root.apply()
    root.assert_empty_plan()
    root.destroy()
